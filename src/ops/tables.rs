//! What `ops` prints for people.

use super::dead_letters::Shown;
use crate::domain::outbox::RowState;
use crate::flows::dead_letters::TakeInReport;
use crate::ports::ops::{DestinationStatus, MailRow, OutboxRow, RemedyRow, Status};
use chrono::{DateTime, SecondsFormat, Utc};
use comfy_table::{ContentArrangement, Table, presets};
use std::io::{Result, Write};

pub(super) fn status(out: &mut dyn Write, status: &Status) -> Result<()> {
    let mut table = table(&["destination", "pending", "leased", "dead", "oldest", "last accepted", "state"]);
    for one in &status.destinations {
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
        table.add_row(vec![
            if one.name.is_empty() { "(not routed)".to_owned() } else { one.name.clone() },
            one.pending.to_string(),
            one.leased.to_string(),
            one.dead.to_string(),
            one.oldest_claimable_ms.map_or_else(|| "-".to_owned(), age),
            one.last_accepted_on.map_or_else(|| "-".to_owned(), time),
            state,
        ]);
    }
    writeln!(out, "{table}")?;
    if let Some(stalled) = &status.stalled {
        writeln!(out, "{stalled}.")?;
    }
    for one in &status.unrouted {
        writeln!(
            out,
            "{} row(s) of event type '{}' wait: it has no route. Set Routes__{} (empty: to nobody).",
            one.rows, one.event_type, one.event_type
        )?;
    }
    for one in &status.mail {
        let held =
            if one.held > 0 { format!(", {} held for a decision: `ops mail list`", one.held) } else { String::new() };
        writeln!(out, "mail {}: {}{held}", one.state.name(), one.rows)?;
    }
    Ok(())
}

pub(super) fn rows(out: &mut dyn Write, rows: &[OutboxRow]) -> Result<()> {
    let mut table = table(&["seq", "id", "event type", "destination", "key", "state", "due", "retries", "last error"]);
    for row in rows {
        table.add_row(vec![
            row.seq.to_string(),
            row.id.clone(),
            row.event_type.clone(),
            if row.destination.is_empty() { "(not routed)".to_owned() } else { row.destination.clone() },
            row.ordering_key.clone().unwrap_or_default(),
            row.state.name().to_owned(),
            // Of a finished row it is the end of its last lease, which tells nobody anything.
            if matches!(row.state, RowState::Pending | RowState::Leased) { time(row.due_at) } else { "-".to_owned() },
            row.retry_count.to_string(),
            row.last_error.clone().unwrap_or_default(),
        ]);
    }
    writeln!(out, "{table}")?;
    writeln!(out, "{} row(s)", rows.len())
}

pub(super) fn show(out: &mut dyn Write, rows: &[OutboxRow]) -> Result<()> {
    for row in rows {
        let optional = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        writeln!(out, "{} to {}", row.id, if row.destination.is_empty() { "(not routed)" } else { &row.destination })?;
        writeln!(out, "  seq           {}", row.seq)?;
        writeln!(out, "  event type    {}", row.event_type)?;
        writeln!(out, "  ordering key  {}", optional(row.ordering_key.clone()))?;
        writeln!(out, "  state         {}", row.state.name())?;
        writeln!(out, "  occurred on   {}", time(row.occurred_on))?;
        writeln!(out, "  due at        {}", time(row.due_at))?;
        writeln!(out, "  retries       {} ({} claims without a settle)", row.retry_count, row.claims)?;
        writeln!(out, "  last attempt  {}", optional(row.last_attempt_on.map(time)))?;
        writeln!(out, "  last outcome  {}", optional(row.last_outcome.map(|o| format!("{o:?}").to_lowercase())))?;
        writeln!(out, "  last error    {}", optional(row.last_error.clone()))?;
        writeln!(out, "  processed on  {}", optional(row.processed_on.map(time)))?;
        writeln!(out, "  payload       {}", optional(row.payload.clone()))?;
    }
    Ok(())
}

pub(super) fn remedy(out: &mut dyn Write, verb: &str, row: &RemedyRow) -> Result<()> {
    let to = if row.destination.is_empty() { String::new() } else { format!(" to {}", row.destination) };
    match (&row.why_not, &row.new_id) {
        (Some(why), _) => writeln!(out, "{}{to}: not done: {why}", row.id),
        (None, Some(new_id)) => writeln!(out, "{}{to}: {verb} as {new_id}", row.id),
        (None, None) => writeln!(out, "{}{to}: {verb}", row.id),
    }
}

pub(super) fn mails(out: &mut dyn Write, rows: &[MailRow]) -> Result<()> {
    let mut table = table(&[
        "message id",
        "state",
        "due",
        "attempts",
        "doubts",
        "deliveries",
        "received",
        "finished",
        "last error",
    ]);
    for row in rows {
        let held = row.state == crate::domain::delivery::MailState::InDoubt && row.due_at.is_none();
        table.add_row(vec![
            row.message_id.clone(),
            if held { "in-doubt, held".to_owned() } else { row.state.name().to_owned() },
            row.due_at.map_or_else(|| "-".to_owned(), time),
            row.attempts.to_string(),
            row.doubts.to_string(),
            row.deliveries.to_string(),
            time(row.received_on),
            row.finished_on.map_or_else(|| "-".to_owned(), time),
            row.last_error.clone().unwrap_or_default(),
        ]);
    }
    writeln!(out, "{table}")?;
    writeln!(out, "{} mail(s)", rows.len())
}

/// Else nothing would tell why mails that are due stay.
pub(super) fn paced(out: &mut dyn Write, destinations: &[DestinationStatus]) -> Result<()> {
    for one in destinations {
        if let Some(until) = one.paced_until {
            writeln!(out, "{} is paced until {}: mails that are due wait for room", one.name, time(until))?;
        }
    }
    Ok(())
}

pub(super) fn dead_letters(out: &mut dyn Write, letters: &[Shown]) -> Result<()> {
    let mut table = table(&["id", "reason", "enqueued", "deliveries", "bytes", "description"]);
    for one in letters {
        table.add_row(vec![
            if one.message_id.is_empty() { "(none)".to_owned() } else { one.message_id.clone() },
            one.reason.clone().unwrap_or_else(|| "-".to_owned()),
            one.enqueued_on.map_or_else(|| "-".to_owned(), time),
            one.deliveries.to_string(),
            one.bytes.to_string(),
            one.description.clone().unwrap_or_default(),
        ]);
    }
    writeln!(out, "{table}")?;
    writeln!(out, "{} message(s)", letters.len())
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
        writeln!(out, "{}: {became}{stays}", one.message_id)?;
    }
    for id in &report.not_found {
        writeln!(out, "{id}: not among the dead letters, or held by another just now")?;
    }
    if let Some(why) = &report.stopped {
        writeln!(out, "stopped: {why}")?;
    }
    writeln!(out, "{} message(s)", report.taken.len())
}

/// Never folded to the terminal's width: an id cut into pieces can be neither copied nor searched for. What is long
/// and free text stands last, and a narrow terminal wraps the line.
fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.to_vec());
    table
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The largest unit that is not zero, and the next: an operator reads "2 h 5 min", not 7512345 ms.
fn age(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn an_age_reads_as_people_say_it() {
        assert_eq!([999, 61_000, 7_512_345, 180_000_000].map(age), ["0 s", "1 min 1 s", "2 h 5 min", "2 d 2 h"]);
    }
}
