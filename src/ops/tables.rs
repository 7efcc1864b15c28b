//! The tables and sentences that `ops` prints.

use super::{
    dead_letters::Shown,
    print::{age, optional, print_line, table, time},
};
use crate::domain::{delivery::MailState, outbox::RowState, route::NOT_ROUTED};
use crate::flows::dead_letters::TakeInReport;
use crate::ports::ops::{DestinationStatus, MailCount, MailRow, OutboxRow, RemedyRow, Status};
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
                    one.breaker_reason.as_deref().unwrap_or("no reason recorded")
                )
            }
            (None, None) => match one.rate_limited_until {
                Some(until) => format!("ready, rate limited until {}", time(until)),
                None => "ready".to_owned(),
            },
        };
        vec![
            named(&one.name),
            rows_of(one, one.pending),
            rows_of(one, one.leased),
            rows_of(one, one.dead),
            optional(one.oldest_claimable_ms.map(age)),
            optional(one.last_accepted_on.map(time)),
            state,
        ]
    });
    table(out, &header, rows)?;
    if let Some(stalled) = &status.stalled {
        print_line(out, &format!("{stalled}."))?;
    }
    for one in &status.unrouted {
        let (rows, event_type) = (one.rows, &one.event_type);
        let line = format!(
            "{rows} row(s) of event type '{event_type}' wait: it has no route. Set Routes__{event_type} (empty: to nobody)."
        );
        print_line(out, &line)?;
    }
    mail_counts(out, status)
}

/// A mail provider has no outbox rows: its mails wait in the inbox.
fn rows_of(one: &DestinationStatus, rows: u64) -> String {
    if one.name.starts_with("mail:") { "-".to_owned() } else { rows.to_string() }
}

fn mail_counts(out: &mut dyn Write, status: &Status) -> Result<()> {
    let what = |one: &MailCount| match one.state {
        MailState::Accepted => "go with the next RetryEmail".to_owned(),
        MailState::Sending => "are under way".to_owned(),
        MailState::Sent => "-".to_owned(),
        MailState::Parked => "go by themselves when due: `ops mail list --state parked`".to_owned(),
        MailState::InDoubt if one.held > 0 => {
            format!("{} of them held for a decision: `ops mail list --state in-doubt`", one.held)
        }
        MailState::InDoubt => "are sent, or their status is queried, when due".to_owned(),
        MailState::Refused => "were not sent: `ops mail list --state refused`".to_owned(),
    };
    if status.mail.is_empty() {
        return print_line(out, "no mails");
    }
    let cells = status.mail.iter().map(|one| vec![one.state.name().to_owned(), one.rows.to_string(), what(one)]);
    writeln!(out)?;
    table(out, &["mails", "number", "what happens next"], cells)?;
    print_line(out, &format!("{} mail(s)", status.mail.iter().map(|one| one.rows).sum::<u64>()))
}

pub(super) fn rows(out: &mut dyn Write, rows: &[OutboxRow], more: bool) -> Result<()> {
    let header = ["seq", "id", "state", "due", "destination", "event type", "retries", "key", "last error"];
    let cells = rows.iter().map(|row| {
        vec![
            row.seq.to_string(),
            row.id.clone(),
            row.state.name().to_owned(),
            // For a settled row this is the end of its last lease: of no use to a reader.
            if matches!(row.state, RowState::Pending | RowState::Leased) { time(row.due_at) } else { "-".to_owned() },
            named(&row.destination),
            row.event_type.clone(),
            row.retry_count.to_string(),
            row.ordering_key.clone().unwrap_or_default(),
            row.last_error.clone().unwrap_or_default(),
        ]
    });
    table(out, &header, cells)?;
    let rest = rows.last().filter(|_| more);
    let rest = rest.map_or_else(String::new, |last| format!("; there are more: continue with --after {}", last.seq));
    print_line(out, &format!("{} row(s){rest}", rows.len()))
}

