//! Carries out one `ops` command and prints its result.

use super::{
    args::{DeadLetterCommand, MailCommand, OpsCommand, Rows, Why},
    dead_letters,
    print::print_line,
    tables, windows,
};
use crate::{
    domain::{
        client::Email,
        delivery::{EMAIL_CONSUMER, MailState},
        duplicates::DuplicateWindows,
        ids::MESSAGE_ID_CHARS_MAX,
        printable, rate_limit,
        recipient::RecipientKey,
        route::{Destination, Routes},
    },
    ports::{
        clock::Clock,
        dead_letters::DeadLetters,
        entities::Entities,
        ops::{Found, MailRow, Ops, OutboxRow, RemedyRow, ReplayRules, RequeueRules, RowFilter, Selection, Signature},
    },
};
use anyhow::{Result, anyhow, bail};
use serde::Serialize;
use std::io::Write;

/// What the commands need.
pub struct OpsContext<'a> {
    /// The operator's port of the store.
    pub ops: &'a dyn Ops,
    /// Where each event type goes.
    pub routes: &'a Routes,
    /// Reads queues' and topics' properties; None: no bus is set, or its properties cannot be read.
    pub entities: Option<&'a dyn Entities>,
    /// Key of the recipients' hashes.
    pub recipients: &'a RecipientKey,
    /// The duplicate detection window, in milliseconds, of destinations whose properties cannot be read; 0: none.
    pub duplicate_window_ms: i64,
    /// The email queue.
    pub mail_queue: MailQueue<'a>,
    /// Print JSON instead of tables.
    pub json: bool,
}

/// The queue whose messages SendEmail receives.
pub struct MailQueue<'a> {
    /// Reads its dead letters; an error is the reason why that is not possible.
    pub dead_letters: std::result::Result<&'a dyn DeadLetters, String>,
    /// Its name; None: not set.
    pub queue: Option<&'a Destination>,
    /// Retention of inbox entries, in days.
    pub tombstone_days: i64,
    /// The time of the command.
    pub clock: &'a dyn Clock,
}

/// Carries out `command`. False if not all of it was done: exit code 1.
///
/// # Errors
/// The store's, or a printing error.
pub async fn run(context: &OpsContext<'_>, command: OpsCommand, out: &mut (dyn Write + Send)) -> Result<bool> {
    match command {
        OpsCommand::Status => {
            let types: Vec<String> = context.routes.0.keys().cloned().collect();
            let status = context.ops.status(&types).await?;
            print(context, out, &status, |out| tables::status(out, &status))?;
            Ok(true)
        }
        OpsCommand::List { state, destination, event_type, after, limit } => {
            let one_more = RowFilter { state, destination, event_type, after, limit: limit + 1 };
            let mut rows = context.ops.list(&one_more).await?;
            let more = cut_off(&mut rows, limit);
            print(context, out, &rows, |out| tables::rows(out, &rows, more))?;
            Ok(true)
        }
        OpsCommand::Show { id } => {
            let id = resolve(context, &id).await?.id;
            let rows = context.ops.show(&id).await?;
            let mail = context.ops.mail_show(EMAIL_CONSUMER, &id).await?;
            if rows.is_empty() && mail.is_none() {
                bail!("there is no message {id}: `ops list` shows the existing ones, and pruned ones are gone");
            }
            let shown = Shown::all(context, &id, &rows, mail.as_ref());
            print(context, out, &shown, |out| tables::show(out, &id, &rows, mail.as_ref()))?;
            Ok(true)
        }
        OpsCommand::Requeue { rows, out_of_order, why } => {
            let what = selection(context, rows).await?;
            let rules = rules(context, out_of_order, windows::of(context, &what).await?);
            let done = context.ops.requeue(&what, rules, &signature(why)).await?;
            remedied(context, out, "requeued", &done)
        }
        OpsCommand::Discard { rows, why } => {
            let done = context.ops.discard(&selection(context, rows).await?, &signature(why)).await?;
            remedied(context, out, "discarded", &done)
        }
        OpsCommand::Replay { rows, out_of_order, force, why } => {
            let what = one_message(context, &rows.id, rows.destination).await?;
            // The copy gets a new id, which no destination has seen.
            let windows = if force {
                DuplicateWindows::by_setting(context.duplicate_window_ms)
            } else {
                windows::of(context, &what).await?
            };
            let rules = ReplayRules { requeue: rules(context, out_of_order, windows), force };
            let done = context.ops.replay(&what, rules, &signature(why)).await?;
            remedied(context, out, "replayed", &done)
        }
        OpsCommand::Pause { destination, why } => {
            let known = is_known(&destination) && context.ops.pause(&destination, &signature(why)).await?;
            destination_done(context, out, &destination, "paused", known)
        }
        OpsCommand::Resume { destination, why } => {
            let known = is_known(&destination) && context.ops.resume(&destination, &signature(why)).await?;
            destination_done(context, out, &destination, "resumed", known)
        }
        OpsCommand::Mail { command } => mail(context, command, out).await,
    }
}

