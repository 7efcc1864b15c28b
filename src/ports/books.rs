//! The books: clients and their financial records, written together with their messages or not at all.

use super::error::StoreResult;
use crate::domain::{
    booking::{Booked, Entry, Refusal},
    client::Client,
    ids::ClientId,
    period::Period,
    record::FinancialRecord,
};
use async_trait::async_trait;

/// How a write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// Written in one transaction: the change, the message rows, and the key with this answer.
    Done(Booked),
    /// The key already has an answer; this is that answer, and nothing was written now.
    Replayed(Booked),
    /// Refused by a rule; nothing was written and no key stored.
    Refused(Refusal),
    /// The same key is being written by another request and did not finish within 2 s; nothing was written.
    KeyBusy,
}

/// The books and their idempotency keys.
#[async_trait]
pub trait Books: Send + Sync {
    /// In ONE transaction and in this order: lock the key (busy: wait up to 2 s, then `KeyBusy`), look for its answer
    /// (same fingerprint → `Replayed`, other → `Refused(KeyReused)`; expired keys count as absent), read the
    /// `Snapshot`, `entry.decide`, then write change, outbox rows (one per destination; one with Destination '' where
    /// there is none) and the key with its answer. There is no way to write a record without its message, and a message
    /// without a change (`Command::Enqueue`) is about a record that stays as it was read until the commit.
    async fn commit(&self, entry: &Entry) -> StoreResult<Committed>;

    /// One client. None: it does not exist.
    async fn client(&self, id: ClientId) -> StoreResult<Option<Client>>;

    /// Clients with an id above `after`, by id, at most `limit`.
    async fn clients(&self, after: i64, limit: u32) -> StoreResult<Vec<Client>>;

    /// One record. None: it, or its client, does not exist.
    async fn record(&self, id: ClientId, period: Period) -> StoreResult<Option<FinancialRecord>>;

    /// A client's records, by year and month, all or of one year or month. None: the client does not exist. There are
    /// at most 101 × 12 rows.
    async fn records(
        &self,
        id: ClientId,
        year: Option<u16>,
        month: Option<u8>,
    ) -> StoreResult<Option<Vec<FinancialRecord>>>;
}
