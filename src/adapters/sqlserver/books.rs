//! The books on SQL Server.

use super::{
    books_read, books_write,
    db::{SqlServer, read},
    statement::Statement,
};
use crate::{
    domain::{booking::Entry, client::Client, ids::ClientId, period::Period, record::FinancialRecord},
    ports::{
        books::{Books, Committed},
        error::StoreResult,
    },
};
use async_trait::async_trait;

#[async_trait]
impl Books for SqlServer {
    async fn commit(&self, entry: &Entry) -> StoreResult<Committed> {
        books_write::commit(self, entry).await
    }

    async fn client(&self, id: ClientId) -> StoreResult<Option<Client>> {
        let step = "read client";
        let results = self.query(step, Statement::new(books_read::CLIENT).with("id", id.0)).await?;
        Ok(read(step, books_read::clients(&results))?.pop())
    }

    async fn clients(&self, after: i64, limit: u32) -> StoreResult<Vec<Client>> {
        let step = "list clients";
        let page = Statement::new(books_read::CLIENTS).with("after", after).with("limit", i64::from(limit));
        read(step, books_read::clients(&self.query(step, page).await?))
    }

    async fn record(&self, id: ClientId, period: Period) -> StoreResult<Option<FinancialRecord>> {
        let found = self.records(id, Some(period.year()), Some(period.month())).await?;
        Ok(found.and_then(|mut records| records.pop()))
    }

    async fn records(
        &self,
        id: ClientId,
        year: Option<u16>,
        month: Option<u8>,
    ) -> StoreResult<Option<Vec<FinancialRecord>>> {
        let step = "list records";
        let statement = Statement::of(&[books_read::CLIENT, books_read::RECORDS])
            .with("id", id.0)
            .with("year", year.map(i32::from))
            .with("month", month.map(i32::from));
        let results = self.query(step, statement).await?;
        let known = !read(step, books_read::clients(&results))?.is_empty();
        Ok(if known { Some(read(step, books_read::records(&results))?) } else { None })
    }
}
