//! The record of what operators did.

use crate::{adapters::columns::Columns, domain::operations::Signature};
use rusqlite::{Connection, named_params};
use serde_json::json;

/// Records who did what to how many rows, and why, in the transaction that did it. `messages`: whose page shows it.
pub(super) fn record(
    db: &Connection,
    now: i64,
    action: &str,
    target: &str,
    rows: u64,
    messages: &[&str],
    by: &Signature,
) -> rusqlite::Result<()> {
    let mut entry = db.prepare_cached(include_str!("sql/remedy_record.sql"))?;
    let what = named_params! {
        ":now": now,
        ":actor": by.actor,
        ":action": action,
        ":target": target,
        ":reason": by.reason,
        ":rows": i64::try_from(rows).unwrap_or(i64::MAX),
    };
    let entry = entry.query_row(what, |row| row.number("Id"))?;
    let mut about = db.prepare_cached(include_str!("sql/remedy_record_messages.sql"))?;
    about.execute(named_params! { ":entry": entry, ":ids": json!(messages).to_string() })?;
    Ok(())
}
