//! How many requests a call sends to the database: a caller waits for each of a write, and polling pays for each all
//! day.

use super::*;
use crate::support::{
    edge::{Edge, figures},
    fakes::{FakeBus, FakeClock},
    world::{EMAILS, dispatcher_of, routes},
};
use client_organizer::{domain::ids::ClientId, flows::dispatch::dispatch, ports::books::Books};
use std::sync::Arc;

/// The requests that one call sent.
async fn trips(
    server: &TdsServer,
    edge: &Edge,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> usize {
    let before = server.all_requests().len();
    let answered = edge.write(method, path, headers, body).await;
    assert!(answered.status.is_success(), "{:?}", answered.body);
    server.all_requests().len() - before
}

async fn office() -> (TdsServer, Edge) {
    let server = TdsServer::start().await;
    let columns = ["RecordKey", "ClientId", "Year", "Month", "IncomeTax", "Vat", "InsuranceAmount", "Version"];
    let record =
        [7, 1, 2026, 7].map(Cell::Int).into_iter().chain([0, 23_000, 0].map(Cell::Amount)).chain([Cell::Int(1)]);
    let mut found = client();
    found.push(table(&columns, vec![record.collect()]));
    let mut free = client();
    free.push(table(&["NextId"], vec![vec![7.into()]]));
    server.answer("books_next_record_id", free);
    server.answer("books_records", found);
    server.answer("books_end", vec![table(&["Ended"], vec![vec![0.into()]])]);
    let db = opened(&server).await;
    // The first use of a connection also sets it up.
    db.client(ClientId(1)).await.unwrap();
    (server, Edge::with_books(Arc::new(db)).await)
}

#[tokio::test]
async fn a_write_is_one_query_and_one_batch_with_and_without_a_key() {
    let (server, edge) = office().await;
    for headers in [&[][..], &[("idempotency-key", "k-1")]] {
        assert_eq!(trips(&server, &edge, "POST", "/api/clients/1/finance", headers, &figures(7)).await, 2);
        let patch = r#"{"vat":231.5}"#;
        assert_eq!(trips(&server, &edge, "PATCH", "/api/clients/1/finance/2026/7", headers, patch).await, 2);
        let (reminders, due) = ("/api/clients/1/finance/2026/7/reminders", r#"{"dueDate":"2026-08-20"}"#);
        assert_eq!(trips(&server, &edge, "POST", reminders, headers, due).await, 2);
        // Client and record cannot change after they were read: the record is locked before the message is written.
        let batch = server.requests("books_lock_record").pop().unwrap().text;
        let at = |statement: &str| batch.find(&format!("-- {statement}:")).unwrap();
        let order = ["books_guard_client", "books_lock_record", "books_guard_one", "books_enqueue"].map(at);
        assert!(order.is_sorted(), "{batch}");
    }
}

/// The types of parameters are part of the text under which the server caches a plan.
#[tokio::test]
async fn the_plans_of_a_write_do_not_depend_on_its_amounts() {
    let (server, edge) = office().await;
    let before = server.all_requests().len();
    for amount in ["0", "0.01", "12.3", "9999999999999999.99"] {
        let body = format!(r#"{{"year":2026,"month":7,"incomeTax":{amount},"vat":{amount},"insuranceAmount":0.5}}"#);
        trips(&server, &edge, "POST", "/api/clients/1/finance", &[], &body).await;
        let patch = format!(r#"{{"vat":{amount}}}"#);
        trips(&server, &edge, "PATCH", "/api/clients/1/finance/2026/7", &[], &patch).await;
    }
    let sent = &server.all_requests()[before..];
    assert!(sent.iter().any(|one| one.text.contains("books_insert_record")));
    assert!(sent.iter().any(|one| one.text.contains("books_update_record")));
    for one in sent {
        assert!(!one.text.contains("numeric("), "{}", one.text);
    }
}

/// The number of routed event types does not matter.
#[tokio::test]
async fn a_dispatcher_with_nothing_to_do_sends_one_query() {
    let server = TdsServer::start().await;
    let db = Arc::new(opened(&server).await);
    db.client(ClientId(1)).await.unwrap();
    let routes = routes(&[("Created", &[EMAILS]), ("Updated", &[EMAILS]), ("Deleted", &[])]);
    let (bus, clock) = (Arc::new(FakeBus::accepting()), Arc::new(FakeClock::new()));
    let context = dispatcher_of(db.clone(), db, bus, clock, routes, 1);
    for _ in 0..2 {
        let before = server.all_requests().len();
        let report = dispatch(&context).await;
        assert_eq!((report.claimed, report.store_error), (0, None));
        let sent = &server.all_requests()[before..];
        assert!(sent.len() == 1 && sent[0].names.iter().any(|name| name.contains("outbox_due")), "{sent:?}");
    }
}