async fn mail(context: &OpsContext<'_>, command: MailCommand, out: &mut (dyn Write + Send)) -> Result<bool> {
    match command {
        MailCommand::List { state, limit } => {
            let mut rows = context.ops.mail_list(EMAIL_CONSUMER, state, limit + 1).await?;
            let more = newest_last(&mut rows, limit);
            let rate_limited = context.ops.status(&[]).await?.destinations;
            print(context, out, &rows, |out| {
                tables::mails(out, &rows, more)?;
                tables::rate_limited(out, &rate_limited)
            })?;
            Ok(true)
        }
        MailCommand::Find { address, limit } => {
            // The error omits the address: it must not get into a log of errors.
            let address = Email::parse(&address).map_err(|why| anyhow!("the address {why}"))?;
            let addressee = context.recipients.hash(&address);
            let mut rows = context.ops.mail_of(EMAIL_CONSUMER, &addressee, limit + 1).await?;
            let more = newest_last(&mut rows, limit);
            print(context, out, &rows, |out| tables::mails(out, &rows, more))?;
            Ok(true)
        }
        MailCommand::Resend { id: None, like, limit, why, .. } => {
            let refused = context.ops.mail_list(EMAIL_CONSUMER, Some(MailState::Refused), limit).await?;
            let alike = |reason: &str| like.as_ref().is_none_or(|like| reason.contains(like));
            let by = signature(why);
            let mut rows = Vec::new();
            for mail in refused.into_iter().filter(|mail| alike(mail.last_error.as_deref().unwrap_or_default())) {
                rows.push(answered(
                    &mail.message_id,
                    context.ops.mail_resend(EMAIL_CONSUMER, &mail.message_id, &by).await?,
                ));
            }
            remedied(context, out, "will be sent by the next RetryEmail", &rows)
        }
        MailCommand::Resend { id: Some(id), why, .. } => {
            let id = resolve(context, &id).await?.id;
            let done = context.ops.mail_resend(EMAIL_CONSUMER, &id, &signature(why)).await?;
            one(context, out, &id, "will be sent by the next RetryEmail", done)
        }
        MailCommand::DeadLetters { limit, command: None } => dead_letters::list(context, limit, out).await,
        MailCommand::DeadLetters { command: Some(DeadLetterCommand::TakeIn { ids, limit, why }), .. } => {
            dead_letters::take_in(context, &ids, limit, &signature(why), out).await
        }
        MailCommand::AssumeSent { id, why } => {
            let id = resolve(context, &id).await?.id;
            let done = context.ops.mail_assume_sent(EMAIL_CONSUMER, &id, &signature(why)).await?;
            one(context, out, &id, "marked as sent", done)
        }
    }
}

/// One more than `limit` was read: returns whether there are more, and drops that one.
fn cut_off<T>(rows: &mut Vec<T>, limit: u32) -> bool {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    more
}

/// Keeps the newest `limit` and puts them in order of time, as outbox rows are printed.
fn newest_last(rows: &mut Vec<MailRow>, limit: u32) -> bool {
    let more = cut_off(rows, limit);
    rows.reverse();
    more
}

/// Finds the message by any spelling of its id that is printed anywhere. An unknown id is returned as it is, and the
/// command then reports it.
async fn resolve(context: &OpsContext<'_>, text: &str) -> Result<Found> {
    if text.chars().count() > MESSAGE_ID_CHARS_MAX {
        bail!("a message id has at most {MESSAGE_ID_CHARS_MAX} characters");
    }
    let found = context.ops.find(EMAIL_CONSUMER, text).await?;
    Ok(found.unwrap_or_else(|| Found { id: text.to_owned(), destination: None }))
}

