//! What an operator reads of the outbox: the state of each destination, rows, one message.

use super::{
    db::{SqlServer, read},
    errors::odd,
    inbox,
    migrate::VERSION,
    outbox::{self, HELD, HELD_MS, NOW},
    rows,
    session::Results,
    statement::Statement,
};
use crate::{
    domain::{
        delivery::EMAIL_CONSUMER,
        ids::Spellings,
        outbox::{LastOutcome, RowState},
    },
    ports::{
        error::StoreResult,
        ops::{DestinationStatus, Found, MailCount, OutboxRow, RowFilter, Status, UnroutedStatus},
        outbox::{HELD_ROWS_MAX, held_by},
    },
};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use tiberius::{Row, error::Error};

pub(super) const REPORT: &str = include_str!("sql/ops_report.sql");
const STATUS: &str = include_str!("sql/ops_status.sql");
const OLDEST: &str = include_str!("sql/ops_oldest_claimable.sql");
const NOT_ROUTED: &str = include_str!("sql/ops_not_routed.sql");
const MAIL_COUNTS: &str = include_str!("sql/ops_mail_counts.sql");
const LIST: &str = include_str!("sql/ops_list.sql");
const FIND: &str = include_str!("sql/ops_find.sql");
const SHOW: &str = include_str!("sql/ops_show.sql");

pub(super) async fn status(db: &SqlServer, routed_types: &[String]) -> StoreResult<Status> {
    let step = "status";
    let files = [NOW, HELD, REPORT, STATUS, OLDEST, NOT_ROUTED, MAIL_COUNTS, VERSION];
    let results = db
        .query(
            step,
            Statement::of(&files)
                .with("held_ms", HELD_MS)
                .with("held_max", i64::from(HELD_ROWS_MAX))
                .with("consumer", EMAIL_CONSUMER.to_owned()),
        )
        .await?;
    let mut status = read(step, status_of(&results, routed_types))?;
    let held = read(step, outbox::held(&results))?;
    if held > 0 {
        status.stalled = Some(held_by(held, &outbox::holders(db).await));
    }
    Ok(status)
}

pub(super) async fn list(db: &SqlServer, filter: &RowFilter) -> StoreResult<Vec<OutboxRow>> {
    let step = "list rows";
    let statement = Statement::of(&[REPORT, LIST])
        .with("state", filter.state.map(|state| state as i64))
        .with("destination", filter.destination.clone())
        .with("event_type", filter.event_type.clone())
        .with("after", filter.after)
        .with("limit", i64::from(filter.limit));
    rows_of(step, &db.query(step, statement).await?)
}

pub(super) async fn find(db: &SqlServer, consumer: &str, text: &str) -> StoreResult<Option<Found>> {
    let step = "find a message";
    let Spellings { exact, lower, upper, seq } = Spellings::of(text);
    let statement = Statement::of(&[REPORT, FIND])
        .with("exact", exact)
        .with("lower", lower)
        .with("upper", upper)
        .with("consumer", consumer.to_owned())
        .with("seq", seq);
    let results = db.query(step, statement).await?;
    let found = |row| {
        Ok::<_, Error>(Found { id: rows::text(row, "FoundId")?, destination: rows::text_opt(row, "Destination")? })
    };
    read(step, rows::having(&results, "FoundId").next().map(found).transpose())
}

pub(super) async fn show(db: &SqlServer, id: &str) -> StoreResult<Vec<OutboxRow>> {
    let step = "show a message";
    rows_of(step, &db.query(step, Statement::of(&[REPORT, SHOW]).with("id", id.to_owned())).await?)
}

fn rows_of(step: &'static str, results: &Results) -> StoreResult<Vec<OutboxRow>> {
    read(step, rows::having(results, "Seq").map(row_of).collect())
}

