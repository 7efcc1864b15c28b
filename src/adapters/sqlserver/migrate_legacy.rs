//! Taking over the OutboxMessages table of the .NET system: what it would do, reported before it is done.
//!
//! Migrations do it, so that it is in the history and in the script for a DBA: U0 renames the table, V1 creates ours as
//! everywhere, V4 copies rows. All of it is one transaction.
//!
//! **Renamed and copied, not altered in place.** The old clustered key is a GUID and must become `Seq`, and the GUID
//! column must become text. In place, each change rewrites every row under a schema lock, fully logged, and the numbers
//! of a new IDENTITY would follow the GUIDs, not the time. A rename is instant. Copied are the waiting rows (few) and
//! the newest 10,000 sent ones (so that `ops show` finds them), in the order in which they occurred; the millions that
//! were sent earlier are not touched. The new table is then the same as on a new database, column by column, and the
//! old one is a complete copy to go back to. What a rename loses is restored or refused: grants are copied, EF's name
//! of the key is freed, and triggers and foreign keys that point to the table are refused by name.
//!
//! **The Id** becomes text as .NET's `Guid.ToString()` writes it, in lower case: the old processor may have sent a row
//! without marking it as sent, and the row must then go out with the same MessageId. EF inserts a uniqueidentifier
//! later, which SQL Server converts to upper case; such an id never changes either. An old processor that still runs
//! reads the Id as a Guid and fails before it sends. If it read the Id as text, it could not mark a row as processed,
//! since CK_Outbox_Unfinished ties that column to State.
//!
//! **A row** keeps its EventType, Payload, time and RetryCount; `Error` is copied to `LastError`. It is routed like any
//! plain row. A row that is not JSON or is too long to be sent becomes dead in the dispatcher, with that
//! reason. A row that does not fit our columns (no EventType or one of over 200 characters, no Payload) is dead from
//! the start.

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

/// One sentence, if there is such a table.
pub(super) async fn reported(session: &mut Session, limit: Duration) -> StoreResult<Option<String>> {
    let step = "read the old OutboxMessages";
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
