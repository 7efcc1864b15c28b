//! Routing on SQL Server: rows without a destination get theirs, by Seq, in one batch.

use super::{history, outbox::NOW, rows, session::Results, statement::Statement};
use crate::{
    domain::{
        outbox_failures::{DUPLICATE_ID, UNROUTED as NO_DESTINATION, unsendable},
        route::Routes,
    },
    ports::outbox::Routed,
};
use serde_json::{Value, json};
use tiberius::error::Error;

const UNROUTED: &str = include_str!("sql/outbox_unrouted.sql");
const END: &str = include_str!("sql/outbox_route_end.sql");
const FIRST: &str = include_str!("sql/outbox_route_first.sql");
const SIBLING: &str = include_str!("sql/outbox_route_sibling.sql");

/// `None`: no event type has a route, so there is nothing to look for.
pub(super) fn statement(routes: &Routes, rows_max: u32, instance: &str) -> Option<Statement> {
    let mut table: Vec<Value> = Vec::new();
    for event_type in routes.0.keys() {
        let destinations = routes.names_of(event_type);
        if destinations.is_empty() {
            table.push(json!({"t": event_type, "n": 0, "d": null}));
        }
        let of_type = destinations.iter().enumerate();
        table.extend(of_type.map(|(place, destination)| json!({"t": event_type, "n": place, "d": destination})));
    }
    let failure = unsendable(NO_DESTINATION, DUPLICATE_ID);
    let statement = Statement::of(&[NOW, UNROUTED, END, &history::of_dead("@duplicates"), FIRST, SIBLING])
        .with("duplicate", DUPLICATE_ID.to_owned())
        .with("fingerprint", failure.fingerprint.clone())
        .with("routes", Value::from(table.clone()).to_string())
        .with("rows_max", i64::from(rows_max));
    (!table.is_empty()).then(|| history::with(statement, instance, NO_DESTINATION, [&failure]))
}

pub(super) fn routed(results: &Results) -> Result<Routed, Error> {
    Ok(Routed {
        routed: rows::only_count(results, "Routed")?,
        siblings: rows::only_count(results, "Siblings")?,
        discarded: rows::only_count(results, "Discarded")?,
        duplicates: rows::only_count(results, "Duplicates")?,
    })
}
