//! What an operator decides about mails.

use super::*;
use client_organizer::domain::{
    client::Email,
    recipient::{Addressee, RecipientKey},
};

contract!(
    a_mail_that_is_refused_or_in_doubt_can_be_resent,
    a_mail_in_doubt_or_waiting_can_be_assumed_sent,
    a_message_taken_in_by_an_operator_is_due_and_a_repeat_changes_nothing,
);

async fn a_mail_that_is_refused_or_in_doubt_can_be_resent(backend: &impl Backend) {
    let inbox = backend.inbox();
    let parked = MailSettlement::Parked { delay_ms: 0, reason: "full".to_owned(), recipient_failed: true };
    for (id, settlement) in [
        ("refused", MailSettlement::Refused { reason: "no".to_owned() }),
        ("held", MailSettlement::InDoubt { delay_ms: None, reason: "?".to_owned() }),
    ] {
        let first = mail(backend, id).await;
        inbox.settle(CONSUMER, id, first.token, &parked, PROVIDER, true).await.unwrap();
        let second = inbox.take_due(CONSUMER, &mail_lease(PROVIDER), false, 1).await.unwrap().remove(0);
        inbox.settle(CONSUMER, id, second.token, &settlement, PROVIDER, true).await.unwrap();
        assert!(remedy(backend, Action::ResendMail, id, &NO_WINDOW).await.done);
        let late = MailSettlement::Sent { provider: PROVIDER.to_owned(), reference: String::new() };
        assert_eq!(inbox.settle(CONSUMER, id, second.token, &late, PROVIDER, true).await.unwrap(), Settled::LeaseLost);
        let again = inbox.take_due(CONSUMER, &mail_lease(PROVIDER), false, 1).await.unwrap().remove(0);
        assert_eq!((again.message_id.as_str(), again.body.as_slice()), (id, b"body".as_slice()));
        assert_eq!(again.first_transient_on, None, "its time to give up starts anew");
        let why = remedy(backend, Action::ResendMail, id, &NO_WINDOW).await.why_not.unwrap();
        assert!(why.contains("being sent now"), "{why}");
        inbox.settle(CONSUMER, id, again.token, &late, PROVIDER, true).await.unwrap();
        let why = remedy(backend, Action::ResendMail, id, &NO_WINDOW).await.why_not.unwrap();
        assert!(why.contains("it was sent") && why.contains("--force"), "{why}");
    }
    let work = mail(backend, "erased").await;
    inbox
        .settle(CONSUMER, "erased", work.token, &MailSettlement::Refused { reason: "no".to_owned() }, PROVIDER, true)
        .await
        .unwrap();
    backend.execute("UPDATE InboxMessages SET Body = NULL WHERE MessageId = 'erased'");
    let why = remedy(backend, Action::ResendMail, "erased", &NO_WINDOW).await.why_not.unwrap();
    assert!(why.contains("erased"), "{why}");
    let why = remedy(backend, Action::ResendMail, "none", &NO_WINDOW).await.why_not.unwrap();
    assert!(why.contains("there is no mail"), "{why}");
    assert_eq!(actions(backend), 2);
}

