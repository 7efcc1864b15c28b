//! Pruning on SQLite: each step one short transaction that finds its rows by an index.

use super::{db::Sqlite, outbox::count_of};
use crate::{
    adapters::columns::Columns,
    ports::{
        error::StoreResult,
        retention::{Prunable, Retention},
    },
};
use async_trait::async_trait;
use rusqlite::{Row, named_params};

const DAY_MS: i64 = 86_400_000;

#[async_trait]
impl Retention for Sqlite {
    async fn prune(&self, what: Prunable, rows_max: u32) -> StoreResult<u32> {
        self.write_alone("prune", move |transaction, now| {
            let before = now.saturating_sub(what.older_than_days().saturating_mul(DAY_MS));
            let params = named_params! {":before": before, ":rows_max": rows_max};
            let mut statement = transaction.prepare_cached(sql_of(what))?;
            if !matches!(what, Prunable::ErasedMails { .. }) {
                return statement.execute(params).map(count_of);
            }
            let key = |row: &Row<'_>| Ok((row.text("Consumer")?, row.text("MessageId")?));
            let erased = statement.query_map(params, key)?.collect::<rusqlite::Result<Vec<_>>>()?;
            let mut attempts = transaction.prepare_cached(include_str!("sql/prune_erased_attempts.sql"))?;
            for (consumer, id) in &erased {
                attempts.execute(named_params! {":consumer": consumer, ":id": id})?;
            }
            Ok(count_of(erased.len()))
        })
        .await
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
