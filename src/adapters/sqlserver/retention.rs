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

/// Longer than anyone keeps rows, and within every calendar: datetime2 begins in year 1, Babelfish's DATEADD in 1753.
const DAYS_MAX: i64 = 90_000;

#[async_trait]
impl Retention for SqlServer {
    async fn prune(&self, what: Prunable, rows_max: u32) -> StoreResult<u32> {
        let step = "prune";
        let days = i32::try_from(what.older_than_days().clamp(0, DAYS_MAX)).unwrap_or_default();
        let erases = matches!(what, Prunable::ErasedMails { .. });
        let more = if erases { include_str!("sql/prune_erased_attempts.sql") } else { "" };
        let statement = Statement::of(&[NOW, sql_of(what), more])
            .with("days", days)
            .with("rows_max", i64::from(rows_max))
            .repeatable();
        read(step, rows::only_count(&self.execute(step, statement).await?, "Done"))
    }
}

fn sql_of(what: Prunable) -> &'static str {
    match what {
        Prunable::FinishedRows { .. } => include_str!("sql/prune_finished_rows.sql"),
        Prunable::ExpiredKeys => include_str!("sql/prune_expired_keys.sql"),
        Prunable::Tombstones { .. } => include_str!("sql/prune_tombstones.sql"),
        Prunable::RefusedBodies { .. } => include_str!("sql/prune_refused_bodies.sql"),
        Prunable::ErasedRows { .. } => include_str!("sql/prune_erased_rows.sql"),
        Prunable::ErasedMails { .. } => include_str!("sql/prune_erased_mails.sql"),
        Prunable::Erasures { .. } => include_str!("sql/prune_erasures.sql"),
        Prunable::Minutes => include_str!("sql/prune_minutes.sql"),
        Prunable::Heartbeats => include_str!("sql/prune_heartbeats.sql"),
        Prunable::PlanRows => include_str!("sql/prune_plan_rows.sql"),
        Prunable::Plans => include_str!("sql/prune_plans.sql"),
        Prunable::Groups { .. } => include_str!("sql/prune_groups.sql"),
    }
}
