//! Settling on SQL Server: all rows of a claim in one batch; the token recognises what was applied before.

use super::{breaker, db::millis, outbox::NOW, rows, session::Results, statement::Statement};
use crate::{
    adapters::columns::Columns,
    domain::outbox::{Settle, Settled, SettledColumns, Settlement},
};
use serde_json::{Value, json};
use tiberius::error::Error;

const SETTLE: &str = include_str!("sql/outbox_settle.sql");
const FOLLOWERS: &str = include_str!("sql/outbox_followers.sql");
const ACCEPTED: &str = include_str!("sql/outbox_accepted.sql");
const REPEAT: &str = include_str!("sql/outbox_settle_repeat.sql");

/// A row's outcome in the JSON that the batch reads.
const SENT: i32 = 0;
const BACK: i32 = 1;
const DEAD: i32 = 2;

pub(super) fn statement(settle: &Settle) -> Statement {
    let destination = settle.destination.to_string();
    let table: Vec<Value> =
        settle.rows.iter().enumerate().map(|(position, (seq, what))| line(position, *seq, what)).collect();
    // Leave, close and open are three texts and so three plans.
    let files = [NOW, SETTLE, FOLLOWERS, ACCEPTED, breaker::sql_of(&settle.breaker), REPEAT];
    let statement = Statement::of(&files)
        .with("token", settle.token.to_string())
        .with("rows", Value::from(table).to_string())
        .with("destination", destination.clone());
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

fn line(position: usize, seq: i64, what: &Settlement) -> Value {
    let kind = match what {
        Settlement::Sent => SENT,
        Settlement::Retry { .. } | Settlement::Release { .. } => BACK,
        Settlement::Dead { .. } => DEAD,
    };
    let SettledColumns { delay_ms, claims, retries, outcome, error } = what.columns();
    json!({
        "n": position, "s": seq, "k": kind, "d": millis(delay_ms), "c": claims, "r": retries,
        "o": outcome.map(|outcome| outcome as i64), "e": error,
    })
}
