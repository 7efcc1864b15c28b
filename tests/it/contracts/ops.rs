//! What waits and why, by state, and remedies over a row's life.

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
        operations::{Action, RemedyRow},
        outbox::{BreakerChange, Claim, ClaimMode, Claimed, LastOutcome, RowState, Settle, Settled, Settlement},
        rate_limit::RateLimit,
        recipient::Addressee,
        route::Destination,
    },
    ports::{
        inbox::{Begun, Lease},
        operations::{RemedyRules, TakenIn},
        ops::{Found, OutboxRow, RowFilter},
    },
};

contract!(
    status_reports_the_backlog_and_lag_of_each_destination,
    status_shows_what_has_no_destination_yet,
    a_row_behind_another_of_its_key_does_not_count_as_lag,
    lists_are_filtered_and_bounded_and_only_show_returns_the_payload,
    a_remedy_for_another_state_is_refused_with_what_would_help,
    a_discarded_row_no_longer_blocks_its_key,
    a_message_is_found_by_every_id_that_is_printed,
);

async fn a_message_is_found_by_every_id_that_is_printed(backend: &impl Backend) {
    let (ours, theirs) = ("01a20aad-5406-7624-8468-200154c49ec4", "9A4C6B1E-0000-4000-8000-00000000000A");
    for id in [ours, theirs, "plain"] {
        insert(backend, id, id);
        insert_to(backend, id, id, "topic:finance");
    }
    mail(backend, "mailed").await;
    let find = async |text: &str| backend.ops().find(CONSUMER, text).await.unwrap();
    for id in [ours, theirs] {
        for text in [id.to_owned(), id.to_lowercase(), id.to_uppercase(), id.replace('-', ""), format!(" {{{id}}}")] {
            assert_eq!(find(&text).await, Some(Found { id: id.to_owned(), destination: None }), "{text}");
        }
    }
    assert_eq!(find("mailed").await.unwrap().id, "mailed", "known to the inbox alone");
    for text in ["PLAIN", "none", "0", "-1", "9223372036854775807", "99999999999999999999"] {
        assert_eq!(find(text).await, None, "{text}");
    }
    for row in backend.ops().show("plain").await.unwrap() {
        let by_seq = Found { id: "plain".to_owned(), destination: Some(row.destination) };
        assert_eq!(find(&row.seq.to_string()).await, Some(by_seq));
    }
    let seq = row(backend, "plain").await.seq.to_string();
    insert(backend, &seq, "number");
    assert_eq!(find(&seq).await, Some(Found { id: seq, destination: None }), "an id before a seq");
}

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

async fn row(backend: &impl Backend, id: &str) -> OutboxRow {
    backend.ops().show(id).await.unwrap().remove(0)
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

async fn status_reports_the_backlog_and_lag_of_each_destination(backend: &impl Backend) {
    let inbox = backend.inbox();
    backend.breakers().breaker(PROVIDER).await.unwrap();
    insert(backend, "bad", "k1");
    dispatch(backend, dead(LastOutcome::Permanent)).await;
    insert(backend, "leased", "k2");
    lease(backend).await;
    insert(backend, "a", "k3");
    insert(backend, "b", "k4");
    backend.advance_ms(HOUR_MS / 2);
    operator::pause(&*backend.remedies(), QUEUE).await;
    for (id, settlement) in [
        ("held", MailSettlement::InDoubt { delay_ms: None, reason: "?".to_owned() }),
        ("doubt", MailSettlement::InDoubt { delay_ms: Some(1), reason: "?".to_owned() }),
        ("sent", MailSettlement::Sent { provider: PROVIDER.to_owned(), reference: String::new() }),
    ] {
        let work = mail(backend, id).await;
        inbox.settle(CONSUMER, id, work.token, &settlement, PROVIDER, true).await.unwrap();
    }

    let status = backend.ops().status(&["Plain".to_owned()]).await.unwrap();
    assert!(status.schema_version > 0);
    assert_eq!(status.unrouted, []);
    let names: Vec<_> = status.destinations.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, [PROVIDER, QUEUE]);
    let (provider, queue) = (&status.destinations[0], &status.destinations[1]);
    assert_eq!((provider.pending, provider.leased, provider.dead, provider.oldest_claimable_ms), (0, 0, 0, None));
    assert_eq!((queue.pending, queue.leased, queue.dead), (2, 1, 1));
    assert!(queue.oldest_claimable_ms.unwrap() >= HOUR_MS / 2, "though it is paused");
    assert!(queue.paused_on.is_some());
    let mails: Vec<_> = status.mail.iter().map(|count| (count.state, count.rows, count.held)).collect();
    assert_eq!(mails, [(MailState::Sent, 1, 0), (MailState::InDoubt, 2, 1)]);
}

