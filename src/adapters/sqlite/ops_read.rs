//! What operators read of the outbox: the state of each destination, rows, one message.

use super::{migrate, rows};
use crate::{
    adapters::columns::{Columns, mail, operator},
    domain::{delivery::EMAIL_CONSUMER, ids::Spellings},
    ports::ops::{Found, OutboxRow, RowFilter, Status},
};
use rusqlite::{Connection, OptionalExtension, named_params};

pub(super) fn status(db: &Connection, now: i64, routed_types: &[String]) -> rusqlite::Result<Status> {
    let mut lines = db.prepare_cached(include_str!("sql/ops_status.sql"))?;
    let mut destinations = lines
        .query_map(named_params! { ":now": now }, |row| operator::destination(row))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut oldest = db.prepare_cached(include_str!("sql/ops_oldest_claimable.sql"))?;
    for one in destinations.iter_mut().filter(|one| !one.name.is_empty() && one.pending + one.leased > 0) {
        let which = named_params! { ":destination": one.name, ":now": now };
        let due_at = oldest.query_row(which, |row| row.number("OldestDueAt")).optional()?;
        one.oldest_claimable_ms = due_at.map(|due_at| now.saturating_sub(due_at));
    }
    let mut mails = db.prepare_cached(include_str!("sql/ops_mail_counts.sql"))?;
    let mail = mails
        .query_map(named_params! { ":consumer": EMAIL_CONSUMER }, |row| mail::count(row))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut not_routed = db.prepare_cached(include_str!("sql/ops_not_routed.sql"))?;
    let not_routed =
        not_routed.query_map([], |row| operator::not_routed(row))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut status = Status { destinations, mail, schema_version: migrate::version(db)?, ..Status::default() };
    status.count_not_routed(not_routed, routed_types, rows::time_of(now));
    Ok(status)
}

pub(super) fn list(db: &Connection, filter: &RowFilter) -> rusqlite::Result<Vec<OutboxRow>> {
    let mut statement = db.prepare_cached(include_str!("sql/ops_list.sql"))?;
    let which = named_params! {
        ":state": filter.state.map(|state| state as i64),
        ":destination": filter.destination,
        ":event_type": filter.event_type,
        ":after": filter.after,
        ":limit": filter.limit,
    };
    statement.query_map(which, |row| operator::outbox_row(row))?.collect()
}

pub(super) fn find(db: &Connection, consumer: &str, text: &str) -> rusqlite::Result<Option<Found>> {
    let Spellings { exact, lower, upper, seq } = Spellings::of(text);
    let mut statement = db.prepare_cached(include_str!("sql/ops_find.sql"))?;
    let which = named_params! { ":exact": exact, ":lower": lower, ":upper": upper, ":consumer": consumer, ":seq": seq };
    statement.query_row(which, |row| operator::found(row)).optional()
}

pub(super) fn show(db: &Connection, id: &str) -> rusqlite::Result<Vec<OutboxRow>> {
    let mut statement = db.prepare_cached(include_str!("sql/ops_show.sql"))?;
    statement.query_map(named_params! { ":id": id }, |row| operator::outbox_row(row))?.collect()
}
