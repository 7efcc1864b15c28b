//! The record of what operators did.

use crate::ports::ops::Signature;
use rusqlite::{Connection, named_params};

/// Records who did what, and why: only for what was done, and in the same transaction.
pub(super) fn record(db: &Connection, now: i64, action: &str, target: &str, by: &Signature) -> rusqlite::Result<()> {
    db.prepare_cached(include_str!("sql/ops_record.sql"))?.execute(named_params! {
        ":now": now,
        ":actor": by.actor,
        ":action": action,
        ":target": target,
        ":reason": by.reason,
    })?;
    Ok(())
}
