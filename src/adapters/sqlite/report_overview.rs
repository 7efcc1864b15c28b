//! The overview: what is unfinished, from partial indexes, and what was settled, from a small table.

use super::{migrate, rows};
use crate::{
    adapters::columns::{
        Columns,
        overview::{self, Parts, REFUSED_RECENT_MS},
    },
    domain::{
        delivery::EMAIL_CONSUMER,
        operations::Overview,
        rate_limit::{HOUR_MS, MINUTE_MS},
    },
    ports::operations::OverviewQuery,
};
use rusqlite::{Connection, OptionalExtension, Params, Row, named_params};

pub(super) fn overview(db: &Connection, now: i64, query: &OverviewQuery) -> rusqlite::Result<Overview> {
    let at = rows::time_of(now);
    let mut destinations =
        all(db, include_str!("sql/report_destinations.sql"), named_params! { ":now": now }, |row| {
            overview::destination(row)
        })?;
    let mut oldest = db.prepare_cached(include_str!("sql/report_oldest_claimable.sql"))?;
    for (one, _) in destinations.iter_mut().filter(|(one, _)| !one.name.is_empty() && one.pending + one.leased > 0) {
        let which = named_params! { ":destination": one.name, ":now": now };
        let due_at = oldest.query_row(which, |row| row.number("OldestDueAt")).optional()?;
        one.oldest_claimable_ms = due_at.map(|due_at| now.saturating_sub(due_at));
    }
    let mails = named_params! { ":consumer": EMAIL_CONSUMER, ":recent": now.saturating_sub(REFUSED_RECENT_MS) };
    let windows =
        named_params! { ":provider": query.provider, ":now": now, ":minute_ms": MINUTE_MS, ":hour_ms": HOUR_MS };
    let since = named_params! { ":since": now.saturating_sub(i64::from(query.minutes) * 60_000) };
    let counted =
        db.prepare_cached(include_str!("sql/report_room.sql"))?.query_row(windows, |row| overview::counted(row))?;
    let parts = Parts {
        destinations,
        not_routed: all(db, include_str!("sql/report_not_routed.sql"), [], |row| overview::not_routed(row))?,
        mail_states: all(db, include_str!("sql/report_mail_states.sql"), mails, |row| overview::mail_state(row))?,
        counted,
        heartbeats: all(db, include_str!("sql/report_heartbeats.sql"), [], |row| overview::heartbeat(row, at))?,
        minutes: all(db, include_str!("sql/report_minutes.sql"), since, |row| overview::minute(row))?,
        stalled: None,
        schema_version: migrate::version(db)?,
    };
    Ok(parts.overview(query, at))
}

pub(super) fn all<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    db.prepare_cached(sql)?.query_map(params, read)?.collect()
}
