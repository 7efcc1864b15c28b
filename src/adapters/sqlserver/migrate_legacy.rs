//! Taking over the OutboxMessages table of the .NET system: what it would mean, told before it is done.
//!
//! It is done by two migrations, so that it is in the history and in the script for a DBA like all else: U0 renames the
//! table, V1 makes ours as everywhere, V4 copies rows. All of it is one transaction.
//!
//! **Renamed and copied, not altered in place.** Its clustered key is a GUID and must become `Seq`, and its GUID column
//! must become text: in place each is a rewrite of every row under a schema lock, logged in full, and the numbers of a
//! new IDENTITY would follow the GUIDs, not the time. A rename is instant, what is copied is what waits (few rows) and
//! the newest 10,000 that were sent (so that `ops show` knows them), in the order in which they occurred; the millions
//! that were sent earlier are not touched. The table is then the same as on a new database, column by column, and the
//! old one is a complete copy to go back to. What a rename loses is put back or refused: grants are copied, EF's name of
//! the key is freed, triggers and foreign keys that point there are refused by name.
//!
//! **The Id** becomes text as .NET's `Guid.ToString()` writes it, in lower case: the old processor may have sent a row
//! whose mark it could not write any more, and then it is the same MessageId again. What EF inserts later is a
//! uniqueidentifier, which SQL Server turns into upper case; that is one id for life too. An old processor that still
//! runs reads the Id as a Guid and fails before it sends; one that read it as text could not mark a row as processed,
//! since CK_Outbox_Unfinished ties that column to State.
//!
//! **A row** keeps its EventType, Payload, time and RetryCount; `Error` is copied to `LastError` and stays. It is routed
//! like any plain row. What is no JSON, or too long to be sent, is found dead by the dispatcher with that reason; what
//! our columns cannot hold (no EventType, one of over 200 characters, no Payload) is dead from the start.

use super::{
    db::read,
    rows,
    session::{Results, Session},
};
use crate::{adapters::columns::Columns, ports::error::StoreResult};
use std::time::Duration;
use tiberius::error::Error;

const FOUND: &str = include_str!("sql/migrate_legacy_found.sql");
const COUNTED: &str = include_str!("sql/migrate_legacy.sql");

/// A sentence, where there is such a table.
pub(super) async fn reported(session: &mut Session, limit: Duration) -> StoreResult<Option<String>> {
    let step = "look at the old OutboxMessages";
    let found = read(step, session.batch(FOUND, limit).await)?;
    if read(step, rows::only_count(&found, "Legacy"))? == 0 {
        return Ok(None);
    }
    let counted = read(step, session.batch(COUNTED, limit).await)?;
    read(step, sentence(&counted)).map(Some)
}

fn sentence(results: &Results) -> Result<String, Error> {
    let Some(row) = rows::having(results, "Waiting").next() else { return Ok(String::new()) };
    let (all, waiting, tried) = (row.total("LegacyRows")?, row.total("Waiting")?, row.total("Tried")?);
    let since = row.time_opt("Oldest")?.map(|time| format!(", the oldest of {}", time.format("%Y-%m-%d %H:%M")));
    Ok(format!(
        "dbo.OutboxMessages of the .NET system would be taken over: {waiting} of its {all} rows wait{} ({tried} were \
         tried before) and would be sent; the whole table stays as dbo.OutboxMessages_Legacy. Stop the old processor first",
        since.unwrap_or_default()
    ))
}
