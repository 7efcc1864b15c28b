//! What an operator does, in one call: a dry run with its run, a pause, its end.

use client_organizer::{
    domain::{
        duplicates::DuplicateWindows,
        operations::{Action, PauseAction, PauseRequest, RemedyRequest, RemedyRow, Selection, Signature},
    },
    ports::operations::{Ran, Remedies, RemedyRules},
};
use uuid::Uuid;

pub fn by() -> Signature {
    Signature { actor: "anna".to_owned(), reason: "ticket 7".to_owned() }
}

/// Without duplicate detection or a mail queue.
pub const NO_RULES: RemedyRules = RemedyRules { windows: DuplicateWindows::by_setting(0), mail_queue: None };

/// Plans and runs the remedy for the rows or the mail of one id.
pub async fn remedied(remedies: &dyn Remedies, action: Action, id: &str, rules: &RemedyRules) -> Vec<RemedyRow> {
    let (token, selection) = (Uuid::new_v4().to_string(), Selection::Ids(vec![id.to_owned()]));
    let request = RemedyRequest { action, selection, destination: None, limit: 100 };
    remedies.plan(&request, rules, &token).await.unwrap();
    match remedies.run(&token, rules, &by()).await.unwrap() {
        Ran::Now(report) => report.rows,
        other => panic!("{other:?}"),
    }
}

/// Has a mail sent again.
pub async fn resend(remedies: &dyn Remedies, id: &str) {
    let rows = remedied(remedies, Action::ResendMail, id, &NO_RULES).await;
    assert!(rows[0].done, "{rows:?}");
}

pub async fn pause(remedies: &dyn Remedies, name: &str) {
    change(remedies, PauseAction::Pause, name).await;
}

pub async fn resume(remedies: &dyn Remedies, name: &str) {
    change(remedies, PauseAction::Resume, name).await;
}

async fn change(remedies: &dyn Remedies, action: PauseAction, name: &str) {
    let request = PauseRequest { action, name: Some(name.to_owned()), for_ms: None };
    remedies.change_pause(&request, &by()).await.unwrap().unwrap();
}