async fn status_shows_what_has_no_destination_yet(backend: &impl Backend) {
    for (id, event_type) in [("a", "Plain"), ("b", "Unknown"), ("c", "Unknown")] {
        backend.execute(&format!(
            "INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('{id}', '{event_type}', '1')"
        ));
    }
    backend.advance_ms(HOUR_MS);
    let status = backend.ops().status(&["Plain".to_owned()]).await.unwrap();
    let unrouted: Vec<_> = status.unrouted.iter().map(|one| (one.event_type.as_str(), one.rows)).collect();
    assert_eq!(unrouted, [("Unknown", 2)]);
    let waiting: Vec<_> = status.destinations.iter().map(|one| (one.name.as_str(), one.pending)).collect();
    assert_eq!(waiting, [("", 1)], "a dispatcher that never comes is seen");
    assert!(status.destinations[0].oldest_claimable_ms.unwrap() >= HOUR_MS);

    let status = backend.ops().status(&["Plain".to_owned(), "Unknown".to_owned()]).await.unwrap();
    assert_eq!((status.unrouted.len(), status.destinations[0].pending), (0, 3));
}

async fn a_row_behind_another_of_its_key_does_not_count_as_lag(backend: &impl Backend) {
    insert(backend, "head", "k");
    insert(backend, "follower", "k");
    let later = backend.plus_ms("DueAt", 10 * HOUR_MS);
    backend.execute(&format!("UPDATE OutboxMessages SET DueAt = {later} WHERE Id = 'head'"));
    backend.advance_ms(HOUR_MS);
    let lag = async || backend.ops().status(&[]).await.unwrap().destinations[0].oldest_claimable_ms;
    assert_eq!(lag().await, None, "the head is not due, so nothing could be claimed");
    insert(backend, "free", "other");
    backend.advance_ms(HOUR_MS);
    let lag = lag().await.unwrap();
    assert!((HOUR_MS..2 * HOUR_MS + HOUR_MS / 2).contains(&lag), "{lag}");
}

async fn lists_are_filtered_and_bounded_and_only_show_returns_the_payload(backend: &impl Backend) {
    insert(backend, "bad", "k");
    dispatch(backend, dead(LastOutcome::Permanent)).await;
    insert(backend, "gone", "k");
    dispatch(backend, Settlement::Sent).await;
    insert(backend, "a", "k1");
    insert(backend, "b", "k2");
    insert_to(backend, "b", "k2", "topic:finance");
    let list = async |filter: RowFilter| {
        let rows = backend.ops().list(&filter).await.unwrap();
        assert!(rows.iter().all(|row| row.payload.is_none()));
        rows.iter().map(|row| (row.id.clone(), row.destination.clone())).collect::<Vec<_>>()
    };
    let pair = |id: &str, to: &str| (id.to_owned(), to.to_owned());
    let all = RowFilter { limit: 100, ..RowFilter::default() };
    let everything = list(all.clone()).await;
    assert_eq!(everything, [pair("bad", QUEUE), pair("a", QUEUE), pair("b", QUEUE), pair("b", "topic:finance")]);
    assert_eq!(list(RowFilter { state: Some(RowState::Dead), ..all.clone() }).await, [pair("bad", QUEUE)]);
    assert_eq!(list(RowFilter { state: Some(RowState::Sent), ..all.clone() }).await, [pair("gone", QUEUE)]);
    let topic = RowFilter { destination: Some("topic:finance".to_owned()), ..all.clone() };
    assert_eq!(list(topic).await, [pair("b", "topic:finance")]);
    assert_eq!(list(RowFilter { event_type: Some("Other".to_owned()), ..all.clone() }).await, []);
    let first = row(backend, "bad").await.seq;
    assert_eq!(list(RowFilter { after: first, limit: 1, ..all }).await, [pair("a", QUEUE)]);

    let shown = backend.ops().show("b").await.unwrap();
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[1].payload.as_deref(), Some(r#"{"vat":12.30}"#));
    assert_eq!(backend.ops().show("none").await.unwrap(), []);
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
