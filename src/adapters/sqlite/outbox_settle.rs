//! Settling on SQLite: the token is checked row by row, and what was applied before is recognised.

use super::{
    breaker,
    outbox::{add_destination, bounded},
};
use crate::domain::outbox::{BreakerChange, LastOutcome, SUSPECT_CLAIMS, Settle, Settled, Settlement};
use rusqlite::{Connection, OptionalExtension, named_params};

const SENT: &str = include_str!("sql/outbox_settle_sent.sql");
const BACK: &str = include_str!("sql/outbox_settle_back.sql");
const DEAD: &str = include_str!("sql/outbox_settle_dead.sql");
const REPEAT: &str = include_str!("sql/outbox_settle_repeat.sql");
pub(super) const FOLLOWERS: &str = include_str!("sql/outbox_followers.sql");
const ACCEPTED: &str = include_str!("sql/outbox_accepted.sql");

pub(super) fn settle(connection: &Connection, now: i64, settle: &Settle) -> rusqlite::Result<Vec<Settled>> {
    let token = settle.token.to_string();
    let destination = settle.destination.to_string();
    let mut answers = Vec::with_capacity(settle.rows.len());
    // A repeat, or one whose every lease was lost, must not count an outage or an acceptance (again).
    let mut news = settle.rows.is_empty();
    let mut accepted = false;
    for (seq, settlement) in &settle.rows {
        if apply(connection, now, *seq, &token, settlement)? {
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
    Ok(answers)
}

/// False: nothing was changed, for the lease is not ours (any more).
fn apply(connection: &Connection, now: i64, seq: i64, token: &str, settlement: &Settlement) -> rusqlite::Result<bool> {
    let row = Leased { connection, now, seq, token };
    match settlement {
        Settlement::Sent => {
            let params = named_params! {":seq": seq, ":token": token, ":now": now};
            Ok(connection.prepare_cached(SENT)?.execute(params)? == 1)
        }
        Settlement::Retry { delay_ms, outcome, error, suspect } => {
            row.put_back(*delay_ms, 1, Some(*outcome), Some(error), *suspect)
        }
        Settlement::Release { delay_ms, outcome, error, suspect } => {
            row.put_back(*delay_ms, 0, *outcome, error.as_deref(), *suspect)
        }
        Settlement::Dead { outcome, error, count_retry } => {
            let params = named_params! {
                ":seq": seq, ":token": token, ":now": now, ":retries": i64::from(*count_retry),
                ":outcome": *outcome as i64, ":error": bounded(error),
            };
            Ok(connection.prepare_cached(DEAD)?.execute(params)? == 1)
        }
    }
}

struct Leased<'a> {
    connection: &'a Connection,
    now: i64,
    seq: i64,
    token: &'a str,
}

impl Leased<'_> {
    fn put_back(
        &self,
        delay_ms: i64,
        retries: i64,
        outcome: Option<LastOutcome>,
        error: Option<&str>,
        suspect: bool,
    ) -> rusqlite::Result<bool> {
        let due_at = self.now.saturating_add(delay_ms.max(0));
        let params = named_params! {
            ":seq": self.seq, ":token": self.token, ":now": self.now, ":due_at": due_at,
            ":claims": if suspect { SUSPECT_CLAIMS } else { 0 }, ":retries": retries,
            ":outcome": outcome.map(|outcome| outcome as i64), ":error": error.map(bounded),
        };
        if self.connection.prepare_cached(BACK)?.execute(params)? == 0 {
            return Ok(false);
        }
        if delay_ms > 0 {
            let params = named_params! {":seq": self.seq, ":due_at": due_at};
            self.connection.prepare_cached(FOLLOWERS)?.execute(params)?;
        }
        Ok(true)
    }
}
