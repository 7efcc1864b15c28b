//! The outbox on SQLite: each call of the port is one transaction; larger ones have their own files.

use super::{db::Sqlite, history::History, outbox_claim, outbox_route, outbox_settle, rows};
use crate::{
    adapters::columns::{self, Columns},
    domain::{
        outbox::{Claim, Claimed, Settle, Settled, bounded},
        outbox_failures::unsendable,
        route::Routes,
    },
    ports::{
        error::StoreResult,
        outbox::{Outbox, Routed, Waiting},
    },
};
use async_trait::async_trait;
use rusqlite::{Connection, named_params};
use serde_json::Value;

const DUE: &str = include_str!("sql/outbox_due.sql");
const DESTINATIONS_OF_ROWS: &str = include_str!("sql/outbox_destinations_of_rows.sql");
const DESTINATION_ADD: &str = include_str!("sql/outbox_destination_add.sql");
const DESTINATION_NAMES: &str = include_str!("sql/outbox_destination_names.sql");
const DEAD_LETTER: &str = include_str!("sql/outbox_dead_letter.sql");

#[async_trait]
impl Outbox for Sqlite {
    async fn ensure_destinations(&self, names: &[String]) -> StoreResult<()> {
        let names = names.to_vec();
        self.write("add destinations", move |transaction, _| {
            names.iter().try_for_each(|name| add_destination(transaction, name))
        })
        .await
    }

    async fn route(&self, routes: &Routes, rows_max: u32) -> StoreResult<Routed> {
        let (routes, instance) = (routes.clone(), self.instance());
        self.write_alone("route", move |transaction, now| {
            outbox_route::route(transaction, now, &routes, rows_max, &instance)
        })
        .await
    }

    async fn waiting(&self, routes: &Routes) -> StoreResult<Waiting> {
        let types = routes.0.keys().map(String::as_str).collect::<Value>().to_string();
        let (waiting, missing) = self.read("read what is due", move |read, now| waiting(read, now, &types)).await?;
        if missing {
            self.write_alone("add destinations", |transaction, _| transaction.execute(DESTINATIONS_OF_ROWS, []))
                .await?;
        }
        Ok(waiting)
    }

    /// A write waits for the file's one lock, and fails if it does not get it.
    async fn holders(&self) -> Vec<String> {
        Vec::new()
    }

    async fn claim(&self, claim: &Claim) -> StoreResult<Claimed> {
        let (claim, instance) = (claim.clone(), self.instance());
        self.write_alone("claim", move |transaction, now| outbox_claim::claim(transaction, now, &claim, &instance))
            .await
    }

    async fn settle(&self, settle: &Settle) -> StoreResult<Vec<Settled>> {
        let (settle, instance) = (settle.clone(), self.instance());
        self.write_alone("settle", move |transaction, now| outbox_settle::settle(transaction, now, &settle, &instance))
            .await
    }

    async fn dead_letter(&self, destination: &str, reason: &str, rows_max: u32) -> StoreResult<u32> {
        let (destination, reason, instance) = (destination.to_owned(), bounded(reason), self.instance());
        self.write_alone("dead-letter", move |transaction, now| {
            let mut history = History::new(transaction, now, &instance, &destination);
            let dead = dead_letter(transaction, now, &destination, &reason, rows_max, &mut history)?;
            history.store()?;
            Ok(dead)
        })
        .await
    }
}

pub(super) fn add_destination(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(DESTINATION_ADD)?.execute(named_params! {":name": name}).map(drop)
}

/// A row count in SQLite's type; none of our steps exceeds it.
pub(super) fn count_of(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

/// `true`: a destination has no row in Destinations yet.
fn waiting(connection: &Connection, now: i64, types: &str) -> rusqlite::Result<(Waiting, bool)> {
    let mut statement = connection.prepare_cached(DUE)?;
    let mut found = statement.query(named_params! {":now": now, ":types": types})?;
    let (mut waiting, mut missing) = (Waiting::default(), false);
    while let Some(row) = found.next()? {
        missing |= columns::outbox::due(row, rows::time_of(now), &mut waiting)?;
    }
    Ok((waiting, missing))
}

fn dead_letter(
    connection: &Connection,
    now: i64,
    destination: &str,
    reason: &str,
    rows_max: u32,
    history: &mut History<'_>,
) -> rusqlite::Result<u32> {
    let mut names = vec![destination.as_bytes().to_vec()];
    // For a name that is not UTF-8, `due` returns an approximation: find the stored names that it stands for.
    if destination.contains('\u{fffd}') {
        let mut statement = connection.prepare(DESTINATION_NAMES)?;
        let all = statement.query_map([], |row| row.content("Destination"))?.collect::<rusqlite::Result<Vec<_>>>()?;
        names.extend(
            all.into_iter()
                .filter(|name| std::str::from_utf8(name).is_err() && String::from_utf8_lossy(name) == destination),
        );
    }
    let failure = unsendable(destination, reason);
    let mut dead = 0;
    for name in names {
        let left = rows_max - dead;
        let params = named_params! {
            ":destination": name, ":now": now, ":error": reason, ":fingerprint": failure.fingerprint, ":rows_max": left,
        };
        dead += history.dead_letter(DEAD_LETTER, params, &failure)?;
    }
    Ok(dead)
}

#[cfg(test)]
#[path = "outbox_plans.rs"]
mod plans;
