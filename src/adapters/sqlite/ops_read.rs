//! What an operator reads of the outbox: the state of each destination, rows, one message.

use super::{
    migrate,
    rows::{self, broken},
};
use crate::{
    domain::{
        delivery::{EMAIL_CONSUMER, MailState},
        ids::Spellings,
        outbox::{LastOutcome, RowState},
    },
    ports::ops::{DestinationStatus, Found, MailCount, OutboxRow, RowFilter, Status, UnroutedStatus},
};
use rusqlite::{Connection, OptionalExtension, Row, named_params};

pub(super) fn status(db: &Connection, now: i64, routed_types: &[String]) -> rusqlite::Result<Status> {
    let mut lines = db.prepare_cached(include_str!("sql/ops_status.sql"))?;
    let mut destinations =
        lines.query_map(named_params! { ":now": now }, destination_of)?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut oldest = db.prepare_cached(include_str!("sql/ops_oldest_claimable.sql"))?;
    for one in destinations.iter_mut().filter(|one| !one.name.is_empty() && one.pending + one.leased > 0) {
        let which = named_params! { ":destination": one.name, ":now": now };
        let due_at: Option<i64> = oldest.query_row(which, |row| row.get(0)).optional()?;
        one.oldest_claimable_ms = due_at.map(|due_at| now.saturating_sub(due_at));
    }
    let unrouted = unrouted(db, now, routed_types, &mut destinations)?;
    let mut mails = db.prepare_cached(include_str!("sql/ops_mail_counts.sql"))?;
    let mail = mails
        .query_map(named_params! { ":consumer": EMAIL_CONSUMER }, mail_count_of)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(Status { destinations, unrouted, mail, stalled: None, schema_version: migrate::version(db)? })
}

/// Rows without a destination: those whose type has a route only wait for the next dispatch and stand as the
/// destination `''`, so that a dispatcher that never comes is seen; the others are unrouted.
fn unrouted(
    db: &Connection,
    now: i64,
    routed_types: &[String],
    destinations: &mut Vec<DestinationStatus>,
) -> rusqlite::Result<Vec<UnroutedStatus>> {
    let mut unrouted = Vec::new();
    let (mut pending, mut oldest_ms) = (0, None);
    let mut waiting = db.prepare_cached(include_str!("sql/ops_not_routed.sql"))?;
    let mut rows = waiting.query([])?;
    while let Some(row) = rows.next()? {
        let event_type = rows::text(row, "EventType")?;
        let waiting = rows::total(row, "Waiting")?;
        if routed_types.contains(&event_type) {
            pending += waiting;
            let age_ms = now.saturating_sub(row.get("OldestDueAt")?);
            oldest_ms = oldest_ms.max((age_ms >= 0).then_some(age_ms));
        } else {
            unrouted.push(UnroutedStatus { event_type, rows: waiting });
        }
    }
    if let Some(place) = destinations.iter_mut().find(|one| one.name.is_empty()) {
        (place.pending, place.oldest_claimable_ms) = (pending, oldest_ms);
    }
    destinations.retain(|one| !one.name.is_empty() || one.pending + one.leased + one.dead > 0);
    Ok(unrouted)
}

pub(super) fn list(db: &Connection, filter: &RowFilter) -> rusqlite::Result<Vec<OutboxRow>> {
    let mut statement = db.prepare_cached(include_str!("sql/ops_list.sql"))?;
    let which = named_params! {
        ":state": filter.state.map(|state| state as i64),
        ":destination": filter.destination,
        ":event_type": filter.event_type,
        ":after": filter.after,
        ":limit": filter.limit,
    };
    statement.query_map(which, |row| row_of(row, None))?.collect()
}

pub(super) fn find(db: &Connection, consumer: &str, text: &str) -> rusqlite::Result<Option<Found>> {
    let Spellings { exact, lower, upper, seq } = Spellings::of(text);
    let mut statement = db.prepare_cached(include_str!("sql/ops_find.sql"))?;
    let which = named_params! { ":exact": exact, ":lower": lower, ":upper": upper, ":consumer": consumer, ":seq": seq };
    let found =
        |row: &Row<'_>| Ok(Found { id: rows::text(row, "FoundId")?, destination: rows::text_opt(row, "Destination")? });
    statement.query_row(which, found).optional()
}

pub(super) fn show(db: &Connection, id: &str) -> rusqlite::Result<Vec<OutboxRow>> {
    let mut statement = db.prepare_cached(include_str!("sql/ops_show.sql"))?;
    let row = |row: &Row<'_>| row_of(row, Some(rows::text(row, "Payload")?));
    statement.query_map(named_params! { ":id": id }, row)?.collect()
}

pub(super) fn state_of(row: &Row<'_>) -> rusqlite::Result<RowState> {
    RowState::from_code(row.get("State")?).ok_or_else(|| broken("no such row state"))
}

pub(super) fn outcome_of(row: &Row<'_>) -> rusqlite::Result<Option<LastOutcome>> {
    Ok(row.get::<_, Option<i64>>("LastOutcome")?.and_then(LastOutcome::from_code))
}

fn row_of(row: &Row<'_>, payload: Option<String>) -> rusqlite::Result<OutboxRow> {
    let time = |column: &str| row.get::<_, Option<i64>>(column).map(|ms| ms.map(rows::time_of));
    Ok(OutboxRow {
        seq: row.get("Seq")?,
        id: rows::text(row, "Id")?,
        event_type: rows::text(row, "EventType")?,
        destination: rows::text(row, "Destination")?,
        ordering_key: rows::text_opt(row, "OrderingKey")?,
        state: state_of(row)?,
        occurred_on: rows::time_of(row.get("OccurredOnUtc")?),
        due_at: rows::time_of(row.get("DueAt")?),
        claims: row.get("Claims")?,
        retry_count: row.get("RetryCount")?,
        last_outcome: outcome_of(row)?,
        last_error: rows::text_opt(row, "LastError")?,
        last_attempt_on: time("LastAttemptOnUtc")?,
        processed_on: time("ProcessedOnUtc")?,
        payload,
    })
}

fn destination_of(row: &Row<'_>) -> rusqlite::Result<DestinationStatus> {
    let time = |column: &str| row.get::<_, Option<i64>>(column).map(|ms| ms.map(rows::time_of));
    Ok(DestinationStatus {
        name: rows::text(row, "Name")?,
        pending: rows::total(row, "Pending")?,
        leased: rows::total(row, "Leased")?,
        dead: rows::total(row, "Dead")?,
        oldest_claimable_ms: None,
        paused_on: time("PausedOnUtc")?,
        open_until: time("OpenUntil")?,
        breaker_reason: rows::text_opt(row, "Reason")?,
        breaker_failures: u32::try_from(row.get::<_, i64>("Failures")?).unwrap_or(u32::MAX),
        last_accepted_on: time("LastAcceptedOnUtc")?,
        rate_limited_until: time("PacedUntilUtc")?,
    })
}

fn mail_count_of(row: &Row<'_>) -> rusqlite::Result<MailCount> {
    Ok(MailCount {
        state: MailState::from_code(row.get("State")?).ok_or_else(|| broken("no such mail state"))?,
        rows: rows::total(row, "Mails")?,
        held: rows::total(row, "Held")?,
    })
}
