//! Settling on SQL Server: all rows of a claim in one batch; what was applied before is recognised by the token.

use super::{
    breaker,
    db::millis,
    outbox::{NOW, bounded},
    rows,
    session::Results,
    statement::Statement,
};
use crate::domain::outbox::{LastOutcome, SUSPECT_CLAIMS, Settle, Settled, Settlement};
use serde_json::{Value, json};
use tiberius::error::Error;

const SETTLE: &str = include_str!("sql/outbox_settle.sql");
const FOLLOWERS: &str = include_str!("sql/outbox_followers.sql");
const ACCEPTED: &str = include_str!("sql/outbox_accepted.sql");
const REPEAT: &str = include_str!("sql/outbox_settle_repeat.sql");

/// What a row becomes, as the batch reads it.
const SENT: i32 = 0;
const BACK: i32 = 1;
const DEAD: i32 = 2;

pub(super) fn statement(settle: &Settle) -> Statement {
    let destination = settle.destination.to_string();
    let table: Vec<Value> =
        settle.rows.iter().enumerate().map(|(position, (seq, what))| line(position, *seq, what)).collect();
    // Leave, close and open are three texts, thus three plans.
    let files = [NOW, SETTLE, FOLLOWERS, ACCEPTED, breaker::sql_of(&settle.breaker), REPEAT];
    let statement = Statement::of(&files)
        .with("token", settle.token.to_string())
        .with("rows", Value::from(table).to_string())
        .with("destination", destination.clone());
    breaker::with_change(statement, &destination, &settle.breaker)
}

/// None where another's transaction holds rows; the others are settled, and a repeat knows them.
pub(super) fn settled(results: &Results) -> Result<Option<Vec<Settled>>, Error> {
    let mut answers = Vec::new();
    for row in rows::having(results, "Applied") {
        let settled = match rows::number(row, "Applied")? {
            0 => Settled::LeaseLost,
            1 => Settled::Applied,
            _ => return Ok(None),
        };
        answers.push((rows::number(row, "Place")?, settled));
    }
    answers.sort_unstable_by_key(|(position, _)| *position);
    Ok(Some(answers.into_iter().map(|(_, settled)| settled).collect()))
}

fn line(position: usize, seq: i64, what: &Settlement) -> Value {
    let code = |outcome: LastOutcome| outcome as i64;
    let back = |delay_ms: i64, retries: i32, outcome: Option<LastOutcome>, error: Option<&str>, suspect: bool| {
        json!({
            "n": position, "s": seq, "k": BACK, "d": millis(delay_ms), "c": if suspect { SUSPECT_CLAIMS } else { 0 },
            "r": retries, "o": outcome.map(code), "e": error.map(bounded),
        })
    };
    match what {
        Settlement::Sent => {
            let outcome = code(LastOutcome::Accepted);
            json!({"n": position, "s": seq, "k": SENT, "d": 0, "c": 0, "r": 0, "o": outcome, "e": null})
        }
        Settlement::Retry { delay_ms, outcome, error, suspect } => {
            back(*delay_ms, 1, Some(*outcome), Some(error), *suspect)
        }
        Settlement::Release { delay_ms, outcome, error, suspect } => {
            back(*delay_ms, 0, *outcome, error.as_deref(), *suspect)
        }
        Settlement::Dead { outcome, error, count_retry } => json!({
            "n": position, "s": seq, "k": DEAD, "d": 0, "c": 0, "r": i32::from(*count_retry),
            "o": code(*outcome), "e": bounded(error),
        }),
    }
}
