//! Routing on SQLite: rows without a destination get theirs, by Seq, in one transaction.

use super::{
    history::History,
    outbox::{add_destination, count_of},
};
use crate::{
    adapters::columns::Columns,
    domain::{
        outbox::RowState,
        outbox_failures::{self, DUPLICATE_ID, unsendable},
        route::Routes,
    },
    ports::outbox::Routed,
};
use rusqlite::{Connection, OptionalExtension, named_params, types::Null};

pub(super) const UNROUTED: &str = include_str!("sql/outbox_unrouted.sql");
const TWIN: &str = include_str!("sql/outbox_route_twin.sql");
const FIRST: &str = include_str!("sql/outbox_route_first.sql");
const SIBLING: &str = include_str!("sql/outbox_route_sibling.sql");
const END: &str = include_str!("sql/outbox_route_end.sql");

pub(super) fn route(
    connection: &Connection,
    now: i64,
    routes: &Routes,
    rows_max: u32,
    instance: &str,
) -> rusqlite::Result<Routed> {
    let mut history = History::new(connection, now, instance, outbox_failures::UNROUTED);
    let duplicate = unsendable(outbox_failures::UNROUTED, DUPLICATE_ID);
    let mut report = Routed::default();
    for destination in routes.destinations() {
        add_destination(connection, &destination.to_string())?;
    }
    for (seq, event_type) in unrouted(connection, routes, rows_max)? {
        let twin = connection.prepare_cached(TWIN)?.query_row(named_params! {":seq": seq}, |_| Ok(())).optional()?;
        if twin.is_some() {
            let params = named_params! {
                ":seq": seq, ":state": RowState::Dead as i64, ":processed_on": Null, ":error": DUPLICATE_ID,
                ":fingerprint": duplicate.fingerprint,
            };
            report.duplicates += history.dead_letter(END, params, &duplicate)?;
            continue;
        }
        let destinations = routes.names_of(event_type);
        let Some((first, others)) = destinations.split_first() else {
            let why = format!("Routes__{event_type} is set to nothing: this event goes to nobody");
            let params = named_params! {
                ":seq": seq, ":state": RowState::Discarded as i64, ":processed_on": now, ":error": why,
                ":fingerprint": Null,
            };
            connection.prepare_cached(END)?.query_row(params, |_| Ok(())).optional()?;
            report.discarded += 1;
            continue;
        };
        connection.prepare_cached(FIRST)?.execute(named_params! {":seq": seq, ":destination": first})?;
        report.routed += 1;
        for other in others {
            connection.prepare_cached(SIBLING)?.execute(named_params! {":seq": seq, ":destination": other})?;
        }
        report.siblings += count_of(others.len());
    }
    history.store()?;
    Ok(report)
}

/// The oldest rows of all routed types together.
fn unrouted<'a>(connection: &Connection, routes: &'a Routes, rows_max: u32) -> rusqlite::Result<Vec<(i64, &'a str)>> {
    let mut statement = connection.prepare_cached(UNROUTED)?;
    let mut found = Vec::new();
    for event_type in routes.0.keys() {
        let params = named_params! {":event_type": event_type, ":rows_max": rows_max};
        for seq in statement.query_map(params, |row| row.number("Seq"))? {
            found.push((seq?, event_type.as_str()));
        }
    }
    found.sort_unstable();
    found.truncate(usize::try_from(rows_max).unwrap_or(usize::MAX));
    Ok(found)
}
