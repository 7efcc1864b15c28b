//! Remedies over the life of a row and of a mail.

mod again;
mod mails;

use crate::support::{
    backend::Backend,
    operator::{self, NO_RULES as NO_WINDOW, by},
};
use client_organizer::{
    domain::{
        delivery::{Delivery, MailState, MailWork},
        duplicates::DuplicateWindows,
        ids::LeaseToken,
        mail_settlement::MailSettlement,
        operations::{Action, MessageLine, RemedyRow},
        outbox::{BreakerChange, Claim, ClaimMode, Claimed, LastOutcome, RowState, Settle, Settled, Settlement},
        rate_limit::RateLimit,
        recipient::Addressee,
        route::Destination,
    },
    ports::{
        inbox::{Begun, Lease},
        operations::{RemedyRules, TakenIn},
    },
};

contract!(a_remedy_for_another_state_is_refused_with_what_would_help, a_discarded_row_no_longer_blocks_its_key,);

const QUEUE: &str = "queue:client-emails";
const CONSUMER: &str = "SendEmail";
const PROVIDER: &str = "mail:folder";
const HOUR_MS: i64 = 3_600_000;
const AN_HOUR: RemedyRules = RemedyRules { windows: DuplicateWindows::by_setting(HOUR_MS), mail_queue: None };
const REQUEUE: Action = Action::Requeue { out_of_order: false };
const LATE_REQUEUE: Action = Action::Requeue { out_of_order: true };
const REPLAY: Action = Action::Replay { out_of_order: false, force: false };
const FORCED: Action = Action::Replay { out_of_order: false, force: true };

fn insert(backend: &impl Backend, id: &str, key: &str) {
    insert_to(backend, id, key, QUEUE);
}

fn insert_to(backend: &impl Backend, id: &str, key: &str, destination: &str) {
    backend.execute(&format!(
        "INSERT INTO OutboxMessages (Id, EventType, Destination, OrderingKey, Payload) \
         VALUES ('{id}', 'Plain', '{destination}', '{key}', '{{\"vat\":12.30}}')"
    ));
}

fn claim(destination: &str, token: LeaseToken) -> Claim {
    let mode = ClaimMode::Batch { rows_max: 100, bytes_max: 1_000_000 };
    let destination = Destination::parse(destination).unwrap();
    Claim { destination, mode, token, lease_ms: HOUR_MS, claims_max: 3 }
}

/// Leases every head of the queue.
async fn lease(backend: &impl Backend) -> (LeaseToken, Claimed) {
    let outbox = backend.outbox();
    outbox.ensure_destinations(&[QUEUE.to_owned()]).await.unwrap();
    let token = LeaseToken::fresh();
    let claimed = outbox.claim(&claim(QUEUE, token)).await.unwrap();
    (token, claimed)
}

/// One dispatch that settles every head of the queue alike.
async fn dispatch(backend: &impl Backend, end: Settlement) {
    let (token, claimed) = lease(backend).await;
    let rows = claimed.rows.iter().map(|row| (row.seq, end.clone())).collect();
    let destination = Destination::parse(QUEUE).unwrap();
    let settle = Settle { destination, token, rows, breaker: BreakerChange::Leave };
    let settled = backend.outbox().settle(&settle).await.unwrap();
    assert!(!settled.is_empty() && settled.iter().all(|s| *s == Settled::Applied), "{settled:?}");
}

fn dead(outcome: LastOutcome) -> Settlement {
    Settlement::Dead { outcome, error: "no".to_owned(), count_retry: true }
}

async fn row(backend: &impl Backend, id: &str) -> MessageLine {
    operator::row(&*backend.reports(), id).await
}

async fn remedied(backend: &impl Backend, action: Action, id: &str, rules: &RemedyRules) -> Vec<RemedyRow> {
    operator::remedied(&*backend.remedies(), action, id, rules).await
}

/// Of one row.
async fn remedy(backend: &impl Backend, action: Action, id: &str, rules: &RemedyRules) -> RemedyRow {
    remedied(backend, action, id, rules).await.remove(0)
}

