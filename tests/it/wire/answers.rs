//! A request that is cut, garbled, refused or never answered.

use super::*;
use crate::support::{
    edge::{Edge, draft, problem},
    fakes::{FakeBus, FakeClock},
    tds::{Fault, tokens::Cell},
    world::{EMAILS, dispatcher_of, routes},
};
use client_organizer::{
    domain::{
        ids::{ClientId, LeaseToken},
        outbox::{BreakerChange, ClaimMode, Settle, Settled, Settlement},
        route::Destination,
    },
    flows::dispatch::dispatch,
    ports::{
        books::Books,
        error::{StoreError, StoreResult},
        operations::Reports,
        outbox::Outbox,
    },
};
use std::sync::Arc;

/// The server did it, and its answer never arrives.
const UNANSWERED: [Fault; 5] =
    [Fault::CutAnswer, Fault::CutInAnswer, Fault::Garbage, Fault::Stall, Fault::Error(40_197)];
/// The server answers that it did not do it, and that a repeat may succeed.
const BUSY: [u32; 8] = [1205, 40_613, 40_501, 49_918, 49_919, 49_920, 10_928, 10_929];

async fn met(fault: Fault) -> (TdsServer, SqlServer) {
    let server = TdsServer::start().await;
    server.answer("books_client", client());
    server.answer("outbox_settle_repeat", vec![table(&["Place", "Applied"], vec![vec![0.into(), 1.into()]])]);
    // Only a stall uses up the timeout.
    let answer_within = Duration::from_millis(if fault == Fault::Stall { 400 } else { 30_000 });
    let db = SqlServer::open(&options(&server, answer_within)).await.unwrap();
    (server, db)
}

async fn read(db: &SqlServer) -> StoreResult<()> {
    db.client(ClientId(1)).await.map(|client| assert_eq!(client.unwrap().draft.name.as_str(), "Ania"))
}

async fn settle(db: &SqlServer) -> StoreResult<Vec<Settled>> {
    let settle = Settle {
        destination: Destination::parse("queue:q").unwrap(),
        token: LeaseToken::fresh(),
        rows: vec![(7, Settlement::Sent)],
        breaker: BreakerChange::Leave,
    };
    db.settle(&settle).await
}

/// Each time is one entry more, so it is never repeated by itself.
async fn record(db: &SqlServer) -> StoreResult<()> {
    Reports::record(db, "reveal", "m", &crate::support::operator::by()).await
}

/// The connection that was cut is not used again, and the pool still works.
async fn healthy(server: &TdsServer, db: &SqlServer, faulty: Option<usize>) {
    let before = server.all_requests().len();
    for _ in 0..3 {
        read(db).await.unwrap();
    }
    let later = &server.all_requests()[before..];
    assert!(later.iter().all(|request| Some(request.connection) != faulty), "asked on a connection that had a fault");
}

#[tokio::test]
async fn a_read_is_repeated_whatever_happened_to_it() {
    for fault in UNANSWERED.into_iter().chain(BUSY.map(Fault::Error)).chain([Fault::CutRequest]) {
        let (server, db) = met(fault).await;
        read(&db).await.unwrap();
        server.fault("books_client", fault);
        read(&db).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        healthy(&server, &db, None).await;
    }
}

#[tokio::test]
async fn a_settle_whose_answer_was_lost_is_repeated_with_its_token() {
    for fault in UNANSWERED.into_iter().chain(BUSY.map(Fault::Error)).chain([Fault::CutRequest]) {
        let (server, db) = met(fault).await;
        server.fault("outbox_settle", fault);
        assert_eq!(settle(&db).await.unwrap(), [Settled::Applied], "{fault:?}");
        let requests = server.requests("outbox_settle");
        let expected = if fault == Fault::CutRequest { 1 } else { 2 };
        assert_eq!(requests.len(), expected, "{fault:?}");
        let deadlock = fault == Fault::Error(1205);
        healthy(&server, &db, Some(requests[0].connection).filter(|_| expected == 2 && !deadlock)).await;
    }
}

