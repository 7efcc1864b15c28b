//! Pause, drain and resume of destinations and mail providers.

use super::remedy_record::record;
use crate::{
    adapters::columns::Columns,
    domain::{
        delivery::EMAIL_CONSUMER,
        operations::{PauseAction, PauseReport, PauseRequest, Signature},
    },
};
use rusqlite::{Connection, named_params};

pub(super) fn change(
    db: &Connection,
    now: i64,
    request: &PauseRequest,
    by: &Signature,
) -> rusqlite::Result<Option<PauseReport>> {
    let mut known = db.prepare_cached(include_str!("sql/pause_names.sql"))?;
    let known = known.query_map([], |row| row.text("Name"))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let Some(names) = request.names(known) else { return Ok(None) };
    let mut report = PauseReport { names, changed: 0, leased: 0 };
    for name in &report.names {
        let changed = match request.action {
            PauseAction::Resume => db
                .prepare_cached(include_str!("sql/pause_end.sql"))?
                .execute(named_params! { ":name": name, ":now": now })?,
            PauseAction::Pause | PauseAction::Drain => {
                // One that only rows name is stored first.
                db.prepare_cached(include_str!("sql/outbox_destination_add.sql"))?
                    .execute(named_params! { ":name": name })?;
                db.prepare_cached(include_str!("sql/pause_begin.sql"))?.execute(named_params! {
                    ":name": name,
                    ":until": request.for_ms.map_or(UNTIL_RESUMED_MS, |ms| now.saturating_add(ms).min(UNTIL_RESUMED_MS)),
                    ":by": by.actor,
                    ":reason": by.reason,
                    ":now": now,
                    ":drain": request.action == PauseAction::Drain,
                })?
            }
        };
        report.changed += changed as u64;
        let mut leased = db.prepare_cached(include_str!("sql/pause_leased.sql"))?;
        let consumer = name.starts_with("mail:").then_some(EMAIL_CONSUMER);
        let which = named_params! { ":name": name, ":consumer": consumer, ":now": now };
        report.leased += leased.query_row(which, |row| row.total("Leased"))?;
    }
    if report.changed > 0 {
        record(db, now, request.action.name(), &request.target(), report.changed, &[], by)?;
    }
    Ok(Some(report))
}

/// The end of year 9999.
const UNTIL_RESUMED_MS: i64 = 253_402_300_799_000;
