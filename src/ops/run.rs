//! Carries out one `ops` command against the operator's port and prints what came of it.

use super::{
    args::{DeadLetterCommand, MailCommand, OpsCommand, Rows, Why},
    dead_letters,
    print::say,
    tables, windows,
};
use crate::{
    domain::{
        client::Email,
        delivery::EMAIL_CONSUMER,
        duplicates::DuplicateWindows,
        ids::MESSAGE_ID_CHARS_MAX,
        printable,
        recipient::RecipientKey,
        route::{Destination, Routes},
    },
    ports::{
        clock::Clock,
        dead_letters::DeadLetters,
        entities::Entities,
        ops::{Ops, RemedyRow, ReplayRules, RequeueRules, RowFilter, Selection, Signature},
    },
};
use anyhow::{Result, anyhow, bail};
use serde::Serialize;
use std::io::Write;

pub struct OpsContext<'a> {
    pub ops: &'a dyn Ops,
    pub routes: &'a Routes,
    /// None: no bus is set, so it cannot be asked.
    pub entities: Option<&'a dyn Entities>,
    pub recipients: &'a RecipientKey,
    /// The bus's duplicate detection window where it cannot be asked; 0: it has none.
    pub duplicate_window_ms: i64,
    pub mail_queue: MailQueue<'a>,
    pub json: bool,
}

/// The queue whose messages SendEmail gets.
pub struct MailQueue<'a> {
    /// Why not, where its dead letters cannot be read.
    pub dead_letters: std::result::Result<&'a dyn DeadLetters, String>,
    pub queue: Option<&'a Destination>,
    pub tombstone_days: i64,
    pub clock: &'a dyn Clock,
}

/// Answers whether everything asked for was done; false is exit code 1.
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
            let rows = context.ops.list(&RowFilter { state, destination, event_type, after, limit }).await?;
            print(context, out, &rows, |out| tables::rows(out, &rows))?;
            Ok(true)
        }
        OpsCommand::Show { id } => {
            let rows = context.ops.show(&id).await?;
            if rows.is_empty() {
                bail!("there is no message {id}: `ops list` shows those there are, pruned ones are gone");
            }
            print(context, out, &rows, |out| tables::show(out, &rows))?;
            Ok(true)
        }
        OpsCommand::Requeue { rows, out_of_order, why } => {
            let what = selection(rows)?;
            let rules = RequeueRules { out_of_order, windows: windows::of(context, &what).await? };
            let done = context.ops.requeue(&what, rules, &signature(why)).await?;
            remedied(context, out, "requeued", &done)
        }
        OpsCommand::Discard { rows, why } => {
            let done = context.ops.discard(&selection(rows)?, &signature(why)).await?;
            remedied(context, out, "discarded", &done)
        }
        OpsCommand::Replay { rows, out_of_order, force, why } => {
            let what = Selection::Id { id: rows.id, destination: rows.destination };
            // A copy has an id that nobody has seen.
            let windows = if force {
                DuplicateWindows::by_setting(context.duplicate_window_ms)
            } else {
                windows::of(context, &what).await?
            };
            let requeue = RequeueRules { out_of_order, windows };
            let rules = ReplayRules { requeue, force };
            let done = context.ops.replay(&what, rules, &signature(why)).await?;
            remedied(context, out, "replayed", &done)
        }
        OpsCommand::Pause { destination, why } => {
            let known = context.ops.pause(&destination, &signature(why)).await?;
            destination_done(context, out, &destination, "paused", known)
        }
        OpsCommand::Resume { destination, why } => {
            let known = context.ops.resume(&destination, &signature(why)).await?;
            destination_done(context, out, &destination, "resumed", known)
        }
        OpsCommand::Mail { command } => mail(context, command, out).await,
    }
}

async fn mail(context: &OpsContext<'_>, command: MailCommand, out: &mut (dyn Write + Send)) -> Result<bool> {
    match command {
        MailCommand::List { state, limit } => {
            let rows = context.ops.mail_list(EMAIL_CONSUMER, state, limit).await?;
            let paced = context.ops.status(&[]).await?.destinations;
            print(context, out, &rows, |out| {
                tables::mails(out, &rows)?;
                tables::paced(out, &paced)
            })?;
            Ok(true)
        }
        MailCommand::Find { address, limit } => {
            // Without the address: it is in the shell's history already, and need not be in a log of the errors too.
            let address = Email::parse(&address).map_err(|why| anyhow!("the address {why}"))?;
            let rows = context.ops.mail_of(EMAIL_CONSUMER, &context.recipients.hash(&address), limit).await?;
            print(context, out, &rows, |out| tables::mails(out, &rows))?;
            Ok(true)
        }
        MailCommand::Resend { id, why } => {
            let done = context.ops.mail_resend(EMAIL_CONSUMER, &id, &signature(why)).await?;
            one(context, out, &id, "will be sent by the next RetryEmail", done)
        }
        MailCommand::DeadLetters { limit, command: None } => dead_letters::list(context, limit, out).await,
        MailCommand::DeadLetters { command: Some(DeadLetterCommand::TakeIn { ids, limit, why }), .. } => {
            dead_letters::take_in(context, &ids, limit, &signature(why), out).await
        }
        MailCommand::AssumeSent { id, why } => {
            let done = context.ops.mail_assume_sent(EMAIL_CONSUMER, &id, &signature(why)).await?;
            one(context, out, &id, "taken as sent", done)
        }
    }
}

fn selection(rows: Rows) -> Result<Selection> {
    match (rows.id, rows.destination) {
        (Some(id), _) if id.chars().count() > MESSAGE_ID_CHARS_MAX => bail!("a message id has at most 128 characters"),
        (Some(id), destination) => Ok(Selection::Id { id, destination }),
        (None, Some(destination)) => Ok(Selection::AllDead { destination, rows_max: rows.limit }),
        (None, None) => bail!("name a message id, or --destination with --all-dead"),
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
    let done = answer.is_ok();
    let row = RemedyRow { id: id.to_owned(), destination: String::new(), done, new_id: None, why_not: answer.err() };
    print(context, out, &row, |out| tables::remedy(out, verb, &row))?;
    Ok(done)
}

fn remedied(context: &OpsContext<'_>, out: &mut (dyn Write + Send), verb: &str, rows: &[RemedyRow]) -> Result<bool> {
    print(context, out, &rows, |out| {
        if rows.is_empty() {
            say(out, "no row matches: see `ops list`")?;
        }
        rows.iter().try_for_each(|row| tables::remedy(out, verb, row))
    })?;
    Ok(!rows.is_empty() && rows.iter().all(|row| row.done))
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
        let what = if known { verb } else { "there is no such destination; `ops status` shows those there are" };
        say(out, &format!("{name}: {what}"))
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
