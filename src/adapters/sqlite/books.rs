//! The books on SQLite.

use super::{Sqlite, books_read, books_write};
use crate::{
    domain::{booking::Entry, client::Client, ids::ClientId, period::Period, record::FinancialRecord},
    ports::{
        books::{Books, Committed},
        error::{StoreError, StoreResult},
    },
};
use async_trait::async_trait;
use rusqlite::ErrorCode;

#[async_trait]
impl Books for Sqlite {
    async fn commit(&self, entry: &Entry) -> StoreResult<Committed> {
        let entry = entry.clone();
        let keyed = entry.idempotency.is_some();
        let lifetime_ms = self.key_lifetime_ms();
        let done = self.write("book", move |tx, now| books_write::commit(tx, now, &entry, lifetime_ms)).await;
        match done {
            // The one write lock locks every key, and the wait for it is as long as the wait for a key.
            Err(error) if keyed && is_busy(&error) => Ok(Committed::KeyBusy),
            done => done,
        }
    }

    async fn client(&self, id: ClientId) -> StoreResult<Option<Client>> {
        self.read("read client", move |tx, _| books_read::client(tx, id)).await
    }

    async fn clients(&self, after: i64, limit: u32) -> StoreResult<Vec<Client>> {
        self.read("list clients", move |tx, _| books_read::clients(tx, after, limit)).await
    }

    async fn record(&self, id: ClientId, period: Period) -> StoreResult<Option<FinancialRecord>> {
        self.read("read record", move |tx, _| books_read::record(tx, id, period)).await
    }

    async fn records(
        &self,
        id: ClientId,
        year: Option<u16>,
        month: Option<u8>,
    ) -> StoreResult<Option<Vec<FinancialRecord>>> {
        let read = move |tx: &rusqlite::Connection, _| match books_read::client(tx, id)? {
            Some(_) => books_read::records(tx, id, year, month).map(Some),
            None => Ok(None),
        };
        self.read("list records", read).await
    }
}

fn is_busy(error: &StoreError) -> bool {
    let StoreError::Unavailable { source: Some(source), .. } = error else { return false };
    let code = source.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
    matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

#[cfg(test)]
#[path = "books_costs.rs"]
mod costs;
