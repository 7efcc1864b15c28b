//! What each error of SQL Server and Azure SQL means to a caller, number by number.

use super::*;
use crate::support::{
    edge::{Edge, draft, problem},
    tds::Fault,
};
use client_organizer::{
    domain::{
        ids::{ClientId, LeaseToken},
        outbox::{BreakerChange, Settle, Settled, Settlement},
        route::Destination,
    },
    ports::{
        books::Books,
        error::{StoreError, StoreResult},
        operations::Reports,
        outbox::Outbox,
    },
};
use serde_json::Value;
use std::sync::Arc;

const CASES: &str = include_str!("../../cases/sql-errors.json");

/// One entry of the file as the server answers it: with its number, or with the class that ends a connection.
fn cases(meaning: &str) -> Vec<Fault> {
    let file: Value = serde_json::from_str(CASES).unwrap();
    let number = |one: &Value| one["number"].as_u64().map(|number| u32::try_from(number).unwrap());
    let fault = |one: &Value| number(one).map_or(Fault::Fatal(823), Fault::Error);
    // Errors of a login are tested in logins.rs.
    let statements = file[meaning].as_array().unwrap().iter().filter(|one| one.get("state_note").is_none());
    let found: Vec<_> = statements.map(fault).collect();
    assert!(!found.is_empty(), "{meaning}");
    found
}

/// Each case runs on a server of its own, all in parallel, because every repeat waits for a pause.
async fn each<F: Future<Output = ()>>(faults: Vec<Fault>, case: impl Fn(Fault) -> F) {
    futures::future::join_all(faults.into_iter().map(case)).await;
}

async fn met(statement: &str, fault: Fault, times: usize) -> (TdsServer, SqlServer) {
    let server = TdsServer::start().await;
    server.answer("books_client", client());
    server.answer("outbox_settle_repeat", vec![table(&["Place", "Applied"], vec![vec![0.into(), 1.into()]])]);
    let mut options = options(&server, Duration::from_secs(30));
    options.pool.connections_max = 1;
    let db = SqlServer::open(&options).await.unwrap();
    for _ in 0..times {
        server.fault(statement, fault);
    }
    (server, db)
}

/// Each time is one entry more, so it must not be sent twice.
async fn record(db: &SqlServer) -> StoreResult<()> {
    Reports::record(db, "reveal", "m", &crate::support::operator::by()).await
}

async fn settle(db: &SqlServer) -> StoreResult<Vec<Settled>> {
    let destination = Destination::parse("queue:q").unwrap();
    let rows = vec![(7, Settlement::Sent)];
    db.settle(&Settle { destination, token: LeaseToken::fresh(), rows, breaker: BreakerChange::Leave }).await
}

const LOCK_WAIT_OVER: Fault = Fault::Error(1222);

#[tokio::test]
async fn reads_and_settles_outlast_a_transient_error() {
    each(cases("transient"), |fault| async move {
        if fault == LOCK_WAIT_OVER {
            return;
        }
        let (_server, db) = met("books_client", fault, 1).await;
        db.client(ClientId(1)).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        let (_server, db) = met("outbox_settle", fault, 1).await;
        assert_eq!(settle(&db).await.unwrap_or_else(|error| panic!("{fault:?}: {error}")), [Settled::Applied]);
    })
    .await;
}

/// The lock was waited for already; the holder of a lease tries again (flaky_store.rs).
#[tokio::test]
async fn a_lock_that_is_not_released_has_its_own_error() {
    let (server, db) = met("outbox_settle", LOCK_WAIT_OVER, 1).await;
    let reported = settle(&db).await.unwrap_err();
    assert!(matches!(reported, StoreError::Locked { .. }), "{reported}");
    assert!(reported.to_string().contains("another transaction has held a lock"), "{reported}");
    assert_eq!(server.requests("outbox_settle").len(), 1);
    let (server, db) = met("outbox_unrouted", LOCK_WAIT_OVER, 1).await;
    let routes = crate::support::world::routes(&[("Created", &["queue:q"])]);
    let reported = db.route(&routes, 10).await.unwrap_err();
    assert!(matches!(reported, StoreError::Locked { .. }), "never taken for an empty result: {reported}");
    assert_eq!(server.requests("outbox_unrouted").len(), 1);
}

#[tokio::test]
async fn what_may_have_been_done_is_reported_as_unknown_and_repeated_only_by_its_token() {
    let severe = [Fault::Fatal(596), Fault::Fatal(33_333), Fault::Fatal(1205)];
    each(cases("unanswered").into_iter().chain(severe).collect(), |fault| async move {
        let (server, db) = met("report_record", fault, 1).await;
        let reported = record(&db).await.unwrap_err();
        assert!(matches!(reported, StoreError::Unknown { .. }), "{fault:?}: {reported}");
        assert_eq!(server.requests("report_record").len(), 1, "{fault:?}: sent again");
        let (_server, db) = met("outbox_settle", fault, 1).await;
        assert_eq!(settle(&db).await.unwrap_or_else(|error| panic!("{fault:?}: {error}")), [Settled::Applied]);
        let (_server, db) = met("books_client", fault, 1).await;
        db.client(ClientId(1)).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
    })
    .await;
}

#[tokio::test]
async fn a_permanent_error_is_reported_at_once() {
    each(cases("final"), |fault| async move {
        let (server, db) = met("report_record", fault, 1).await;
        let reported = record(&db).await.unwrap_err();
        assert!(matches!(reported, StoreError::Broken { .. }), "{fault:?}: {reported}");
        assert_eq!(server.requests("report_record").len(), 1, "{fault:?}");
    })
    .await;
}

#[tokio::test]
async fn an_unknown_error_number_may_be_transient_and_is_not_retried_for_long() {
    let unlisted = Fault::Error(33_333);
    let (_server, db) = met("books_client", unlisted, 1).await;
    db.client(ClientId(1)).await.unwrap();
    let (server, db) = met("books_client", unlisted, 100).await;
    let reported = db.client(ClientId(1)).await.unwrap_err();
    assert!(matches!(reported, StoreError::Unavailable { .. }), "{reported}");
    assert!(reported.to_string().contains("33333"), "{reported}");
    assert_eq!(server.requests("books_client").len(), 3);
}

/// A database that is read-only during a failover, a full log: the API's caller tries again.
#[tokio::test]
async fn the_api_answers_a_transient_error_with_a_retry_time_and_raises_no_alarm() {
    for number in [3906, 9002, 33_333] {
        let (server, _) = met("books_nip_owner", Fault::Error(number), 100).await;
        let mut options = options(&server, Duration::from_secs(30));
        options.pool.wait = Duration::from_millis(500);
        let edge = Edge::with_books(Arc::new(SqlServer::open(&options).await.unwrap())).await;
        let reported = edge.write("POST", "/api/clients", &[], &draft(1).to_string()).await;
        problem(&reported, 503, "unavailable");
        assert!(reported.header("retry-after").is_some(), "{number}");
    }
}
