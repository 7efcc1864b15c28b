//! The same on a real server, through a proxy that cuts after the commit or halts a request: what the books then hold.

use super::*;
use crate::support::{
    backend::Backend,
    edge::{Edge, figures, problem},
    operator,
    sql_server::SqlServerBackend,
    tds_proxy::TdsProxy,
};
use client_organizer::{
    adapters::sqlserver::Presence,
    domain::{operations::Action, outbox::ClaimMode},
    ports::outbox::Outbox,
};
use std::sync::Arc;

struct Live {
    backend: SqlServerBackend,
    proxy: TdsProxy,
    /// Through the proxy.
    db: SqlServer,
}

/// Generous where an answer comes: a busy server is not a fault.
const LONG: Duration = Duration::from_mins(2);

/// `wait` is how long a call tries. None: there is no server.
async fn live(wait: Duration) -> Option<Live> {
    let backend = SqlServerBackend::start().await?;
    let direct = &backend.options.connection;
    let value = |name: &str| {
        let all = direct.split(';').filter_map(|part| part.split_once('='));
        all.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .next_back()
    };
    let server = value("Server").unwrap().trim_start_matches("tcp:").replace(',', ":");
    let proxy = TdsProxy::start(server.clone()).await;
    let login = format!("User ID={};Password={}", value("User ID").unwrap(), value("Password").unwrap());
    let (host, port, database) = (proxy.address.ip(), proxy.address.port(), value("Database").unwrap());
    let text = format!("Server=tcp:{host},{port};Database={database};{login};Encrypt=DANGER_PLAINTEXT");
    let mut options = SqlServerOptions { connection: text, ..backend.options.clone() };
    options.pool.wait = wait;
    options.pool.command_timeout = LONG;
    let db = SqlServer::open(&options).await.unwrap();
    Some(Live { backend, proxy, db })
}

const KEY: [(&str, &str); 1] = [("idempotency-key", "month-end-7")];

