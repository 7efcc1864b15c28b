//! Remedies with a dry run: what it shows, the run takes, and nothing else.

use super::{duplicate_windows, operate::OperateContext, take_in};
use crate::{
    domain::{
        duplicates::DuplicateWindows,
        ids::{MESSAGE_ID_CHARS_MAX, utf16_chars},
        mail_remedy::MailRemedy,
        operations::{Action, PauseReport, PauseRequest, Plan, RemedyReport, RemedyRequest, Selection, Signature},
        remedy::Remedy,
        route::Destination,
    },
    ports::{
        error::{StoreError, StoreResult},
        operations::{Ran, RemedyRules},
    },
};
use uuid::Uuid;

/// Most rows of one remedy.
pub const ROWS_MAX: u32 = 10_000;
/// Most ids of one remedy.
pub const IDS_MAX: usize = 1_000;
/// Most copies of one remedy: each is a mail that nothing recognises as a repeat.
pub const COPIES_MAX: u32 = 100;
/// Most dead letters of one remedy: the plan names each.
pub const LETTERS_MAX: u32 = 1_000;
/// The longest name of a person, a destination or a failure group, in UTF-16 units, as the store's column counts.
pub const TEXT_CHARS_MAX: usize = 200;
/// The longest reason.
pub const REASON_CHARS_MAX: usize = 1_000;

/// Why a remedy was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum RemedyError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The request is invalid, or what it needs is not available: a sentence for the operator.
    #[error("{0}")]
    Refused(String),
    /// There is no plan of this token, or it has expired.
    #[error("there is no dry run of this token, or it has expired: make the dry run again")]
    NoPlan,
}

/// Shows what `request` would change. Changes nothing.
///
/// # Errors
/// The request is invalid, what it needs is not available, or the store failed.
pub async fn plan(context: &OperateContext, request: &RemedyRequest) -> Result<Plan, RemedyError> {
    check(request).map_err(RemedyError::Refused)?;
    let token = Uuid::new_v4().to_string();
    let request = bounded(request);
    if request.action == Action::TakeIn {
        return take_in::plan(context, &request, &token).await;
    }
    Ok(context.remedies.plan(&request, &rules(context, &request).await?, &token).await?)
}

/// Runs what the dry run of `token` showed.
///
/// # Errors
/// There is no such plan, what it needs is not available, or the store failed.
pub async fn run(context: &OperateContext, token: &str, by: &Signature) -> Result<Ran, RemedyError> {
    check_signature(by).map_err(RemedyError::Refused)?;
    let Some((request, report)) = context.remedies.planned(token).await? else { return Err(RemedyError::NoPlan) };
    if let Some(report) = report {
        return Ok(Ran::Before(report));
    }
    let ran = if request.action == Action::TakeIn {
        take_in::run(context, &request, token, by).await.map(Ran::Now)
    } else {
        context.remedies.run(token, &rules(context, &request).await?, by).await.map_err(RemedyError::from)
    };
    context.overviews.forget();
    match ran? {
        Ran::Unknown => Err(RemedyError::NoPlan),
        ran => Ok(ran),
    }
}

/// The report of a run, whether it was made now or before.
#[must_use]
pub fn report_of(ran: Ran) -> Option<RemedyReport> {
    match ran {
        Ran::Now(report) | Ran::Before(report) => Some(report),
        Ran::Unknown => None,
    }
}

/// Pauses, drains or resumes. None: there is no destination or provider of that name.
///
/// # Errors
/// The store's.
pub async fn change_pause(
    context: &OperateContext,
    request: &PauseRequest,
    by: &Signature,
) -> StoreResult<Option<PauseReport>> {
    let report = context.remedies.change_pause(request, by).await;
    context.overviews.forget();
    report
}

/// Whether a signature names someone and a reason.
///
/// # Errors
/// What was expected, for a person.
pub fn check_signature(by: &Signature) -> Result<(), String> {
    let within = |text: &str, max: usize| !text.trim().is_empty() && utf16_chars(text) <= max;
    if !within(&by.actor, TEXT_CHARS_MAX) {
        return Err(format!(
            "by is invalid: expected the name of the person who acts, at most {TEXT_CHARS_MAX} characters"
        ));
    }
    if !within(&by.reason, REASON_CHARS_MAX) {
        return Err(format!("reason is invalid: expected why it is done, at most {REASON_CHARS_MAX} characters"));
    }
    Ok(())
}

fn check(request: &RemedyRequest) -> Result<(), String> {
    if !(1..=ROWS_MAX).contains(&request.limit) {
        return Err(format!("limit is invalid: expected 1 to {ROWS_MAX}"));
    }
    let rows = Remedy::of(&request.action).is_some();
    let mails = MailRemedy::of(&request.action).is_some();
    match &request.selection {
        Selection::Ids(ids) if ids.is_empty() || ids.len() > IDS_MAX => {
            return Err(format!("selection.ids is invalid: expected 1 to {IDS_MAX} ids"));
        }
        Selection::Ids(ids) if ids.iter().any(|id| !is_id(id)) => {
            return Err(format!("selection.ids is invalid: an id has 1 to {MESSAGE_ID_CHARS_MAX} characters"));
        }
        Selection::Messages(_) if !rows => {
            return Err("selection.messages does not fit this action: expected ids, mails or group".to_owned());
        }
        Selection::Mails(_) if !mails => {
            return Err("selection.mails fits resend-mail and assume-mail-sent only".to_owned());
        }
        Selection::Group(_) if !(rows || mails) => {
            return Err("selection.group does not fit this action: expected ids or deadLetters".to_owned());
        }
        Selection::DeadLetters if request.action != Action::TakeIn => {
            return Err("selection.deadLetters fits take-in only".to_owned());
        }
        Selection::Messages(filter) if request.destination.is_some() && filter.destination.is_some() => {
            return Err("destination is invalid: selection.messages names one already".to_owned());
        }
        Selection::Ids(_)
        | Selection::Messages(_)
        | Selection::Mails(_)
        | Selection::Group(_)
        | Selection::DeadLetters => {}
    }
    match &request.action {
        Action::Route { to, .. } => Destination::parse(to).map(drop).map_err(|why| format!("to {why}")),
        Action::Requeue { .. }
        | Action::Replay { .. }
        | Action::Discard
        | Action::ResendMail
        | Action::AssumeMailSent
        | Action::TakeIn => Ok(()),
    }
}

