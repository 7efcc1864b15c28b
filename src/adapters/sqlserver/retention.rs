//! Pruning on SQL Server: each step one short transaction that finds its rows by an index.

use super::{
    db::{SqlServer, read},
    outbox::NOW,
    rows,
    statement::Statement,
};
use crate::ports::{
    error::StoreResult,
    retention::{Prunable, Retention},
};
use async_trait::async_trait;

const FINISHED_ROWS: &str = include_str!("sql/prune_finished_rows.sql");
const EXPIRED_KEYS: &str = include_str!("sql/prune_expired_keys.sql");
const TOMBSTONES: &str = include_str!("sql/prune_tombstones.sql");
const REFUSED_BODIES: &str = include_str!("sql/prune_refused_bodies.sql");
const ERASED_ROWS: &str = include_str!("sql/prune_erased_rows.sql");
const ERASED_MAILS: &str = include_str!("sql/prune_erased_mails.sql");
const ERASURES: &str = include_str!("sql/prune_erasures.sql");

/// More than anyone keeps, and within every calendar: datetime2 begins with the year 1, Babelfish adds from 1753 on.
const DAYS_MAX: i64 = 90_000;

#[async_trait]
impl Retention for SqlServer {
    async fn prune(&self, what: Prunable, rows_max: u32) -> StoreResult<u32> {
        let step = "prune";
        let (sql, days) = match what {
            Prunable::FinishedRows { older_than_days } => (FINISHED_ROWS, older_than_days),
            Prunable::ExpiredKeys => (EXPIRED_KEYS, 0),
            Prunable::Tombstones { older_than_days } => (TOMBSTONES, older_than_days),
            Prunable::RefusedBodies { older_than_days } => (REFUSED_BODIES, older_than_days),
            Prunable::ErasedRows { dead_older_than_days } => (ERASED_ROWS, dead_older_than_days),
            Prunable::ErasedMails { older_than_days } => (ERASED_MAILS, older_than_days),
            Prunable::Erasures { older_than_days } => (ERASURES, older_than_days),
        };
        let days = i32::try_from(days.clamp(0, DAYS_MAX)).unwrap_or_default();
        let statement =
            Statement::of(&[NOW, sql]).with("days", days).with("rows_max", i64::from(rows_max)).repeatable();
        read(step, rows::only_count(&self.execute(step, statement).await?, "Done"))
    }
}