async fn one_message(context: &OpsContext<'_>, text: &str, destination: Option<String>) -> Result<Selection> {
    let found = resolve(context, text).await?;
    Ok(Selection::Id { id: found.id, destination: destination.or(found.destination) })
}

fn rules(context: &OpsContext<'_>, out_of_order: bool, windows: DuplicateWindows) -> RequeueRules {
    RequeueRules { out_of_order, windows, mail_queue: context.mail_queue.queue.map(ToString::to_string) }
}

/// A row with its mail; where the outbox has no such row any more, only the mail.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(flatten)]
    row: Option<&'a OutboxRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mail: Option<&'a MailRow>,
}

impl<'a> Shown<'a> {
    fn all(context: &OpsContext<'_>, id: &'a str, rows: &'a [OutboxRow], mail: Option<&'a MailRow>) -> Vec<Shown<'a>> {
        let queue = context.mail_queue.queue.map(ToString::to_string);
        let to_us = |row: &OutboxRow| Some(&row.destination) == queue.as_ref();
        let mut shown: Vec<_> =
            rows.iter().map(|row| Shown { id: None, row: Some(row), mail: mail.filter(|_| to_us(row)) }).collect();
        if !rows.iter().any(to_us) && mail.is_some() {
            shown.push(Shown { id: Some(id), row: None, mail });
        }
        shown
    }
}

async fn selection(context: &OpsContext<'_>, rows: Rows) -> Result<Selection> {
    match (rows.id, rows.destination) {
        (Some(id), destination) => one_message(context, &id, destination).await,
        (None, Some(destination)) => Ok(Selection::AllDead { destination, rows_max: rows.limit }),
        (None, None) => bail!("expected a message id, or --destination with --all-dead"),
    }
}

fn signature(why: Why) -> Signature {
    Signature { actor: why.by, reason: why.reason }
}

fn one(
    context: &OpsContext<'_>,
    out: &mut (dyn Write + Send),
    id: &str,
    verb: &str,
    answer: std::result::Result<(), String>,
) -> Result<bool> {
    let row = answered(id, answer);
    print(context, out, &row, |out| tables::remedy(out, verb, &row))?;
    Ok(row.done)
}

fn answered(id: &str, answer: std::result::Result<(), String>) -> RemedyRow {
    let done = answer.is_ok();
    RemedyRow { id: id.to_owned(), destination: String::new(), done, new_id: None, why_not: answer.err() }
}

fn remedied(context: &OpsContext<'_>, out: &mut (dyn Write + Send), verb: &str, rows: &[RemedyRow]) -> Result<bool> {
    print(context, out, &rows, |out| {
        if rows.is_empty() {
            print_line(out, "no row matches: see `ops list`")?;
        }
        rows.iter().try_for_each(|row| tables::remedy(out, verb, row))?;
        let done = rows.iter().filter(|row| row.done).count();
        if rows.len() > 1 {
            print_line(out, &format!("{done} row(s) {verb}, {} not", rows.len() - done))
        } else {
            Ok(())
        }
    })?;
    Ok(!rows.is_empty() && rows.iter().all(|row| row.done))
}

/// A provider's limit on status queries is stored like a destination, but pausing it would do nothing.
fn is_known(destination: &str) -> bool {
    !rate_limit::is_of_queries(destination)
}

fn destination_done(
    context: &OpsContext<'_>,
    out: &mut (dyn Write + Send),
    name: &str,
    verb: &'static str,
    known: bool,
) -> Result<bool> {
    #[derive(Serialize)]
    struct Answer<'a> {
        destination: &'a str,
        done: bool,
    }
    print(context, out, &Answer { destination: name, done: known }, |out| {
        let what = if known { verb } else { "there is no such destination; `ops status` shows the existing ones" };
        print_line(out, &format!("{name}: {what}"))
    })?;
    Ok(known)
}

pub(super) fn print<T: Serialize>(
    context: &OpsContext<'_>,
    out: &mut (dyn Write + Send),
    value: &T,
    human: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    if context.json {
        writeln!(out, "{}", printable::json(&serde_json::to_string_pretty(value)?))?;
    } else {
        human(&mut *out)?;
    }
    Ok(())
}
