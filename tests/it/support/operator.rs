//! What an operator does, in one call: a look, a dry run with its run, a pause, its end.

use client_organizer::{
    domain::{
        delivery::EMAIL_CONSUMER,
        duplicates::DuplicateWindows,
        operations::{
            Action, MailLine, MessageLine, Overview, PauseAction, PauseRequest, RemedyRequest, RemedyRow, Selection,
            Signature,
        },
        rate_limit::RateLimit,
    },
    ports::operations::{OverviewQuery, Ran, Remedies, RemedyRules, Reports, StoredMessage},
};
use uuid::Uuid;

pub fn by() -> Signature {
    Signature { actor: "anna".to_owned(), reason: "ticket 7".to_owned() }
}

/// Without duplicate detection or a mail queue.
pub const NO_RULES: RemedyRules = RemedyRules { windows: DuplicateWindows::by_setting(0), mail_queue: None };

/// What waits, of event types without a route.
pub async fn overview(reports: &dyn Reports, provider: &str) -> Overview {
    let (routed_types, provider) = (Vec::new(), provider.to_owned());
    let query = OverviewQuery { routed_types, provider, rate_limit: RateLimit::default(), minutes: 1 };
    reports.overview(&query).await.unwrap()
}

pub async fn message(reports: &dyn Reports, id: &str) -> StoredMessage {
    reports.message(EMAIL_CONSUMER, id).await.unwrap().unwrap_or_else(|| panic!("no message {id}"))
}

/// The first row of a message.
pub async fn row(reports: &dyn Reports, id: &str) -> MessageLine {
    message(reports, id).await.message.rows.remove(0)
}

pub async fn payload(reports: &dyn Reports, id: &str) -> String {
    String::from_utf8(message(reports, id).await.payload.unwrap()).unwrap()
}

pub async fn mail(reports: &dyn Reports, id: &str) -> MailLine {
    message(reports, id).await.message.mail.unwrap()
}

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
