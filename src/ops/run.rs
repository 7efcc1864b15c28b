//! Carries out one `ops` command and prints its result.

use super::{
    args::{FilterArgs, OpsCommand},
    dead_letters, lists,
    mail_args::{DeadLetterCommand, MailCommand},
    overview_table,
    pauses::{self, Place},
    print::{terminal_cut, terminal_height},
    remedies::{self, Which},
    tables,
};
use crate::{
    domain::{
        delivery::MailState,
        operations::{Action, AuditFilter, GroupFilter, MailFilter, MessageFilter, Overview, PauseAction, Signature},
        outbox::RowState,
        printable,
    },
    flows::operate::{self, OperateContext},
};
use anyhow::{Result, bail};
use serde::Serialize;
use std::{io::Write, time::Duration};

/// What the commands need.
pub struct OpsContext {
    /// Reports and remedies.
    pub operate: OperateContext,
    /// Print JSON instead of tables.
    pub json: bool,
}

/// Where the commands print.
pub(super) type Out<'a> = &'a mut (dyn Write + Send);

/// Carries out `command`. False if not all of it was done, or something needs a person: exit code 1.
///
/// # Errors
/// The store's, or a printing error.
pub async fn run(context: &OpsContext, command: OpsCommand, out: Out<'_>) -> Result<bool> {
    match command {
        OpsCommand::Overview { minutes, watch: true, .. } => watch(context, minutes, out).await,
        OpsCommand::Overview { minutes, check, .. } => {
            let overview = operate::overview(&context.operate, minutes).await?;
            print(context, out, &overview, |out| {
                if check { overview_table::attention(out, &overview) } else { overview_table::overview(out, &overview) }
            })?;
            Ok(!check || overview.attention.is_empty())
        }
        OpsCommand::Find { id, filter, page } => {
            let filter = MessageFilter { id, ..message_filter(context, filter) };
            let found =
                lists::all(&page, async |page| operate::messages(&context.operate, &filter, &page).await).await?;
            print(context, out, &found, |out| tables::messages(out, &found))?;
            Ok(true)
        }
        OpsCommand::Show { id, reveal, reason, by } => {
            let by = reveal.then(|| remedies::signature(reason, by)).transpose()?;
            show(context, &id, by.as_ref(), out).await
        }
        OpsCommand::Groups { name, page } => {
            let filter = GroupFilter { name };
            let found = lists::all(&page, async |page| operate::groups(&context.operate, &filter, &page).await).await?;
            print(context, out, &found, |out| tables::groups(out, &found))?;
            Ok(true)
        }
        OpsCommand::Audit { id, page } => {
            let filter = AuditFilter { message_id: id };
            let none = if filter.message_id.is_some() { "nothing was done to it" } else { "nothing was done yet" };
            let found = lists::all(&page, async |page| operate::audit(&context.operate, &filter, &page).await).await?;
            print(context, out, &found, |out| tables::audit(out, &found, none))?;
            Ok(true)
        }
        OpsCommand::Requeue { rows, out_of_order } => {
            let which = Which::rows(context, &rows, Some(RowState::Dead));
            remedies::carry_out(context, Action::Requeue { out_of_order }, which, rows.run, out).await
        }
        OpsCommand::Discard { rows } => {
            let which = Which::rows(context, &rows, None);
            remedies::carry_out(context, Action::Discard, which, rows.run, out).await
        }
        OpsCommand::Replay { rows, out_of_order, force } => {
            let which = Which::rows(context, &rows, Some(RowState::Sent));
            remedies::carry_out(context, Action::Replay { out_of_order, force }, which, rows.run, out).await
        }
        OpsCommand::Route { rows, to, out_of_order } => {
            let which = Which::rows(context, &rows, None);
            let action = Action::Route { to: to.unwrap_or_default(), out_of_order };
            remedies::carry_out(context, action, which, rows.run, out).await
        }
        OpsCommand::Pause { target, how_long, why } => {
            let place = Place::of(target);
            pauses::change(context, PauseAction::Pause, place, how_long.for_ms, &why, out).await
        }
        OpsCommand::Drain { target, how_long, within, why } => {
            pauses::drain(context, Place::of(target), how_long.for_ms, &within, &why, out).await
        }
        OpsCommand::Resume { target, why } => {
            pauses::change(context, PauseAction::Resume, Place::of(target), None, &why, out).await
        }
        OpsCommand::Mail { command } => mail(context, command, out).await,
    }
}

