//! Remedies on the command line: a dry run, then its run; rows that were named are run at once.

use super::{
    args::{Rows, RunArgs},
    mail_args::{MailFilterArgs, Mails},
    print::print_line,
    run::{OpsContext, Out, message_filter, print},
    tables,
};
use crate::{
    domain::{
        delivery::MailState,
        operations::{
            Action, MailFilter, MessageFilter, PlannedRow, RemedyReport, RemedyRequest, RemedyRow, Selection, Signature,
        },
        outbox::RowState,
    },
    flows::remedy,
    ports::operations::Ran,
};
use anyhow::{Context, Result, bail};

/// What a remedy is about.
pub(super) struct Which {
    /// None: a token names it.
    selection: Option<Selection>,
    destination: Option<String>,
    /// It is run without a dry run first.
    at_once: bool,
}

impl Which {
    pub(super) fn at_once(selection: Selection) -> Self {
        Self { selection: Some(selection), destination: None, at_once: true }
    }

    /// `state`: the one that the remedy fits, where the command names none.
    pub(super) fn rows(context: &OpsContext, rows: &Rows, state: Option<RowState>) -> Self {
        let destination = rows.filter.destination.clone();
        if rows.run.token.is_some() {
            return Self { selection: None, destination: None, at_once: true };
        }
        if !rows.ids.is_empty() {
            return Self { destination, ..Self::at_once(Selection::Ids(rows.ids.clone())) };
        }
        let mut filter = message_filter(context, rows.filter.clone());
        let group_alone = MessageFilter { fingerprint: filter.fingerprint.clone(), ..MessageFilter::default() };
        if let Some(group) = filter.fingerprint.clone()
            && filter == (MessageFilter { destination: destination.clone(), ..group_alone })
        {
            return Self { selection: Some(Selection::Group(group)), destination, at_once: false };
        }
        filter.state = if rows.all_dead { Some(RowState::Dead) } else { filter.state.or(state) };
        Self { selection: Some(Selection::Messages(filter)), destination: None, at_once: rows.all_dead }
    }

    /// `state`: the one that the remedy fits, where the command names none.
    pub(super) fn mails(mails: &Mails, state: MailState, at_once: bool) -> Self {
        let given = &mails.filter;
        let selection = if mails.run.token.is_some() {
            None
        } else if !mails.ids.is_empty() {
            return Self::at_once(Selection::Ids(mails.ids.clone()));
        } else if let (Some(group), None, None, false) = (&given.group, given.state, given.client, at_once) {
            Some(Selection::Group(group.clone()))
        } else {
            Some(Selection::Mails(mail_filter(given, state)))
        };
        Self { selection, destination: None, at_once }
    }

    pub(super) fn dead_letters(ids: Vec<String>) -> Self {
        Self::at_once(if ids.is_empty() { Selection::DeadLetters } else { Selection::Ids(ids) })
    }
}

/// `state`: the one that the remedy fits, where the command names none.
pub(super) fn mail_filter(given: &MailFilterArgs, state: MailState) -> MailFilter {
    let (client, fingerprint) = (given.client, given.group.clone());
    MailFilter { client, state: Some(given.state.unwrap_or(state)), fingerprint, ..MailFilter::default() }
}

/// False: not everything was done, or only a dry run was made where a run was asked for.
pub(super) async fn carry_out(
    context: &OpsContext,
    action: Action,
    which: Which,
    how: RunArgs,
    out: Out<'_>,
) -> Result<bool> {
    let words = Words::of(&action);
    if let Some(token) = &how.token {
        // Else a token of a discard, pasted after the wrong word, would discard.
        if let Some((planned, _)) = context.operate.remedies.planned(token).await?
            && Words::of(&planned.action).command != words.command
        {
            bail!("this token is of a dry run of `ops {}`: nothing was changed", Words::of(&planned.action).command);
        }
        let (report, before) = run(context, token, &signature(how.reason, how.by)?).await?;
        return reported(context, words, &report, if before { Note::Before } else { Note::None }, out);
    }
    let selection = which.selection.context("expected ids, conditions or a token")?;
    let limit = most(&action, &how);
    let request = RemedyRequest { action, selection, destination: which.destination, limit };
    let plan = remedy::plan(&context.operate, &request).await?;
    if how.dry_run || !(which.at_once || how.yes) {
        print(context, out, &plan, |out| tables::plan(out, words, &plan))?;
        return Ok(how.dry_run);
    }
    let (mut report, _) = run(context, &plan.token, &signature(how.reason, how.by)?).await?;
    // Nobody saw the dry run, so what it could not even find is reported with the run.
    for absent in plan.sample.into_iter().filter(|row| row.why_not.is_some()) {
        if !report.rows.iter().any(|row| row.id == absent.id && row.destination == absent.destination) {
            let PlannedRow { id, destination, why_not, .. } = absent;
            report.left += 1;
            report.rows.push(RemedyRow { id, destination, done: false, new_id: None, why_not });
        }
    }
    reported(context, words, &report, if plan.more { Note::More } else { Note::None }, out)
}

