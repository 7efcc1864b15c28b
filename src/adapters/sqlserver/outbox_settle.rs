//! Settling on SQL Server: all rows of a claim in one batch; the token recognises what was applied before.

use super::{breaker, db::millis, history, outbox::NOW, rows, session::Results, statement::Statement};
use crate::{
    adapters::columns::Columns,
    domain::{
        fingerprint::Failure,
        outbox::{Settle, Settled, SettledColumns, Settlement},
    },
};
use serde_json::{Value, json};
use std::sync::LazyLock;
use tiberius::error::Error;

const SETTLE: &str = include_str!("sql/outbox_settle.sql");
const FAILED: &str = include_str!("sql/outbox_settle_failed.sql");
const FOLLOWERS: &str = include_str!("sql/outbox_followers.sql");
const ACCEPTED: &str = include_str!("sql/outbox_accepted.sql");
const REPEAT: &str = include_str!("sql/outbox_settle_repeat.sql");

static FAILED_ROWS: LazyLock<String> = LazyLock::new(|| [FAILED, history::ATTEMPT, history::GROUP].join("\n"));

/// A row's outcome in the JSON that the batch reads.
const SENT: i32 = 0;
const BACK: i32 = 1;
const DEAD: i32 = 2;

pub(super) fn statement(settle: &Settle, instance: &str) -> Statement {
    let destination = settle.destination.to_string();
    let failures = settle.failures();
    let rows = settle.rows.iter().zip(&failures).enumerate();
    let table: Vec<Value> =
        rows.map(|(position, ((seq, what), failure))| line(position, *seq, what, failure.as_ref())).collect();
    let all_sent = settle.rows.iter().all(|(_, what)| *what == Settlement::Sent);
    let failed = if all_sent { "" } else { FAILED_ROWS.as_str() };
    // Leave, close and open are three texts and so three plans, each with and without rows that failed.
    let files = [NOW, SETTLE, FOLLOWERS, failed, ACCEPTED, breaker::sql_of(&settle.breaker), history::COUNT, REPEAT];
    let statement = Statement::of(&files)
        .with("token", settle.token.to_string())
        .with("rows", Value::from(table).to_string())
        .with("destination", destination.clone());
    let mut groups: Vec<&Failure> = failures.iter().flatten().collect();
    groups.sort_unstable_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
    groups.dedup();
    let statement = history::with(statement, instance, &destination, groups);
    breaker::with_change(statement, &destination, &settle.breaker)
}

/// `None`: another transaction locks some of the rows; the others are settled, and a repeat recognises them.
pub(super) fn settled(results: &Results) -> Result<Option<Vec<Settled>>, Error> {
    let mut answers = Vec::new();
    for row in rows::having(results, "Applied") {
        let settled = match row.number("Applied")? {
            0 => Settled::LeaseLost,
            1 => Settled::Applied,
            _ => return Ok(None),
        };
        answers.push((row.number("Place")?, settled));
    }
    answers.sort_unstable_by_key(|(position, _)| *position);
    Ok(Some(answers.into_iter().map(|(_, settled)| settled).collect()))
}

fn line(position: usize, seq: i64, what: &Settlement, failure: Option<&Failure>) -> Value {
    let kind = match what {
        Settlement::Sent => SENT,
        Settlement::Retry { .. } | Settlement::Release { .. } => BACK,
        Settlement::Dead { .. } => DEAD,
    };
    let SettledColumns { delay_ms, claims, retries, outcome, error } = what.columns();
    json!({
        "n": position, "s": seq, "k": kind, "d": millis(delay_ms), "c": claims, "r": retries,
        "o": outcome.map(|outcome| outcome as i64), "e": error,
        "f": failure.map(|failure| &failure.fingerprint),
    })
}
