//! What `ops` prints for people.

use super::{
    dead_letters::Shown,
    print::{age, optional, say, table, time},
};
use crate::domain::{delivery::MailState, outbox::RowState, route::NOT_ROUTED};
use crate::flows::dead_letters::TakeInReport;
use crate::ports::ops::{DestinationStatus, MailRow, OutboxRow, RemedyRow, Status};
use std::io::{Result, Write};

pub(super) fn status(out: &mut dyn Write, status: &Status) -> Result<()> {
    let header = ["destination", "pending", "leased", "dead", "oldest", "last accepted", "state"];
    let rows = status.destinations.iter().map(|one| {
        let state = match (one.paused_on, one.open_until) {
            (Some(since), _) => format!("paused since {}", time(since)),
            (None, Some(until)) => {
                format!(
                    "breaker open until {}: {}",
                    time(until),
                    one.breaker_reason.as_deref().unwrap_or("no reason kept")
                )
            }
            (None, None) => match one.paced_until {
                Some(until) => format!("ready, paced until {}", time(until)),
                None => "ready".to_owned(),
            },
        };
        vec![
            named(&one.name),
            one.pending.to_string(),
            one.leased.to_string(),
            one.dead.to_string(),
            optional(one.oldest_claimable_ms.map(age)),
            optional(one.last_accepted_on.map(time)),
            state,
        ]
    });
    table(out, &header, rows)?;
    if let Some(stalled) = &status.stalled {
        say(out, &format!("{stalled}."))?;
    }
    for one in &status.unrouted {
        let (rows, event_type) = (one.rows, &one.event_type);
        let line = format!(
            "{rows} row(s) of event type '{event_type}' wait: it has no route. Set Routes__{event_type} (empty: to nobody)."
        );
        say(out, &line)?;
    }
    for one in &status.mail {
        let held =
            if one.held > 0 { format!(", {} held for a decision: `ops mail list`", one.held) } else { String::new() };
        say(out, &format!("mail {}: {}{held}", one.state.name(), one.rows))?;
    }
    Ok(())
}

pub(super) fn rows(out: &mut dyn Write, rows: &[OutboxRow]) -> Result<()> {
    let header = ["seq", "id", "state", "due", "destination", "event type", "retries", "key", "last error"];
    let cells = rows.iter().map(|row| {
        vec![
            row.seq.to_string(),
            row.id.clone(),
            row.state.name().to_owned(),
            // Of a finished row it is the end of its last lease, which tells nobody anything.
            if matches!(row.state, RowState::Pending | RowState::Leased) { time(row.due_at) } else { "-".to_owned() },
            named(&row.destination),
            row.event_type.clone(),
            row.retry_count.to_string(),
            row.ordering_key.clone().unwrap_or_default(),
            row.last_error.clone().unwrap_or_default(),
        ]
    });
    table(out, &header, cells)?;
    say(out, &format!("{} row(s)", rows.len()))
}

pub(super) fn show(out: &mut dyn Write, rows: &[OutboxRow]) -> Result<()> {
    for row in rows {
        say(out, &format!("{} to {}", row.id, named(&row.destination)))?;
        let mut field = |name: &str, value: String| say(out, &format!("  {name:13} {value}"));
        field("seq", row.seq.to_string())?;
        field("event type", row.event_type.clone())?;
        field("ordering key", optional(row.ordering_key.clone()))?;
        field("state", row.state.name().to_owned())?;
        field("occurred on", time(row.occurred_on))?;
        field("due at", time(row.due_at))?;
        field("retries", format!("{} ({} claims without a settle)", row.retry_count, row.claims))?;
        field("last attempt", optional(row.last_attempt_on.map(time)))?;
        field("last outcome", optional(row.last_outcome.map(|o| format!("{o:?}").to_lowercase())))?;
        field("last error", optional(row.last_error.clone()))?;
        field("processed on", optional(row.processed_on.map(time)))?;
        field("payload", optional(row.payload.clone()))?;
    }
    Ok(())
}

pub(super) fn remedy(out: &mut dyn Write, verb: &str, row: &RemedyRow) -> Result<()> {
    let to = if row.destination.is_empty() { String::new() } else { format!(" to {}", row.destination) };
    match (&row.why_not, &row.new_id) {
        (Some(why), _) => say(out, &format!("{}{to}: not done: {why}", row.id)),
        (None, Some(new_id)) => say(out, &format!("{}{to}: {verb} as {new_id}", row.id)),
        (None, None) => say(out, &format!("{}{to}: {verb}", row.id)),
    }
}

pub(super) fn mails(out: &mut dyn Write, rows: &[MailRow]) -> Result<()> {
    let header =
        ["message id", "state", "due", "attempts", "doubts", "deliveries", "received", "finished", "last error"];
    let cells = rows.iter().map(|row| {
        let held = row.state == MailState::InDoubt && row.due_at.is_none();
        vec![
            row.message_id.clone(),
            if held { "in-doubt, held".to_owned() } else { row.state.name().to_owned() },
            optional(row.due_at.map(time)),
            row.attempts.to_string(),
            row.doubts.to_string(),
            row.deliveries.to_string(),
            time(row.received_on),
            optional(row.finished_on.map(time)),
            row.last_error.clone().unwrap_or_default(),
        ]
    });
    table(out, &header, cells)?;
    say(out, &format!("{} mail(s)", rows.len()))
}

/// Else nothing would tell why mails that are due stay.
pub(super) fn paced(out: &mut dyn Write, destinations: &[DestinationStatus]) -> Result<()> {
    for one in destinations {
        if let Some(until) = one.paced_until {
            say(out, &format!("{} is paced until {}: mails that are due wait for room", one.name, time(until)))?;
        }
    }
    Ok(())
}

pub(super) fn dead_letters(out: &mut dyn Write, letters: &[Shown]) -> Result<()> {
    let cells = letters.iter().map(|one| {
        vec![
            if one.message_id.is_empty() { "(none)".to_owned() } else { one.message_id.clone() },
            optional(one.reason.clone()),
            optional(one.enqueued_on.map(time)),
            one.deliveries.to_string(),
            one.bytes.to_string(),
            one.description.clone().unwrap_or_default(),
        ]
    });
    table(out, &["id", "reason", "enqueued", "deliveries", "bytes", "description"], cells)?;
    say(out, &format!("{} message(s)", letters.len()))
}

pub(super) fn taken_in(out: &mut dyn Write, report: &TakeInReport) -> Result<()> {
    for one in &report.taken {
        let became = match (&one.refused, one.known) {
            (Some(why), _) => format!("refused, never to be mailed: {why}"),
            (None, true) => format!("known already: {}", one.state.name()),
            (None, false) => "taken in: the next RetryEmail mails it".to_owned(),
        };
        let stays = one
            .not_removed
            .as_ref()
            .map_or_else(String::new, |why| format!(" (still in the queue: {why}; it comes again, and is recognised)"));
        say(out, &format!("{}: {became}{stays}", one.message_id))?;
    }
    for id in &report.not_found {
        say(out, &format!("{id}: not among the dead letters, or held by another just now"))?;
    }
    if let Some(why) = &report.stopped {
        say(out, &format!("stopped: {why}"))?;
    }
    say(out, &format!("{} message(s)", report.taken.len()))
}

/// As `--destination` takes it, too.
fn named(destination: &str) -> String {
    if destination.is_empty() { NOT_ROUTED.to_owned() } else { destination.to_owned() }
}
