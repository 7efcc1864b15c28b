//! The rows that an operator reads, and those that a remedy changes.

use super::{Columns, outbox::last_outcome};
use crate::{
    domain::{
        delivery::MailState,
        operations::{Action, Judged},
        outbox::RowState,
        remedy::{Remedy, RowFacts},
    },
    ports::{
        operations::RemedyRules,
        ops::{DestinationStatus, Found, NotRouted, OutboxRow},
    },
};
use chrono::{DateTime, Utc};

/// Without its oldest claimable row, which a statement of its own finds.
pub(in crate::adapters) fn destination<R: Columns>(row: &R) -> Result<DestinationStatus, R::Error> {
    Ok(DestinationStatus {
        name: row.text("Name")?,
        pending: row.total("Pending")?,
        leased: row.total("Leased")?,
        dead: row.total("Dead")?,
        oldest_claimable_ms: None,
        paused_on: row.time_opt("PausedOnUtc")?,
        open_until: row.time_opt("OpenUntil")?,
        breaker_reason: row.text_opt("Reason")?,
        breaker_failures: row.count("Failures")?,
        last_accepted_on: row.time_opt("LastAcceptedOnUtc")?,
        rate_limited_until: row.time_opt("PacedUntilUtc")?,
    })
}

pub(in crate::adapters) fn not_routed<R: Columns>(row: &R) -> Result<NotRouted, R::Error> {
    Ok(NotRouted {
        event_type: row.text("EventType")?,
        rows: row.total("Waiting")?,
        oldest_due_at: row.time("OldestDueAt")?,
    })
}

pub(in crate::adapters) fn found<R: Columns>(row: &R) -> Result<Found, R::Error> {
    Ok(Found { id: row.text("FoundId")?, destination: row.text_opt("Destination")? })
}

/// With its payload if the statement reads it.
pub(in crate::adapters) fn outbox_row<R: Columns>(row: &R) -> Result<OutboxRow, R::Error> {
    Ok(OutboxRow {
        seq: row.number("Seq")?,
        id: row.text("Id")?,
        event_type: row.text("EventType")?,
        destination: row.text("Destination")?,
        ordering_key: row.text_opt("OrderingKey")?,
        state: row_state(row)?,
        occurred_on: row.time("OccurredOnUtc")?,
        due_at: row.time("DueAt")?,
        claims: row.number("Claims")?,
        retry_count: row.number("RetryCount")?,
        last_outcome: last_outcome(row)?,
        last_error: row.text_opt("LastError")?,
        last_attempt_on: row.time_opt("LastAttemptOnUtc")?,
        processed_on: row.time_opt("ProcessedOnUtc")?,
        payload: if row.has("Payload") { Some(row.text("Payload")?) } else { None },
    })
}

fn row_state<R: Columns>(row: &R) -> Result<RowState, R::Error> {
    RowState::from_code(row.number("State")?).ok_or_else(|| R::broken("no such row state"))
}

/// A row as the remedy sees it.
pub(in crate::adapters) fn judged<R: Columns>(
    row: &R,
    now: DateTime<Utc>,
    remedy: Remedy,
    action: &Action,
    rules: &RemedyRules,
) -> Result<Judged, R::Error> {
    let facts = facts(row, now)?;
    let destination = row.text("Destination")?;
    Ok(Judged {
        why_not: remedy.may(&facts, action.out_of_order(), rules.windows.of(&destination)).err(),
        target: row.number("Seq")?.to_string(),
        id: row.text("Id")?,
        destination,
        state: facts.state.name().to_owned(),
        stamp: row.text("Stamp")?,
    })
}

/// The facts that decide whether a remedy may change a row.
fn facts<R: Columns>(row: &R, now: DateTime<Utc>) -> Result<RowFacts, R::Error> {
    let ms = |column: &str| Ok(row.time_opt(column)?.map(|time| time.timestamp_millis()));
    Ok(RowFacts {
        now_ms: now.timestamp_millis(),
        state: row_state(row)?,
        last_outcome: last_outcome(row)?,
        last_attempt_ms: ms("LastAttemptOnUtc")?,
        processed_ms: ms("ProcessedOnUtc")?,
        leased_of_key: row.text_opt("LeasedOfKey")?,
        later_sent: row.text_opt("LaterSent")?,
        later_waiting: row.text_opt("LaterWaiting")?,
        mail: row.number_opt("MailState")?.and_then(MailState::from_code),
        goes_there: row.text("GoesTo")? == row.text("Destination")?,
        is_there: row.flag("IdThere")?,
    })
}
