//! Rows that another program's transaction holds: what is reported, and what goes on meanwhile.

use super::*;
use crate::support::{
    fakes::{FakeBus, FakeClock},
    operator,
    tds::Fault,
    world::{EMAILS, dispatcher_of, routes},
};
use client_organizer::{
    domain::{
        ids::LeaseToken,
        outbox::{BreakerChange, Settle, Settled, Settlement},
        route::Destination,
    },
    flows::dispatch::{DispatchReport, dispatch},
    ports::{error::StoreError, outbox::Outbox},
};
use std::sync::Arc;

async fn held() -> (TdsServer, Arc<SqlServer>) {
    let server = TdsServer::start().await;
    server.answer("outbox_locked", vec![table(&["HeldRows"], vec![vec![3.into()]])]);
    let columns = ["SessionId", "LoginName", "ProgramName", "HostName", "OpenSeconds"];
    let session = vec![57.into(), "OFFICE\\ania".into(), "SSMS".into(), "PC7".into(), 812.into()];
    server.answer("outbox_holders", vec![table(&columns, vec![session])]);
    let db = Arc::new(opened(&server).await);
    (server, db)
}

async fn run(db: &Arc<SqlServer>) -> DispatchReport {
    let (bus, clock) = (Arc::new(FakeBus::accepting()), Arc::new(FakeClock::new()));
    dispatch(&dispatcher_of(db.clone(), db.clone(), bus, clock, routes(&[("Created", &[EMAILS])]), 1)).await
}

#[tokio::test]
async fn a_dispatch_reports_who_holds_rows_that_should_have_been_sent() {
    let (server, db) = held().await;
    let report = run(&db).await;
    let reported = report.stalled.unwrap();
    for word in ["3 overdue row(s)", "session 57", "OFFICE\\ania", "SSMS", "PC7", "812 s"] {
        assert!(reported.contains(word), "{word}: {reported}");
    }
    assert_eq!(report.store_error, None, "the database is well");
    assert_eq!(server.requests("outbox_holders").len(), 1, "asked once in a run");
}

#[tokio::test]
async fn where_the_holder_cannot_be_seen_the_missing_permission_is_named() {
    for (number, word) in [(300, "VIEW SERVER STATE"), (262, "VIEW DATABASE STATE"), (208, "error 208")] {
        let (server, db) = held().await;
        server.fault("outbox_holders", Fault::Error(number));
        let reported = run(&db).await.stalled.unwrap();
        assert!(reported.contains("3 overdue row(s)") && reported.contains(word), "{number}: {reported}");
    }
}

#[tokio::test]
async fn the_overview_reports_held_rows_too() {
    let (server, db) = held().await;
    server.answer(
        "report_destinations",
        vec![
            table(&["HeldRows"], vec![vec![3.into()]]),
            table(&["CurrentUtc"], vec![vec![Cell::Day(739_000)]]),
            table(&["Version"], vec![vec![7.into()]]),
        ],
    );
    // The stand-in answers by the first name that it knows: this statement, not only the rows.
    server.answer("outbox_locked", vec![]);
    let reported = operator::overview(&*db, "mail:folder").await.stalled.unwrap();
    assert!(reported.contains("3 overdue row(s)") && reported.contains("session 57"), "{reported}");
}

/// The others are settled; a repeat with the same token settles the held row once it is released.
#[tokio::test]
async fn a_settle_skips_a_held_row_and_must_be_repeated() {
    let (server, db) = held().await;
    let settle = Settle {
        destination: Destination::parse("queue:q").unwrap(),
        token: LeaseToken::fresh(),
        rows: vec![(7, Settlement::Sent), (8, Settlement::Sent)],
        breaker: BreakerChange::Leave,
    };
    let answers =
        |second: i64| vec![table(&["Place", "Applied"], vec![vec![0.into(), 1.into()], vec![1.into(), second.into()]])];
    server.answer("outbox_settle_repeat", answers(2));
    let reported = db.settle(&settle).await.unwrap_err();
    assert!(matches!(reported, StoreError::Locked { .. }), "{reported}");
    assert!(reported.to_string().contains("the others are settled"), "{reported}");
    server.answer("outbox_settle_repeat", answers(1));
    assert_eq!(db.settle(&settle).await.unwrap(), [Settled::Applied; 2]);
}

#[tokio::test]
async fn every_connection_waits_for_a_lock_for_a_bounded_time() {
    let (server, _db) = held().await;
    let resets: Vec<_> =
        server.all_requests().into_iter().filter(|one| one.names[0].contains("XACT_ABORT ON")).collect();
    assert!(
        !resets.is_empty() && resets.iter().all(|one| one.names[0].contains("SET LOCK_TIMEOUT 10000")),
        "{resets:?}"
    );
}