async fn mail(context: &OpsContext, command: MailCommand, out: Out<'_>) -> Result<bool> {
    let provider = || Place::Name(context.operate.provider.clone());
    match command {
        MailCommand::List { filter, page } => {
            let filter = MailFilter {
                state: filter.state,
                client: filter.client,
                fingerprint: filter.group,
                ..MailFilter::default()
            };
            mails(context, &filter, &page, out).await
        }
        MailCommand::Find { address, page } => {
            let hash = lists::recipient_hash(context, &address)?;
            mails(context, &MailFilter { recipient_hash: Some(hash), ..MailFilter::default() }, &page, out).await
        }
        MailCommand::Show { id } => show(context, &id, None, out).await,
        MailCommand::Resend { mails, refused, like } => {
            let most = remedies::most(&Action::ResendMail, &mails.run);
            let which = match like {
                Some(text) => {
                    let filter = remedies::mail_filter(&mails.filter, MailState::Refused);
                    lists::alike(context, &filter, &text, most).await?
                }
                None => Which::mails(&mails, MailState::Refused, refused),
            };
            remedies::carry_out(context, Action::ResendMail, which, mails.run, out).await
        }
        MailCommand::AssumeSent { mails } => {
            let which = Which::mails(&mails, MailState::InDoubt, false);
            remedies::carry_out(context, Action::AssumeMailSent, which, mails.run, out).await
        }
        MailCommand::Pause { how_long, why } => {
            pauses::change(context, PauseAction::Pause, provider(), how_long.for_ms, &why, out).await
        }
        MailCommand::Drain { how_long, within, why } => {
            pauses::drain(context, provider(), how_long.for_ms, &within, &why, out).await
        }
        MailCommand::Resume { why } => pauses::change(context, PauseAction::Resume, provider(), None, &why, out).await,
        MailCommand::DeadLetters { limit, command: None } => dead_letters::list(context, limit, out).await,
        MailCommand::DeadLetters { command: Some(DeadLetterCommand::TakeIn { ids, run }), .. } => {
            remedies::carry_out(context, Action::TakeIn, Which::dead_letters(ids), run, out).await
        }
    }
}

async fn mails(context: &OpsContext, filter: &MailFilter, page: &super::args::PageArgs, out: Out<'_>) -> Result<bool> {
    let found = lists::all(page, async |page| operate::mails(&context.operate, filter, &page).await).await?;
    // Why due mails are not sent: a pause, a breaker, the rate limit.
    let overview = operate::overview(&context.operate, 1).await?;
    print(context, out, &found, |out| {
        tables::mails(out, &found)?;
        overview_table::mailing(out, &overview.mails)
    })?;
    Ok(true)
}

async fn show(context: &OpsContext, id: &str, reveal: Option<&Signature>, out: Out<'_>) -> Result<bool> {
    let Some(message) = operate::message(&context.operate, id, reveal).await? else {
        bail!(
            "there is no message {}: `ops find` shows the existing ones, and pruned ones are gone",
            printable::line(id)
        );
    };
    print(context, out, &message, |out| tables::message(out, &message))?;
    Ok(true)
}

/// The conditions without an id.
pub(super) fn message_filter(context: &OpsContext, given: FilterArgs) -> MessageFilter {
    let now = context.operate.clock.now();
    MessageFilter {
        id: None,
        client: given.client,
        event_type: given.event_type,
        destination: given.destination,
        state: given.state,
        ordering_key: given.ordering_key,
        fingerprint: given.group,
        since: given.since.map(|moment| moment.at(now)),
        until: given.until.map(|moment| moment.at(now)),
    }
}

const WATCH_EVERY: Duration = Duration::from_secs(2);

/// Ends with the process.
async fn watch(context: &OpsContext, minutes: u32, out: Out<'_>) -> Result<bool> {
    let height = terminal_height();
    if height.is_none() && !context.json {
        bail!("--watch needs a terminal; with --json it prints one line every two seconds");
    }
    let mut screen = String::from("\u{1b}[2J");
    loop {
        let overview = operate::overview(&context.operate, minutes).await;
        match height {
            Some(_) if !context.json => {
                // Drawn over what is there and written at once, so that nothing flickers.
                screen.push_str("\u{1b}[H");
                for line in drawn(&overview).lines().take(terminal_height().unwrap_or(24).saturating_sub(1)) {
                    // A folded line would push others out of the screen.
                    screen.push_str(&terminal_cut(line));
                    screen.push_str("\u{1b}[K\r\n");
                }
                screen.push_str("\u{1b}[J");
            }
            _ => screen = printable::json(&serde_json::to_string(&overview?)?) + "\n",
        }
        out.write_all(screen.as_bytes())?;
        out.flush()?;
        screen.clear();
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

/// An unavailable store is drawn too: it may come back.
fn drawn<E: std::fmt::Display>(overview: &std::result::Result<Overview, E>) -> String {
    let mut text = Vec::new();
    let written = match overview {
        Ok(overview) => overview_table::overview(&mut text, overview),
        Err(error) => super::print::print_line(&mut text, &format!("error: {error}")),
    };
    // Writing to memory cannot fail.
    debug_assert!(written.is_ok());
    String::from_utf8_lossy(&text).into_owned()
}

pub(super) fn print<T: Serialize>(
    context: &OpsContext,
    out: Out<'_>,
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
