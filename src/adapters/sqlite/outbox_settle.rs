//! Settling on SQLite: the token is checked row by row, and recognises what was applied before.

use super::{breaker, history::History, outbox::add_destination};
use crate::{
    adapters::columns::Columns,
    domain::{
        fingerprint::Failure,
        latency,
        outbox::{BreakerChange, RowState, Settle, Settled, SettledColumns, Settlement},
    },
};
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde_json::json;
use std::collections::HashSet;

const SENT: &str = include_str!("sql/outbox_settle_sent.sql");
const BACK: &str = include_str!("sql/outbox_settle_back.sql");
const DEAD: &str = include_str!("sql/outbox_settle_dead.sql");
const REPEAT: &str = include_str!("sql/outbox_settle_repeat.sql");
pub(super) const FOLLOWERS: &str = include_str!("sql/outbox_followers.sql");
const ACCEPTED: &str = include_str!("sql/outbox_accepted.sql");

pub(super) fn settle(
    connection: &Connection,
    now: i64,
    settle: &Settle,
    instance: &str,
) -> rusqlite::Result<Vec<Settled>> {
    let token = settle.token.to_string();
    let destination = settle.destination.to_string();
    let mut answers = Vec::with_capacity(settle.rows.len());
    // A repeat, or a settle that lost all its leases, must not count an outage or an acceptance (again).
    let mut news = settle.rows.is_empty();
    let mut accepted = false;
    let mut history = History::new(connection, now, instance, &destination);
    let sent = sent(connection, now, settle, &token, &mut history)?;
    for ((seq, settlement), failure) in settle.rows.iter().zip(settle.failures()) {
        let applied = match settlement {
            Settlement::Sent => sent.contains(seq),
            _ => apply(connection, now, *seq, &token, settlement, failure.as_ref(), &mut history)?,
        };
        if applied {
            news = true;
            accepted |= matches!(settlement, Settlement::Sent);
            answers.push(Settled::Applied);
            continue;
        }
        let params = named_params! {":seq": seq, ":token": token};
        let before = connection.prepare_cached(REPEAT)?.query_row(params, |_| Ok(())).optional()?;
        answers.push(if before.is_some() { Settled::Applied } else { Settled::LeaseLost });
    }
    if accepted {
        add_destination(connection, &destination)?;
        let params = named_params! {":destination": destination, ":now": now};
        connection.prepare_cached(ACCEPTED)?.execute(params)?;
    }
    if news && settle.breaker != BreakerChange::Leave {
        breaker::change(connection, now, &destination, &token, &settle.breaker)?;
    }
    history.store()?;
    Ok(answers)
}

/// Settles all rows that were sent, and returns those of which the lease is ours.
fn sent(
    connection: &Connection,
    now: i64,
    settle: &Settle,
    token: &str,
    history: &mut History<'_>,
) -> rusqlite::Result<HashSet<i64>> {
    let sent = settle.rows.iter().filter(|(_, settlement)| *settlement == Settlement::Sent);
    let seqs: Vec<i64> = sent.map(|(seq, _)| *seq).collect();
    if seqs.is_empty() {
        return Ok(HashSet::new());
    }
    let params = named_params! {":seqs": json!(seqs).to_string(), ":token": token, ":now": now};
    let mut statement = connection.prepare_cached(SENT)?;
    let applied = statement.query_map(params, |row| {
        history.count_latency(row.number("OccurredOnUtc")?);
        row.number("Seq")
    })?;
    applied.collect()
}

/// `false`: nothing was changed, because the lease is not ours (any more).
fn apply(
    connection: &Connection,
    now: i64,
    seq: i64,
    token: &str,
    settlement: &Settlement,
    failure: Option<&Failure>,
    history: &mut History<'_>,
) -> rusqlite::Result<bool> {
    let SettledColumns { delay_ms, claims, retries, outcome, error } = settlement.columns();
    let outcome = outcome.map(|outcome| outcome as i64);
    let fingerprint = failure.map(|failure| failure.fingerprint.as_str());
    let id_of = |row: &Row<'_>| row.text("Id");
    let (state, id) = match settlement {
        // With all others of their kind.
        Settlement::Sent => return Ok(false),
        Settlement::Retry { .. } | Settlement::Release { .. } => {
            let due_at = now.saturating_add(delay_ms);
            let params = named_params! {
                ":seq": seq, ":token": token, ":now": now, ":due_at": due_at, ":claims": claims,
                ":retries": retries, ":outcome": outcome, ":error": error, ":fingerprint": fingerprint,
            };
            let id = connection.prepare_cached(BACK)?.query_row(params, id_of).optional()?;
            if id.is_some() && delay_ms > 0 {
                let params = named_params! {":seq": seq, ":due_at": due_at};
                connection.prepare_cached(FOLLOWERS)?.execute(params)?;
            }
            (RowState::Pending, id)
        }
        Settlement::Dead { .. } => {
            let params = named_params! {
                ":seq": seq, ":token": token, ":now": now, ":retries": retries, ":outcome": outcome, ":error": error,
                ":fingerprint": fingerprint,
            };
            (RowState::Dead, connection.prepare_cached(DEAD)?.query_row(params, id_of).optional()?)
        }
    };
    let Some(id) = id else { return Ok(false) };
    history.attempt(seq, state, outcome, error.as_deref())?;
    if let Some(failure) = failure {
        history.count(if state == RowState::Dead { latency::GIVEN_UP } else { latency::FAILED });
        history.group(failure, id);
    }
    Ok(true)
}
