//! The tables and sentences that `ops` prints.

use super::{
    dead_letters::Shown,
    print::{exact_time, named, optional, print_line, print_long, table, time},
    remedies::Words,
};
use crate::domain::{
    delivery::MailState,
    operations::{
        AuditEntry, Event, EventKind, FailureGroup, MailLine, Message, MessageLine, Page, PauseAction, PauseReport,
        Plan, RemedyReport, RemedyRow,
    },
    outbox::RowState,
};
use std::io::{Result, Write};

/// Ends a list: how many, and how to go on.
fn ending<T>(out: &mut dyn Write, page: &Page<T>, what: &str) -> Result<()> {
    let more = page.next.as_ref().map(|next| format!("; there are more: continue with --before {next}"));
    print_line(out, &format!("{} {what}{}", page.items.len(), more.unwrap_or_default()))
}

pub(super) fn messages(out: &mut dyn Write, page: &Page<MessageLine>) -> Result<()> {
    let header =
        ["seq", "id", "state", "mail", "destination", "occurred", "due", "event type", "retries", "key", "last error"];
    let cells = page.items.iter().map(|row| {
        vec![
            row.seq.to_string(),
            row.id.clone(),
            row.state.name().to_owned(),
            optional(row.mail.map(|state| state.name().to_owned())),
            named(&row.destination),
            time(row.occurred_on),
            // For a settled row this is the end of its last lease: of no use to a reader.
            if matches!(row.state, RowState::Pending | RowState::Leased) { time(row.due_at) } else { "-".to_owned() },
            row.event_type.clone(),
            row.retry_count.to_string(),
            row.ordering_key.clone().unwrap_or_default(),
            row.last_error.clone().unwrap_or_default(),
        ]
    });
    table(out, &header, cells)?;
    ending(out, page, "row(s)")
}

pub(super) fn message(out: &mut dyn Write, message: &Message) -> Result<()> {
    print_line(out, &format!("{}: {}", message.id, message.summary))?;
    if message.rows.is_empty() {
        print_line(out, "in the inbox only; the outbox has no row for it (any more)")?;
    }
    for row in &message.rows {
        print_line(out, &format!("{} to {}", row.id, named(&row.destination)))?;
        let mut field = |name: &str, value: String| print_line(out, &format!("  {name:13} {value}"));
        field("seq", row.seq.to_string())?;
        field("event type", row.event_type.clone())?;
        field("client", optional(row.subject.clone()))?;
        field("ordering key", optional(row.ordering_key.clone()))?;
        field("state", row.state.name().to_owned())?;
        field("occurred on", time(row.occurred_on))?;
        field("due at", time(row.due_at))?;
        field("retries", format!("{} ({} claims without a settle)", row.retry_count, row.claims))?;
        field("last attempt", optional(row.last_attempt_on.map(time)))?;
        field("last outcome", optional(row.last_outcome.map(|outcome| format!("{outcome:?}").to_lowercase())))?;
        field("last error", optional(row.last_error.clone()))?;
        field("group", optional(row.fingerprint.clone()))?;
        field("processed on", optional(row.processed_on.map(time)))?;
    }
    // "Sent" of a row means sent to the queue, not mailed: both are shown.
    if let Some(mail) = &message.mail {
        print_line(out, &format!("its mail: {}", mail_state(mail)))?;
        let mut field = |name: &str, value: String| print_line(out, &format!("  {name:13} {value}"));
        field("due at", optional(mail.due_at.map(time)))?;
        field("attempts", format!("{} ({} doubts, {} deliveries)", mail.attempts, mail.doubts, mail.deliveries))?;
        field("received on", time(mail.received_on))?;
        field("finished on", optional(mail.finished_on.map(time)))?;
        field("provider", optional(mail.provider.clone()))?;
        field("reference", optional(mail.reference.clone()))?;
        field("last error", optional(mail.last_error.clone()))?;
        field("group", optional(mail.fingerprint.clone()))?;
    }
    timeline(out, &message.timeline)?;
    let mut field = |name: &str, value: String| print_line(out, &format!("{name:15} {value}"));
    field("content type", optional(message.content_type.clone()))?;
    field("trace id", optional(message.trace_id.clone()))?;
    for (name, value) in &message.headers {
        field("header", format!("{name}: {value}"))?;
    }
    let Some(body) = &message.payload else { return field("payload", "pruned".to_owned()) };
    let masked = if body.masked { ", personal data masked: `ops show --reveal --reason …` shows it" } else { "" };
    field("payload", format!("{} bytes{masked}", body.bytes))?;
    print_long(out, &body.text)
}

fn timeline(out: &mut dyn Write, events: &[Event]) -> Result<()> {
    let cells = events.iter().map(|event| {
        let outcome = event.outcome.map(|outcome| format!("{outcome:?}").to_lowercase());
        let by = event.by.as_ref().map(|by| format!("by {by}"));
        let text = [outcome, by, event.text.clone()].into_iter().flatten().collect::<Vec<_>>().join(": ");
        vec![
            exact_time(event.on),
            happened(event.kind).to_owned(),
            event.name.clone().unwrap_or_default(),
            event.instance.clone().unwrap_or_default(),
            text,
        ]
    });
    table(out, &["when", "what", "where", "instance", "result"], cells)
}