pub(super) fn show(out: &mut dyn Write, id: &str, rows: &[OutboxRow], mail: Option<&MailRow>) -> Result<()> {
    if rows.is_empty() {
        print_line(out, &format!("{id}: in the inbox only; the outbox has no row for it (any more)"))?;
    }
    for row in rows {
        print_line(out, &format!("{} to {}", row.id, named(&row.destination)))?;
        let mut field = |name: &str, value: String| print_line(out, &format!("  {name:13} {value}"));
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
    // "Sent" of a row means sent to the queue, not mailed: both are shown.
    let Some(mail) = mail else { return Ok(()) };
    print_line(out, &format!("its mail: {}", mail_state(mail)))?;
    let mut field = |name: &str, value: String| print_line(out, &format!("  {name:13} {value}"));
    field("due at", optional(mail.due_at.map(time)))?;
    field("attempts", format!("{} ({} doubts, {} deliveries)", mail.attempts, mail.doubts, mail.deliveries))?;
    field("received on", time(mail.received_on))?;
    field("finished on", optional(mail.finished_on.map(time)))?;
    field("last error", optional(mail.last_error.clone()))
}

pub(super) fn remedy(out: &mut dyn Write, verb: &str, row: &RemedyRow) -> Result<()> {
    let to = if row.destination.is_empty() { String::new() } else { format!(" to {}", row.destination) };
    match (&row.why_not, &row.new_id) {
        (Some(why), _) => print_line(out, &format!("{}{to}: not done: {why}", row.id)),
        (None, Some(new_id)) => print_line(out, &format!("{}{to}: {verb} as {new_id}", row.id)),
        (None, None) => print_line(out, &format!("{}{to}: {verb}", row.id)),
    }
}

fn mail_state(row: &MailRow) -> String {
    let held = row.state == MailState::InDoubt && row.due_at.is_none();
    if held { "in-doubt, held".to_owned() } else { row.state.name().to_owned() }
}

pub(super) fn mails(out: &mut dyn Write, rows: &[MailRow], more: bool) -> Result<()> {
    let header =
        ["message id", "state", "due", "attempts", "doubts", "deliveries", "received", "finished", "last error"];
    let cells = rows.iter().map(|row| {
        vec![
            row.message_id.clone(),
            mail_state(row),
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
    let rest = if more { ", the newest; there are more: --limit shows them" } else { "" };
    print_line(out, &format!("{} mail(s){rest}", rows.len()))
}

/// Explains why due mails are not sent.
pub(super) fn rate_limited(out: &mut dyn Write, destinations: &[DestinationStatus]) -> Result<()> {
    for one in destinations {
        if let Some(until) = one.rate_limited_until {
            print_line(out, &format!("{} is rate limited until {}: due mails wait", one.name, time(until)))?;
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
    print_line(out, &format!("{} message(s)", letters.len()))
}

pub(super) fn taken_in(out: &mut dyn Write, report: &TakeInReport) -> Result<()> {
    for one in &report.taken {
        let result = match (&one.refused, one.known) {
            (Some(why), _) => format!("refused, will never be sent: {why}"),
            (None, true) => format!("already known: {}", one.state.name()),
            (None, false) => "taken in: the next RetryEmail sends it".to_owned(),
        };
        let stays = one.not_removed.as_ref().map_or_else(String::new, |why| {
            format!(" (still in the queue: {why}; it will be received again and recognised)")
        });
        print_line(out, &format!("{}: {result}{stays}", one.message_id))?;
    }
    for id in &report.not_found {
        print_line(out, &format!("{id}: not among the dead letters, or locked by another receiver at the moment"))?;
    }
    if let Some(why) = &report.stopped {
        print_line(out, &format!("stopped: {why}"))?;
    }
    print_line(out, &format!("{} message(s)", report.taken.len()))
}

/// A destination as it is printed, and as `--destination` accepts it.
fn named(destination: &str) -> String {
    if destination.is_empty() { NOT_ROUTED.to_owned() } else { destination.to_owned() }
}