/// As typed, in any spelling; in UTF-16 units, as the store's column counts.
fn is_id(text: &str) -> bool {
    (1..=MESSAGE_ID_CHARS_MAX).contains(&utf16_chars(text.trim()))
}

/// A forced replay and a take-in take fewer, and the dry run shows that more match.
fn bounded(request: &RemedyRequest) -> RemedyRequest {
    let limit = match request.action {
        Action::Replay { force: true, .. } => request.limit.min(COPIES_MAX),
        Action::TakeIn => request.limit.min(LETTERS_MAX),
        Action::Requeue { .. }
        | Action::Replay { .. }
        | Action::Discard
        | Action::Route { .. }
        | Action::ResendMail
        | Action::AssumeMailSent => request.limit,
    };
    RemedyRequest { limit, ..request.clone() }
}

async fn rules(context: &OperateContext, request: &RemedyRequest) -> StoreResult<RemedyRules> {
    let same_id = matches!(request.action, Action::Requeue { .. } | Action::Replay { force: false, .. });
    let windows = if same_id {
        duplicate_windows::of(context, request).await?
    } else {
        DuplicateWindows::by_setting(context.duplicate_window_ms)
    };
    let mail_queue = context.mail_queue.as_ref().map(ToString::to_string);
    Ok(RemedyRules { windows, mail_queue })
}

/// For what is not about rows.
pub(super) fn no_rules() -> RemedyRules {
    RemedyRules { windows: DuplicateWindows::by_setting(0), mail_queue: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::operations::{MailFilter, MessageFilter};

    fn request(action: Action, selection: Selection) -> RemedyRequest {
        RemedyRequest { action, selection, destination: None, limit: 100 }
    }

    #[test]
    fn a_request_that_makes_no_sense_is_refused_in_words() {
        let requeue = || Action::Requeue { out_of_order: false };
        let route = |to: &str| Action::Route { to: to.to_owned(), out_of_order: false };
        let replay = Action::Replay { out_of_order: false, force: true };
        let ids = |n: usize| Selection::Ids(vec!["m".to_owned(); n]);
        let some = || Selection::Messages(MessageFilter::default());
        for (action, selection, expected) in [
            (requeue(), ids(0), "1 to 1000 ids"),
            (requeue(), ids(1_001), "1 to 1000 ids"),
            (requeue(), Selection::Ids(vec!["x".repeat(129)]), "128"),
            (requeue(), Selection::Mails(MailFilter::default()), "resend-mail"),
            (Action::ResendMail, some(), "does not fit"),
            (Action::TakeIn, Selection::Group("f".to_owned()), "deadLetters"),
            (requeue(), Selection::DeadLetters, "take-in only"),
            (route("nowhere"), ids(1), "to is invalid"),
        ] {
            let why = check(&request(action.clone(), selection.clone())).unwrap_err();
            assert!(why.contains(expected), "{action:?} {selection:?}: {why}");
        }
        assert_eq!(bounded(&RemedyRequest { limit: 1_000, ..request(replay, some()) }).limit, COPIES_MAX);
        assert_eq!(bounded(&RemedyRequest { limit: ROWS_MAX, ..request(requeue(), some()) }).limit, ROWS_MAX);
        for limit in [0, ROWS_MAX + 1] {
            assert!(check(&RemedyRequest { limit, ..request(requeue(), some()) }).unwrap_err().contains("limit"));
        }
        let named = MessageFilter { destination: Some("queue:a".to_owned()), ..MessageFilter::default() };
        let named = request(requeue(), Selection::Messages(named));
        let twice = RemedyRequest { destination: Some("queue:a".to_owned()), ..named.clone() };
        assert!(check(&twice).unwrap_err().contains("names one already"));
        for fine in [
            request(requeue(), some()),
            request(requeue(), ids(1_000)),
            request(requeue(), Selection::Group("f".to_owned())),
            request(Action::ResendMail, Selection::Group("f".to_owned())),
            request(Action::ResendMail, Selection::Mails(MailFilter::default())),
            request(Action::TakeIn, Selection::DeadLetters),
            RemedyRequest { destination: Some("queue:a".to_owned()), ..request(requeue(), some()) },
            named,
        ] {
            assert_eq!(check(&fine), Ok(()), "{fine:?}");
        }
    }

    #[test]
    fn a_signature_names_someone_and_a_reason() {
        let by = |actor: &str, reason: &str| {
            check_signature(&Signature { actor: actor.to_owned(), reason: reason.to_owned() })
        };
        assert!(by("anna", "ticket 7").is_ok());
        assert!(by(" ", "ticket 7").unwrap_err().starts_with("by is invalid"));
        assert!(by("anna", "").unwrap_err().starts_with("reason is invalid"));
        assert!(by(&"𝒜".repeat(100), "r").is_ok() && by(&"𝒜".repeat(101), "r").is_err(), "as the column counts");
        assert!(by(&"x".repeat(201), "r").is_err() && by("a", &"x".repeat(1_001)).is_err());
    }
}