async fn a_mail_in_doubt_or_waiting_can_be_assumed_sent(backend: &impl Backend) {
    let inbox = backend.inbox();
    let work = mail(backend, "m").await;
    let why = remedy(backend, Action::AssumeMailSent, "m", &NO_WINDOW).await.why_not.unwrap();
    assert!(why.contains("being sent now"), "{why}");
    let doubt = MailSettlement::InDoubt { delay_ms: Some(0), reason: "?".to_owned() };
    inbox.settle(CONSUMER, "m", work.token, &doubt, PROVIDER, true).await.unwrap();
    assert!(remedy(backend, Action::AssumeMailSent, "m", &NO_WINDOW).await.done);
    let row = operator::mail(&*backend.reports(), "m").await;
    assert_eq!((row.state, row.due_at, row.finished_on.is_some()), (MailState::Sent, None, true));
    assert_eq!(backend.query("SELECT Body FROM InboxMessages"), None, "erased as of every sent mail");
    let lease = mail_lease(PROVIDER);
    assert_eq!(inbox.take_due(CONSUMER, &lease, false, 10).await.unwrap(), []);

    // The database was restored to a time before they went.
    let parked = mail(backend, "p").await;
    let full = MailSettlement::Parked { delay_ms: 0, reason: "full".to_owned(), recipient_failed: true };
    inbox.settle(CONSUMER, "p", parked.token, &full, PROVIDER, true).await.unwrap();
    backend.remedies().take_in(CONSUMER, &delivery("a"), &Addressee::default(), None, &by()).await.unwrap();
    for id in ["p", "a"] {
        assert!(remedy(backend, Action::AssumeMailSent, id, &NO_WINDOW).await.done, "{id}");
        let row = operator::mail(&*backend.reports(), id).await;
        assert_eq!((row.state, row.due_at, row.finished_on.is_some()), (MailState::Sent, None, true), "{id}");
    }
    assert_eq!(backend.query("SELECT Body FROM InboxMessages WHERE Body IS NOT NULL"), None);
    assert_eq!(inbox.take_due(CONSUMER, &lease, false, 10).await.unwrap(), []);

    let refused = mail(backend, "r").await;
    inbox
        .settle(CONSUMER, "r", refused.token, &MailSettlement::Refused { reason: "no".to_owned() }, PROVIDER, true)
        .await
        .unwrap();
    for (id, part) in [("m", "it was sent"), ("r", "certainly not sent"), ("none", "there is no mail")] {
        let why = remedy(backend, Action::AssumeMailSent, id, &NO_WINDOW).await.why_not.unwrap();
        assert!(why.contains(part), "{why}");
    }
    assert_eq!(actions(backend), 4, "with the one that took in");
}

fn delivery(id: &str) -> Delivery {
    Delivery {
        message_id: id.to_owned(),
        body: format!("body of {id}").into_bytes(),
        delivery_count: 10,
        enqueued_on: None,
        traceparent: None,
    }
}

async fn a_message_taken_in_by_an_operator_is_due_and_a_repeat_changes_nothing(backend: &impl Backend) {
    let inbox = backend.inbox();
    let lease = mail_lease(PROVIDER);
    let address = RecipientKey::new("secret").hash(&Email::parse("anna@example.pl").unwrap());
    let addressee = Addressee { subject: Some("clients/17".to_owned()), recipient_hash: Some(address.clone()) };
    let take_in = async |id: &str, refused: Option<&str>| {
        backend.remedies().take_in(CONSUMER, &delivery(id), &addressee, refused, &by()).await.unwrap()
    };
    assert_eq!(take_in("new", None).await, TakenIn::New);
    assert_eq!(take_in("new", None).await, TakenIn::Known(MailState::Accepted));
    assert_eq!(take_in("new", Some("not now")).await, TakenIn::Known(MailState::Accepted));
    let due = inbox.take_due(CONSUMER, &lease, false, 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].message_id.as_str(), due[0].body.as_slice()), ("new", b"body of new".as_slice()));
    let sent = MailSettlement::Sent { provider: PROVIDER.to_owned(), reference: String::new() };
    assert_eq!(inbox.settle(CONSUMER, "new", lease.token, &sent, PROVIDER, true).await.unwrap(), Settled::Applied);
    assert_eq!(take_in("new", None).await, TakenIn::Known(MailState::Sent));
    assert!(matches!(
        inbox.begin(CONSUMER, &delivery("new"), &addressee, &lease).await.unwrap(),
        Begun::Done(MailState::Sent)
    ));

    assert_eq!(take_in("odd", Some("no event")).await, TakenIn::New);
    assert!(inbox.take_due(CONSUMER, &lease, false, 10).await.unwrap().is_empty());
    let odd = operator::mail(&*backend.reports(), "odd").await;
    assert_eq!((odd.state, odd.last_error.as_deref()), (MailState::Refused, Some("no event")));
    assert!(odd.finished_on.is_some(), "its content is erased in time");
    assert_eq!(actions(backend), 2, "what was there already is not recorded");
    let why = "SELECT count(*) FROM OperatorActions WHERE Reason = 'ticket 7'";
    assert_eq!(backend.query(why).as_deref(), Some("2"), "the operator's reason, not the message's");
    let whose = format!("SELECT count(*) FROM InboxMessages WHERE RecipientHash = '{}'", address.as_str());
    assert_eq!(backend.query(&whose).as_deref(), Some("2"), "whose it is is remembered");
}
