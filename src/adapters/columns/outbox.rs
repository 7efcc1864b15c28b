//! Outbox rows and destinations as the dispatcher sees them.

use super::Columns;
use crate::{
    domain::outbox::{ClaimedRow, LastOutcome},
    ports::{
        breaker::{BreakerState, RateLimited},
        outbox::{Breaker, Due, Waiting},
    },
};
use chrono::{DateTime, Utc};

pub(in crate::adapters) fn claimed<R: Columns>(row: &R) -> Result<ClaimedRow, R::Error> {
    Ok(ClaimedRow {
        seq: row.number("Seq")?,
        id: row.text("Id")?,
        event_type: row.text("EventType")?,
        ordering_key: row.text_opt("OrderingKey")?,
        content_type: row.text("ContentType")?,
        payload: row.content("Payload")?,
        headers: row.text("Headers")?,
        occurred_on: row.time("OccurredOnUtc")?,
        claims: row.count("Claims")?.into(),
        retry_count: row.count("RetryCount")?.into(),
        last_outcome: last_outcome(row)?,
        last_attempt_on: row.time_opt("LastAttemptOnUtc")?,
    })
}

pub(in crate::adapters) fn last_outcome<R: Columns>(row: &R) -> Result<Option<LastOutcome>, R::Error> {
    Ok(row.number_opt("LastOutcome")?.and_then(LastOutcome::from_code))
}

pub(in crate::adapters) fn breaker<R: Columns>(row: &R, now: DateTime<Utc>) -> Result<BreakerState, R::Error> {
    Ok(BreakerState {
        breaker: Breaker::at(row.time_opt("OpenUntil")?, now),
        paused: row.flag("Paused")?,
        failures: row.count("Failures")?,
        rate_limited: row.time_opt("PacedUntilUtc")?.map(|until| RateLimited::at(until, now)),
    })
}

/// Adds a row of `outbox_due` to `waiting`. True: its destination has no row of its own yet.
pub(in crate::adapters) fn due<R: Columns>(
    row: &R,
    now: DateTime<Utc>,
    waiting: &mut Waiting,
) -> Result<bool, R::Error> {
    let destination = row.text("Destination")?;
    if destination.is_empty() {
        waiting.unrouted = true;
        return Ok(false);
    }
    waiting.due.push(Due {
        destination,
        rows: row.total("Waiting")?,
        suspects: row.total("Suspects")?,
        paused: row.flag("Paused")?,
        breaker: Breaker::at(row.time_opt("OpenUntil")?, now),
    });
    row.flag("Missing")
}