#[track_caller]
fn assert_why_not(answer: &RemedyRow, parts: &[&str]) {
    let why = answer.why_not.as_deref().unwrap_or("it was done");
    assert!(!answer.done && parts.iter().all(|part| why.contains(part)), "{parts:?} in: {why}");
}

fn actions(backend: &impl Backend) -> i64 {
    backend.query("SELECT count(*) FROM OperatorActions").unwrap().parse().unwrap()
}

async fn a_remedy_for_another_state_is_refused_with_what_would_help(backend: &impl Backend) {
    insert(backend, "pending", "k1");
    assert_why_not(&remedy(backend, REQUEUE, "pending", &NO_WINDOW).await, &["pending", "by itself"]);
    assert_why_not(&remedy(backend, REPLAY, "pending", &NO_WINDOW).await, &["pending"]);
    lease(backend).await;
    for answer in [
        remedy(backend, REQUEUE, "pending", &NO_WINDOW).await,
        remedy(backend, FORCED, "pending", &AN_HOUR).await,
        remedy(backend, Action::Discard, "pending", &NO_WINDOW).await,
    ] {
        assert_why_not(&answer, &["being sent now"]);
    }
    insert(backend, "dead", "k2");
    dispatch(backend, dead(LastOutcome::Permanent)).await;
    assert_why_not(&remedy(backend, REPLAY, "dead", &NO_WINDOW).await, &["dead", "ops requeue"]);
    assert_why_not(&remedy(backend, FORCED, "dead", &AN_HOUR).await, &["dead", "ops requeue"]);
    insert(backend, "sent", "k3");
    dispatch(backend, Settlement::Sent).await;
    assert_why_not(&remedy(backend, REQUEUE, "sent", &NO_WINDOW).await, &["sent", "ops replay"]);
    assert_why_not(&remedy(backend, Action::Discard, "sent", &NO_WINDOW).await, &["sent"]);
    insert(backend, "discarded", "k4");
    assert!(remedy(backend, Action::Discard, "discarded", &NO_WINDOW).await.done);
    assert_why_not(&remedy(backend, REQUEUE, "discarded", &NO_WINDOW).await, &["discarded", "--force"]);
    assert_why_not(&remedy(backend, REPLAY, "discarded", &NO_WINDOW).await, &["discarded", "--force"]);
    assert_why_not(&remedy(backend, Action::Discard, "discarded", &NO_WINDOW).await, &["already"]);
    assert_eq!(actions(backend), 1, "only the one that was done");
}

async fn a_discarded_row_no_longer_blocks_its_key(backend: &impl Backend) {
    for id in ["head", "second", "third"] {
        insert(backend, id, "k");
    }
    insert(backend, "stranger", "k2");
    let later = Settlement::Retry {
        delay_ms: 10 * HOUR_MS,
        outcome: LastOutcome::Refused,
        error: "later".to_owned(),
        suspect: false,
    };
    dispatch(backend, later).await;
    backend.advance_ms(HOUR_MS);
    assert_eq!(lease(backend).await.1.rows, [], "all of the key wait for its head");
    assert!(remedy(backend, Action::Discard, "head", &NO_WINDOW).await.done);
    let gone = row(backend, "head").await;
    assert_eq!((gone.state, gone.processed_on.is_some()), (RowState::Discarded, true));
    let claimed = lease(backend).await.1;
    let ids: Vec<_> = claimed.rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, ["second"], "at once, in order, and of this key only");
}

fn mail_lease(provider: &str) -> Lease {
    Lease {
        token: LeaseToken::fresh(),
        lease_ms: HOUR_MS,
        provider: provider.to_owned(),
        rate_limit: RateLimit::default(),
        status_queries: false,
    }
}

/// A mail that this process has leased.
async fn mail(backend: &impl Backend, id: &str) -> MailWork {
    let delivery = Delivery {
        message_id: id.to_owned(),
        body: b"body".to_vec(),
        delivery_count: 1,
        enqueued_on: None,
        traceparent: None,
    };
    match backend.inbox().begin(CONSUMER, &delivery, &Addressee::default(), &mail_lease(PROVIDER)).await.unwrap() {
        Begun::Ours(work) => work,
        other => panic!("{other:?}"),
    }
}