/// The report, and whether it is that of an earlier run.
async fn run(context: &OpsContext, token: &str, by: &Signature) -> Result<(RemedyReport, bool)> {
    match remedy::run(&context.operate, token, by).await? {
        Ran::Now(report) => Ok((report, false)),
        Ran::Before(report) => Ok((report, true)),
        Ran::Unknown => Err(remedy::RemedyError::NoPlan.into()),
    }
}

/// What is printed beside a report.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Note {
    None,
    /// It was run before.
    Before,
    /// The limit left some out.
    More,
}

fn reported(context: &OpsContext, words: Words, report: &RemedyReport, note: Note, out: Out<'_>) -> Result<bool> {
    print(context, out, report, |out| {
        if note == Note::Before {
            print_line(out, "it was run before, with this result:")?;
        }
        tables::report(out, words, report)?;
        if note == Note::More { print_line(out, words.rest()) } else { Ok(()) }
    })?;
    Ok(report.left == 0 && (report.done > 0 || words.none_is_fine))
}

/// How many rows a remedy takes at most. A copy is one more mail that nothing recognises as a repeat, so they are fewer.
pub(super) fn most(action: &Action, how: &RunArgs) -> u32 {
    how.limit.unwrap_or(if matches!(action, Action::Replay { force: true, .. }) { 100 } else { 1_000 })
}

/// Who acts and why, where clap requires both.
pub(super) fn signature(reason: Option<String>, by: Option<String>) -> Result<Signature> {
    let reason = reason.context("--reason is missing: why it is done, recorded with who and when")?;
    let actor = by.context("--by is missing: there is no login name (USER), so state who acts")?;
    Ok(Signature { actor, reason })
}

/// How a remedy is named in what is printed.
#[derive(Clone, Copy)]
pub(super) struct Words {
    /// After `client-organizer ops`.
    pub command: &'static str,
    /// What it did to a row.
    pub done: &'static str,
    /// What it is about.
    pub of: &'static str,
    /// That there is nothing to do is no failure.
    none_is_fine: bool,
    /// What it changed may match again.
    keeps: bool,
}

impl Words {
    /// How to get at what one run leaves out. The oldest come first each time.
    pub(super) fn rest(self) -> &'static str {
        if self.keeps {
            "more match, and a repeat would take the same ones: narrow the selection (--since, --until, --client)"
        } else {
            "more match: run it again; what was left comes first again"
        }
    }

    fn of(action: &Action) -> Self {
        let words = |command, done, of| Self { command, done, of, none_is_fine: false, keeps: false };
        match action {
            Action::Requeue { .. } => words("requeue", "requeued", "row(s)"),
            Action::Discard => words("discard", "discarded", "row(s)"),
            Action::Replay { .. } => Self { keeps: true, ..words("replay", "replayed", "row(s)") },
            Action::Route { .. } => Self { keeps: true, ..words("route", "routed", "row(s)") },
            Action::ResendMail => words("mail resend", "will be sent by the next RetryEmail", "mail(s)"),
            Action::AssumeMailSent => words("mail assume-sent", "marked as sent", "mail(s)"),
            Action::TakeIn => {
                Self { none_is_fine: true, ..words("mail dead-letters take-in", "taken in", "dead letter(s)") }
            }
        }
    }
}