fn happened(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Committed => "committed",
        EventKind::Failed => "failed, made again",
        EventKind::Released => "put back untried",
        EventKind::Dead => "dead",
        EventKind::Sent => "sent",
        EventKind::Discarded => "discarded",
        EventKind::Delivered => "delivered",
        EventKind::MailParked => "mail parked",
        EventKind::MailSent => "mail sent",
        EventKind::MailRefused => "mail refused",
        EventKind::MailInDoubt => "mail in doubt",
        EventKind::Action => "operator",
    }
}

fn mail_state(row: &MailLine) -> String {
    let held = row.state == MailState::InDoubt && row.due_at.is_none();
    if held { "in-doubt, held".to_owned() } else { row.state.name().to_owned() }
}

pub(super) fn mails(out: &mut dyn Write, page: &Page<MailLine>) -> Result<()> {
    let header = [
        "message id",
        "state",
        "client",
        "due",
        "attempts",
        "doubts",
        "deliveries",
        "received",
        "finished",
        "reference",
        "last error",
    ];
    let cells = page.items.iter().map(|row| {
        vec![
            row.message_id.clone(),
            mail_state(row),
            optional(row.subject.clone()),
            optional(row.due_at.map(time)),
            row.attempts.to_string(),
            row.doubts.to_string(),
            row.deliveries.to_string(),
            time(row.received_on),
            optional(row.finished_on.map(time)),
            optional(row.reference.clone()),
            row.last_error.clone().unwrap_or_default(),
        ]
    });
    table(out, &header, cells)?;
    ending(out, page, "mail(s)")
}

pub(super) fn groups(out: &mut dyn Write, page: &Page<FailureGroup>) -> Result<()> {
    let header = ["group", "name", "class", "set aside", "waiting", "first seen", "last seen", "sample", "error"];
    let cells = page.items.iter().map(|one| {
        vec![
            one.fingerprint.clone(),
            named(&one.name),
            one.class.clone(),
            one.set_aside.to_string(),
            one.waiting.to_string(),
            time(one.first_seen_on),
            time(one.last_seen_on),
            one.sample_id.clone(),
            one.error.clone(),
        ]
    });
    table(out, &header, cells)?;
    ending(out, page, "group(s)")
}

/// `none`: what an empty list says.
pub(super) fn audit(out: &mut dyn Write, page: &Page<AuditEntry>, none: &str) -> Result<()> {
    if page.items.is_empty() && page.next.is_none() {
        return print_line(out, none);
    }
    let cells = page.items.iter().map(|one| {
        vec![
            time(one.on),
            one.by.clone(),
            one.action.clone(),
            one.rows.to_string(),
            one.target.clone(),
            one.reason.clone(),
        ]
    });
    table(out, &["when", "who", "action", "rows", "target", "reason"], cells)?;
    ending(out, page, "action(s)")
}

pub(super) fn plan(out: &mut dyn Write, words: Words, plan: &Plan) -> Result<()> {
    if !plan.sample.is_empty() {
        let cells = plan.sample.iter().map(|row| {
            let fits = row.why_not.as_ref().map_or_else(|| "yes".to_owned(), |why| format!("no: {why}"));
            vec![row.id.clone(), named(&row.destination), row.state.clone(), fits]
        });
        table(out, &["id", "destination", "state", "fits"], cells)?;
    }
    let more = if plan.more { "; more match than one run takes" } else { "" };
    let (count, of, refused) = (plan.count, words.of, plan.refused);
    print_line(out, &format!("a dry run, nothing was changed: {count} {of} fit, {refused} do not{more}"))?;
    if plan.count == 0 {
        return Ok(());
    }
    let command = format!("client-organizer ops {} --token {} --reason …", words.command, plan.token);
    print_line(out, &format!("run it until {}: {command}", time(plan.expires_on)))
}

pub(super) fn report(out: &mut dyn Write, words: Words, report: &RemedyReport) -> Result<()> {
    if report.done + report.left == 0 {
        return print_line(out, "nothing matches: see `ops find`, `ops mail list`");
    }
    report.rows.iter().try_for_each(|row| remedied(out, words.done, row))?;
    if report.done + report.left > 1 {
        print_line(out, &format!("{} {} {}, {} not", report.done, words.of, words.done, report.left))?;
    }
    Ok(())
}

fn remedied(out: &mut dyn Write, verb: &str, row: &RemedyRow) -> Result<()> {
    let of_mail = row.destination.is_empty() || row.destination.starts_with("mail:");
    let to = if of_mail { String::new() } else { format!(" to {}", row.destination) };
    let result = match (&row.why_not, &row.new_id) {
        (Some(why), _) if row.done => format!("done, but {why}"),
        (Some(why), _) => format!("not done: {why}"),
        (None, Some(new_id)) => format!("{verb} as {new_id}"),
        (None, None) => verb.to_owned(),
    };
    print_line(out, &format!("{}{to}: {result}", row.id))
}

pub(super) fn paused(out: &mut dyn Write, action: PauseAction, report: &PauseReport) -> Result<()> {
    let verb = match action {
        PauseAction::Pause => "paused",
        PauseAction::Drain if report.leased == 0 => "drained and paused",
        PauseAction::Drain => "paused, and not drained yet",
        PauseAction::Resume => "resumed",
    };
    for name in &report.names {
        print_line(out, &format!("{name}: {verb}"))?;
    }
    match (report.leased, action) {
        (0, _) | (_, PauseAction::Resume) => Ok(()),
        (leased, _) => print_line(out, &format!("{leased} message(s) are still being sent")),
    }
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