#[tokio::test]
async fn a_write_that_could_happen_twice_is_reported_as_unknown_and_not_repeated() {
    for fault in UNANSWERED.into_iter().chain([Fault::CutRequest]) {
        let (server, db) = met(fault).await;
        server.fault("report_record", fault);
        let reported = record(&db).await.unwrap_err();
        assert!(matches!(reported, StoreError::Unknown { step: "record an action", .. }), "{fault:?}: {reported}");
        assert!(server.requests("report_record").len() <= 1, "{fault:?}: sent again");
        healthy(&server, &db, server.requests("report_record").first().map(|request| request.connection)).await;
    }
}

#[tokio::test]
async fn a_write_that_the_server_refused_for_now_is_repeated_and_done_once() {
    for fault in BUSY.map(Fault::Error) {
        let (server, db) = met(fault).await;
        server.fault("report_record", fault);
        record(&db).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!((server.requests("report_record").len(), server.done("report_record")), (2, 1), "{fault:?}");
        healthy(&server, &db, None).await;
    }
}

#[tokio::test]
async fn a_connection_that_ended_while_idle_is_noticed_before_anything_is_sent_on_it() {
    let (mut server, db) = met(Fault::CutAnswer).await;
    for _ in 0..3 {
        read(&db).await.unwrap();
        server.cut().await;
        record(&db).await.expect("reported as unknown, though it was never sent");
    }
    assert_eq!(server.done("report_record"), 3);
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_first_reads_the_rows_of_its_token() {
    for fault in UNANSWERED {
        let (server, db) = met(fault).await;
        server.answer(
            "outbox_claim_before",
            vec![table(&["SetDead", "Failures", "LastAcceptedOnUtc"], vec![vec![0.into(), 0.into(), Cell::NoTime]])],
        );
        server.fault("outbox_claim_before", fault);
        let claim = claim_from("queue:q", ClaimMode::Batch { rows_max: 10, bytes_max: 1000 });
        db.claim(&claim).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(server.requests("outbox_claim_before").len(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn an_open_transaction_after_a_deadlock_is_rolled_back_before_the_connection_is_used_again() {
    let (server, db) = met(Fault::Error(1205)).await;
    read(&db).await.unwrap();
    server.fault("report_record", Fault::Error(1205));
    let before = server.all_requests().len();
    record(&db).await.unwrap();
    let after = server.all_requests()[before..].to_vec();
    let [refused, reset, done] = after.as_slice() else { panic!("{after:#?}") };
    assert!(!refused.done && done.done);
    let same = [refused, reset, done].map(|request| request.connection);
    assert!(same.iter().all(|one| *one == same[0]), "a deadlock costs no connection: {same:?}");
    for word in ["ROLLBACK TRAN", "ISOLATION LEVEL READ COMMITTED", "XACT_ABORT ON", "QUOTED_IDENTIFIER ON"] {
        assert!(reset.names[0].contains(word), "{word}: {:?}", reset.names);
    }
}

#[tokio::test]
async fn a_fault_that_stays_is_reported_after_a_bounded_time() {
    let (server, db) = met(Fault::CutAnswer).await;
    for _ in 0..100 {
        server.fault("report_record", Fault::Error(1205));
    }
    let reported = record(&db).await.unwrap_err();
    assert!(matches!(reported, StoreError::Unavailable { .. }), "{reported}");
    assert!(reported.to_string().contains("1205") && server.done("report_record") == 0);
    assert!(server.requests("report_record").len() <= 8);
}

#[tokio::test]
async fn a_claim_that_is_always_the_deadlock_victim_finds_no_rows_for_now() {
    let (server, db) = met(Fault::CutAnswer).await;
    for _ in 0..100 {
        server.fault("outbox_claim_lease", Fault::Error(1205));
    }
    let claim = claim_from("queue:q", ClaimMode::Suspect);
    let claimed = db.claim(&claim).await.unwrap();
    assert!(claimed.rows.is_empty() && server.done("outbox_claim_lease") == 0);
    assert!((2..=8).contains(&server.requests("outbox_claim_lease").len()));
}

#[tokio::test]
async fn a_row_that_another_program_keeps_locked_delays_routing_and_nothing_else() {
    let server = TdsServer::start().await;
    let db = Arc::new(opened(&server).await);
    let columns = ["SessionId", "LoginName", "ProgramName", "HostName", "OpenSeconds"];
    let session = vec![57.into(), "ania".into(), "SSMS".into(), "PC7".into(), 812.into()];
    server.answer("outbox_holders", vec![table(&columns, vec![session])]);
    let columns = ["Destination", "Waiting", "Suspects", "Missing", "Paused", "OpenUntil", "CurrentUtc"];
    let waits = |destination: &'static str| {
        vec![destination.into(), 1.into(), 0.into(), 0.into(), 0.into(), Cell::NoTime, Cell::Day(739_000)]
    };
    server.answer("outbox_due", vec![table(&columns, vec![waits(""), waits("queue:q")])]);
    server.fault("outbox_unrouted", Fault::Error(1222));
    let (bus, clock) = (Arc::new(FakeBus::accepting()), Arc::new(FakeClock::new()));
    let context = dispatcher_of(db.clone(), db, bus, clock, routes(&[("Created", &[EMAILS])]), 1);
    let report = dispatch(&context).await;
    assert_eq!((report.routed, report.store_error), (0, None));
    let stalled = report.stalled.expect("reported, and not taken for an empty outbox");
    assert!(stalled.starts_with("route: another transaction has held a lock"), "{stalled}");
    assert!(stalled.contains("session 57 of ania"), "with what holds it: {stalled}");
    assert_eq!(server.requests("outbox_unrouted").len(), 1, "the wait was long enough");
    assert!(server.done("outbox_claim_heads") > 0, "what has its destination is still claimed");
}

#[tokio::test]
async fn a_cancelled_call_leaves_no_answer_for_the_next_one() {
    let (server, db) = met(Fault::CutAnswer).await;
    server.fault("books_client", Fault::Stall);
    let stalled = server.requests("books_client").len();
    {
        let mut asked = std::pin::pin!(read(&db));
        // Dropped when the server has received the query.
        tokio::select! {
            _ = &mut asked => panic!("answered"),
            () = async { while server.requests("books_client").len() == stalled { tokio::task::yield_now().await } } => {}
        }
    }
    let connection = server.requests("books_client").last().unwrap().connection;
    healthy(&server, &db, Some(connection)).await;
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_never_reported_as_not_done() {
    let server = TdsServer::start().await;
    let mut options = options(&server, Duration::from_secs(30));
    options.pool.wait = Duration::from_secs(1);
    let db = SqlServer::open(&options).await.unwrap();
    let edge = Edge::with_books(Arc::new(db)).await;
    // The repeats that would show it cannot reach the server either.
    server.fault("books_store_key", Fault::CutForGood);
    let reported = edge.write("POST", "/api/clients", &[("idempotency-key", "k-1")], &draft(1).to_string()).await;
    problem(&reported, 503, "outcome-unknown");
    assert!(reported.header("retry-after").is_some());
    assert_eq!(server.done("books_store_key"), 1);
}

#[tokio::test]
async fn callers_share_as_many_connections_as_are_allowed_and_all_are_served() {
    let (server, db) = met(Fault::CutAnswer).await;
    let before = server.all_requests().len();
    let reads = (0..40).map(|_| read(&db));
    futures::future::join_all(reads).await.into_iter().for_each(|read| read.unwrap());
    let requests = server.all_requests()[before..].to_vec();
    let connections: std::collections::BTreeSet<usize> = requests.iter().map(|request| request.connection).collect();
    assert!(connections.len() <= 4, "connections_max is 4: {connections:?}");
}

#[tokio::test]
async fn an_errors_text_holds_its_number_and_no_value_from_the_server() {
    let (server, db) = met(Fault::CutAnswer).await;
    server.fault("report_record", Fault::Error(8152));
    let reported = record(&db).await.unwrap_err();
    assert!(matches!(reported, StoreError::Broken { .. }), "{reported}");
    let words = client_organizer::domain::causes::chain(&reported);
    assert!(words.contains("8152") && words.contains("record"), "{words}");
    assert!(!words.contains("ania@example.pl"), "{words}");
}
