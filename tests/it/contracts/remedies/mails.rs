//! Which mails are sent again, or count as sent.

use super::*;
use crate::support::backend::Backend;
use client_organizer::{
    domain::{
        delivery::{Delivery, MailState},
        operations::MailFilter,
        recipient::Addressee,
    },
    ports::operations::TakenIn,
};

contract!(
    a_refused_mail_and_one_in_doubt_are_resent_and_others_are_not,
    a_mail_in_doubt_counts_as_sent,
    mails_are_selected_by_each_condition,
    a_dead_letter_that_is_taken_in_keeps_its_trace,
);

/// A mail in the state of this code.
pub(super) fn insert(backend: &impl Backend, id: &str, state: i64) {
    let time = backend.at_ms(1_700_000_000_000);
    let lease =
        if state == 1 { format!("'00000000-0000-0000-0000-000000000001', {time}") } else { "NULL, NULL".into() };
    let body = if state == 2 { "NULL".into() } else { backend.hex("7b7d") };
    backend.execute(&format!(
        "INSERT INTO InboxMessages (Consumer, MessageId, Body, State, LeaseToken, DueAt, ReceivedOnUtc, Subject) \
         VALUES ('{CONSUMER}', '{id}', {body}, {state}, {lease}, {time}, 'clients/7')"
    ));
}

fn mail_state(backend: &impl Backend, id: &str) -> i64 {
    number(backend, &format!("SELECT State FROM InboxMessages WHERE MessageId = '{id}'"))
}

async fn a_refused_mail_and_one_in_doubt_are_resent_and_others_are_not(backend: &impl Backend) {
    for state in MailState::ALL {
        insert(backend, state.name(), state as i64);
    }
    let names = MailState::ALL.map(MailState::name);
    let plan = plan(backend, Action::ResendMail, ids(&names)).await;
    assert_eq!((plan.count, plan.refused), (2, 4));
    let mut done = done_of(&run(backend, &plan).await);
    done.sort_unstable();
    assert_eq!(done, ["in-doubt", "refused"]);
    assert_eq!((mail_state(backend, "refused"), mail_state(backend, "sent")), (0, 2));
    let due = "SELECT count(*) FROM InboxMessages WHERE State = 0 AND DueAt IS NOT NULL";
    assert_eq!(number(backend, due), 2, "at once");
    assert_eq!(audit(backend), [("mail resend".to_owned(), "6 id(s)".to_owned(), 2)]);
    insert(backend, "erased", 5);
    backend.execute("UPDATE InboxMessages SET Body = NULL WHERE MessageId = 'erased'");
    assert!(why_not(backend, Action::ResendMail, "erased").await.contains("--force"));
    assert!(why_not(backend, Action::ResendMail, "nobody").await.contains("no mail"));
}

async fn a_mail_in_doubt_counts_as_sent(backend: &impl Backend) {
    insert(backend, "doubt", 4);
    insert(backend, "refused", 5);
    backend.execute("UPDATE InboxMessages SET LastError = 'no answer'");
    let plan = plan(backend, Action::AssumeMailSent, Selection::Mails(MailFilter::default())).await;
    assert_eq!((plan.count, plan.refused), (1, 0), "a refused one was certainly not sent");
    assert_eq!(done_of(&run(backend, &plan).await), ["doubt"]);
    let erased = "SELECT count(*) FROM InboxMessages WHERE State = 2 AND Body IS NULL AND LastError IS NULL AND FinishedOnUtc IS NOT NULL";
    assert_eq!((number(backend, erased), mail_state(backend, "refused")), (1, 5));
    assert_eq!(audit(backend), [("mail assume-sent".to_owned(), "doubt".to_owned(), 1)]);
}

async fn mails_are_selected_by_each_condition(backend: &impl Backend) {
    for id in ["a", "b", "c", "d"] {
        insert(backend, id, 5);
    }
    insert(backend, "e", 4);
    backend.execute("UPDATE InboxMessages SET Subject = 'clients/8' WHERE MessageId = 'b'");
    backend.execute("UPDATE InboxMessages SET RecipientHash = 'abc' WHERE MessageId IN ('c', 'e')");
    backend.execute("UPDATE InboxMessages SET Fingerprint = 'f00d' WHERE MessageId = 'd'");
    let none = MailFilter::default;
    for (filter, expected) in [
        (none(), &["a", "b", "c", "d", "e"][..]),
        (MailFilter { id: Some("a".to_owned()), ..none() }, &["a"]),
        (MailFilter { client: Some(8), ..none() }, &["b"]),
        (MailFilter { recipient_hash: Some("abc".to_owned()), ..none() }, &["c", "e"]),
        (MailFilter { fingerprint: Some("f00d".to_owned()), ..none() }, &["d"]),
        (MailFilter { state: Some(MailState::InDoubt), ..none() }, &["e"]),
        (MailFilter { recipient_hash: Some("abc".to_owned()), state: Some(MailState::InDoubt), ..none() }, &["e"]),
        (MailFilter { id: Some("a".to_owned()), client: Some(8), ..none() }, &[]),
        (MailFilter { state: Some(MailState::Sent), ..none() }, &[]),
    ] {
        let plan = plan(backend, Action::ResendMail, Selection::Mails(filter.clone())).await;
        let mut found: Vec<_> = plan.sample.iter().map(|row| row.id.as_str()).collect();
        found.sort_unstable();
        assert_eq!((found.as_slice(), plan.refused), (expected, 0), "{filter:?}");
    }
    let group = plan(backend, Action::ResendMail, Selection::Group("f00d".to_owned())).await;
    assert_eq!((group.count, group.sample[0].id.as_str()), (1, "d"));
}

async fn a_dead_letter_that_is_taken_in_keeps_its_trace(backend: &impl Backend) {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let letter = |id: &str, trace: Option<&str>| Delivery {
        message_id: id.to_owned(),
        body: b"{}".to_vec(),
        delivery_count: 10,
        enqueued_on: None,
        traceparent: trace.map(str::to_owned),
    };
    let nobody = Addressee { subject: None, recipient_hash: None };
    let take_in = async |letter| backend.remedies().take_in(CONSUMER, &letter, &nobody, None, &by()).await.unwrap();
    assert_eq!(take_in(letter("traced", Some(trace))).await, TakenIn::New);
    assert_eq!(take_in(letter("plain", None)).await, TakenIn::New);
    assert_eq!(take_in(letter("traced", None)).await, TakenIn::Known(MailState::Accepted));
    let of = |id: &str| backend.query(&format!("SELECT Traceparent FROM InboxMessages WHERE MessageId = '{id}'"));
    assert_eq!((of("traced").as_deref(), of("plain")), (Some(trace), None));
}
