//! Pruning on SQLite: each step one short transaction that finds its rows by an index.

use super::{db::Sqlite, outbox::count_of};
use crate::ports::{
    error::StoreResult,
    retention::{Prunable, Retention},
};
use async_trait::async_trait;
use rusqlite::named_params;

const FINISHED_ROWS: &str = include_str!("sql/prune_finished_rows.sql");
const EXPIRED_KEYS: &str = include_str!("sql/prune_expired_keys.sql");
const TOMBSTONES: &str = include_str!("sql/prune_tombstones.sql");
const REFUSED_BODIES: &str = include_str!("sql/prune_refused_bodies.sql");
const ERASED_ROWS: &str = include_str!("sql/prune_erased_rows.sql");
const ERASED_MAILS: &str = include_str!("sql/prune_erased_mails.sql");
const ERASURES: &str = include_str!("sql/prune_erasures.sql");

const DAY_MS: i64 = 86_400_000;

#[async_trait]
impl Retention for Sqlite {
    async fn prune(&self, what: Prunable, rows_max: u32) -> StoreResult<u32> {
        let (sql, days) = match what {
            Prunable::FinishedRows { older_than_days } => (FINISHED_ROWS, older_than_days),
            Prunable::ExpiredKeys => (EXPIRED_KEYS, 0),
            Prunable::Tombstones { older_than_days } => (TOMBSTONES, older_than_days),
            Prunable::RefusedBodies { older_than_days } => (REFUSED_BODIES, older_than_days),
            Prunable::ErasedRows { dead_older_than_days } => (ERASED_ROWS, dead_older_than_days),
            Prunable::ErasedMails { older_than_days } => (ERASED_MAILS, older_than_days),
            Prunable::Erasures { older_than_days } => (ERASURES, older_than_days),
        };
        self.write("prune", move |transaction, now| {
            let before = now.saturating_sub(days.saturating_mul(DAY_MS));
            let params = named_params! {":before": before, ":rows_max": rows_max};
            transaction.prepare_cached(sql)?.execute(params).map(count_of)
        })
        .await
    }
}