fn status_of(results: &Results, routed_types: &[String]) -> Result<Status, Error> {
    let mut oldest: BTreeMap<String, DateTime<Utc>> = BTreeMap::new();
    for row in rows::having(results, "HeadOf") {
        oldest.insert(rows::text(row, "HeadOf")?, rows::time(row, "OldestDueAt")?);
    }
    let (mut destinations, mut now) = (Vec::new(), None);
    for row in rows::having(results, "Pending") {
        let queried = *now.insert(rows::time(row, "CurrentUtc")?);
        let name = rows::text(row, "Name")?;
        destinations.push(DestinationStatus {
            pending: rows::total(row, "Pending")?,
            leased: rows::total(row, "Leased")?,
            dead: rows::total(row, "Dead")?,
            oldest_claimable_ms: oldest.get(&name).map(|due_at| (queried - *due_at).num_milliseconds()),
            paused_on: rows::time_opt(row, "PausedOnUtc")?,
            open_until: rows::time_opt(row, "OpenUntil")?,
            breaker_reason: rows::text_opt(row, "Reason")?,
            breaker_failures: rows::count(row, "Failures")?,
            last_accepted_on: rows::time_opt(row, "LastAcceptedOnUtc")?,
            rate_limited_until: rows::time_opt(row, "PacedUntilUtc")?,
            name,
        });
    }
    let unrouted = unrouted(results, now, routed_types, &mut destinations)?;
    let mut mail = Vec::new();
    for row in rows::having(results, "Mails") {
        let (state, count) = (inbox::state_of(row)?, rows::total(row, "Mails")?);
        mail.push(MailCount { state, rows: count, held: rows::total(row, "Held")? });
    }
    Ok(Status { destinations, unrouted, mail, stalled: None, schema_version: rows::only_count(results, "Version")? })
}

/// Rows without a destination: those whose type has a route only wait for the next dispatch and stand as the
/// destination `''`, so that a dispatcher that never comes is seen; the others are unrouted.
fn unrouted(
    results: &Results,
    now: Option<DateTime<Utc>>,
    routed_types: &[String],
    destinations: &mut Vec<DestinationStatus>,
) -> Result<Vec<UnroutedStatus>, Error> {
    let mut unrouted = Vec::new();
    let (mut pending, mut oldest_ms) = (0, None);
    for row in rows::having(results, "EventType") {
        let event_type = rows::text(row, "EventType")?;
        let waiting = rows::total(row, "Waiting")?;
        if routed_types.contains(&event_type) {
            pending += waiting;
            let due_at = rows::time(row, "OldestDueAt")?;
            let age_ms = now.map(|now| (now - due_at).num_milliseconds());
            oldest_ms = oldest_ms.max(age_ms.filter(|age| *age >= 0));
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

pub(super) fn row_state_of(row: &Row) -> Result<RowState, Error> {
    RowState::from_code(rows::number(row, "State")?).ok_or_else(|| odd("no such row state"))
}

pub(super) fn outcome_of(row: &Row) -> Result<Option<LastOutcome>, Error> {
    Ok(rows::number_opt(row, "LastOutcome")?.and_then(LastOutcome::from_code))
}

fn row_of(row: &Row) -> Result<OutboxRow, Error> {
    let shown = row.columns().iter().any(|column| column.name().eq_ignore_ascii_case("Payload"));
    Ok(OutboxRow {
        seq: rows::number(row, "Seq")?,
        id: rows::text(row, "Id")?,
        event_type: rows::text(row, "EventType")?,
        destination: rows::text(row, "Destination")?,
        ordering_key: rows::text_opt(row, "OrderingKey")?,
        state: row_state_of(row)?,
        occurred_on: rows::time(row, "OccurredOnUtc")?,
        due_at: rows::time(row, "DueAt")?,
        claims: rows::number(row, "Claims")?,
        retry_count: rows::number(row, "RetryCount")?,
        last_outcome: outcome_of(row)?,
        last_error: rows::text_opt(row, "LastError")?,
        last_attempt_on: rows::time_opt(row, "LastAttemptOnUtc")?,
        processed_on: rows::time_opt(row, "ProcessedOnUtc")?,
        payload: if shown { Some(rows::text(row, "Payload")?) } else { None },
    })
}