fn count(backend: &SqlServerBackend, table: &str) -> String {
    backend.query(&format!("SELECT COUNT_BIG(*) FROM {table}")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_cut_at_its_commit_is_answered_by_its_key_and_booked_once() {
    let Some(Live { backend, proxy, db }) = live(LONG).await else { return };
    let edge = Edge::with_books(Arc::new(db)).await;
    let path = format!("/api/clients/{}/finance", edge.client(1).await);
    proxy.cut_answer("books_store_key");
    let answered = edge.write("POST", &path, &KEY, &figures(7)).await;
    assert_eq!(answered.status, 201, "{:?}", answered.body);
    assert_eq!(answered.header("idempotency-replayed"), Some("true"), "found by its key");
    let again = edge.write("POST", &path, &KEY, &figures(7)).await;
    assert_eq!((again.status, &again.body), (answered.status, &answered.body));
    assert_eq!(again.header("outbox-message-id"), answered.header("outbox-message-id"));
    assert_eq!((count(&backend, "FinancialRecords"), count(&backend, "OutboxMessages")), ("1".into(), "1".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_whose_outcome_was_unknown_gets_the_stored_answer_when_the_database_is_back() {
    let Some(Live { backend, proxy, db }) = live(Duration::from_secs(5)).await else { return };
    let mut presence = db.presence();
    let edge = Edge::with_books(Arc::new(db)).await;
    let path = format!("/api/clients/{}/finance", edge.client(1).await);
    proxy.cut_answer_and_shut("books_store_key");
    let reported = edge.write("POST", &path, &KEY, &figures(7)).await;
    problem(&reported, 503, "outcome-unknown");
    assert!(reported.header("retry-after").is_some());
    assert_eq!(count(&backend, "FinancialRecords"), "1", "it was done, and the answer was lost");
    proxy.open();
    presence.wait_for(|now| *now == Presence::Here).await.unwrap();
    let again = edge.write("POST", &path, &KEY, &figures(7)).await;
    assert_eq!(again.status, 201, "{:?}", again.body);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let stored = backend.query("SELECT Id FROM OutboxMessages").unwrap();
    assert_eq!(again.header("outbox-message-id"), Some(stored.as_str()));
    assert_eq!((count(&backend, "FinancialRecords"), count(&backend, "OutboxMessages")), ("1".into(), "1".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_cut_after_its_commit_returns_the_rows_it_leased_and_claims_no_others() {
    let Some(Live { backend, proxy, db }) = live(LONG).await else { return };
    for n in 1..=5 {
        backend.execute(&format!(
            "INSERT INTO OutboxMessages (Id, EventType, Payload, Destination) VALUES ('m-{n}', 'Plain', '1', 'queue:q')"
        ));
    }
    db.ensure_destinations(&["queue:q".to_owned()]).await.unwrap();
    proxy.cut_answer("outbox_claim_lease");
    let claim = claim_from("queue:q", ClaimMode::Batch { rows_max: 3, bytes_max: 1000 });
    let rows = db.claim(&claim).await.unwrap().rows;
    assert_eq!(
        rows.iter().map(|row| (row.id.as_str(), row.claims)).collect::<Vec<_>>(),
        [("m-1", 1), ("m-2", 1), ("m-3", 1)]
    );
    assert_eq!(proxy.requests("outbox_claim_lease"), 2);
    let leased = backend.query("SELECT COUNT_BIG(*) FROM OutboxMessages WHERE State = 1").unwrap();
    assert_eq!(leased, "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_without_a_key_that_is_cut_at_its_commit_is_answered_and_booked_once() {
    let Some(Live { backend, proxy, db }) = live(LONG).await else { return };
    let edge = Edge::with_books(Arc::new(db)).await;
    let path = format!("/api/clients/{}/finance", edge.client(1).await);
    proxy.cut_answer("books_insert_record");
    let answered = edge.write("POST", &path, &[], &figures(7)).await;
    assert_eq!(answered.status, 201, "{:?}", answered.body);
    assert_eq!(proxy.requests("books_insert_record"), 1, "cut, and then looked for");
    assert_eq!(answered.header("idempotency-replayed"), None, "the caller repeated nothing");
    let stored = backend.query("SELECT Id FROM OutboxMessages").unwrap();
    assert_eq!(answered.header("outbox-message-id"), Some(stored.as_str()));
    assert_eq!((count(&backend, "FinancialRecords"), count(&backend, "OutboxMessages")), ("1".into(), "1".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_requeue_is_checked_again_where_a_newer_row_of_its_key_was_sent_in_between() {
    let Some(Live { backend, proxy, db }) = live(LONG).await else { return };
    for (id, state) in [("old", 3), ("new", 0)] {
        backend.execute(&format!(
            "INSERT INTO OutboxMessages (Id, EventType, Payload, Destination, OrderingKey, State) \
             VALUES ('{id}', 'Plain', '1', 'queue:q', 'k', {state})"
        ));
    }
    let held = proxy.hold("remedy_requeue");
    let requeue = tokio::spawn(async move {
        operator::remedied(&db, Action::Requeue { out_of_order: false }, "old", &operator::NO_RULES).await
    });
    held.here.await.unwrap();
    backend.execute("UPDATE OutboxMessages SET State = 2, ProcessedOnUtc = SYSUTCDATETIME() WHERE Id = 'new'");
    held.go.send(()).unwrap();
    let answers = requeue.await.unwrap();
    let why_not = answers[0].why_not.as_deref().unwrap_or_default();
    assert!(!answers[0].done && why_not.contains("new") && why_not.contains("--out-of-order"), "{answers:?}");
    assert_eq!(backend.query("SELECT State FROM OutboxMessages WHERE Id = 'old'").as_deref(), Some("3"));
    assert_eq!(count(&backend, "OperatorActions"), "0", "what was not done is not recorded");
}
