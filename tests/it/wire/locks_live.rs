//! On a real SQL Server, with row versions (RCSI) and without: another program's open transaction holds rows. All
//! other rows are sent, reports are answered, and the held rows are sent once they are released.

use super::*;
use crate::support::{
    backend::Backend,
    operator, skip,
    sql_server::{SqlServerBackend, connect, run},
    world::routes,
};
use client_organizer::{
    domain::{
        ids::LeaseToken,
        operations::MessageFilter,
        outbox::{BreakerChange, ClaimMode, LastOutcome, Settle, Settlement},
        route::Destination,
    },
    ports::{
        operations::{PageRequest, Reports},
        outbox::Outbox,
    },
};

const QUEUE: &str = "queue:q";

/// Long enough for a busy server, and shorter than the wait for a lock.
async fn soon<T>(what: &str, call: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(9), call).await.unwrap_or_else(|_| panic!("{what} waits for a held row"))
}

async fn claim(db: &SqlServer) -> (LeaseToken, Vec<(i64, String)>) {
    let claim = claim_from(QUEUE, ClaimMode::Batch { rows_max: 10, bytes_max: 10_000 });
    let rows = soon("claim", db.claim(&claim)).await.unwrap().rows;
    (claim.token, rows.into_iter().map(|row| (row.seq, row.id)).collect())
}

async fn settle(db: &SqlServer, token: LeaseToken, rows: &[(i64, String)], what: &Settlement) {
    let settle = Settle {
        destination: Destination::parse(QUEUE).unwrap(),
        token,
        rows: rows.iter().map(|(seq, _)| (*seq, what.clone())).collect(),
        breaker: BreakerChange::Leave,
    };
    soon("settle", db.settle(&settle)).await.unwrap();
}

async fn all_other_rows_are_sent(row_versions: &str) {
    let Some(backend) = SqlServerBackend::start().await else { return };
    if backend.query("SELECT CAST(@@VERSION AS nvarchar(4000))").unwrap().contains("Babelfish") {
        skip::skip("Babelfish ignores lock hints");
        return;
    }
    let mut owner = connect(&backend.database.connection()).await;
    let alter = format!("ALTER DATABASE CURRENT SET READ_COMMITTED_SNAPSHOT {row_versions} WITH ROLLBACK IMMEDIATE");
    run(&mut owner, &alter).await;
    // That ended its other connections.
    let mut owner = connect(&backend.database.connection()).await;
    let db = SqlServer::open(&backend.options).await.unwrap();
    let row = |id: &str, to: &str, key: &str| {
        format!(
            "INSERT INTO OutboxMessages (Id, EventType, Payload, Destination, OrderingKey) VALUES ('{id}', 'Plain', '1', '{to}', {key});"
        )
    };
    let rows = [
        row("held", "", "'k'"),
        row("behind it", "", "'k'"),
        row("free", "", "'j'"),
        row("held, routed", QUEUE, "NULL"),
        row("free, routed", QUEUE, "'i'"),
        row("follower", QUEUE, "'i'"),
    ];
    run(&mut owner, &rows.concat()).await;
    db.ensure_destinations(&[QUEUE.to_owned()]).await.unwrap();
    backend.advance_ms(120_000);
    let held = "Id IN ('held', 'held, routed', 'follower')";
    run(
        &mut owner,
        &format!("BEGIN TRAN; UPDATE OutboxMessages SET LastError = N'by hand', Subject = N'x' WHERE {held};"),
    )
    .await;

    let routes = routes(&[("Plain", &[QUEUE])]);
    let waiting = soon("what is due", db.waiting(&routes)).await.unwrap();
    assert!(waiting.unrouted && waiting.held >= 2, "{waiting:?}");
    assert_eq!(soon("route", db.route(&routes, 100)).await.unwrap().routed, 1, "free; what is behind a held one waits");
    let (token, rows) = claim(&db).await;
    let mut ids: Vec<_> = rows.iter().map(|(_, id)| id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["free", "free, routed"]);
    // This moves its follower, which is held.
    let later =
        Settlement::Retry { delay_ms: 1, outcome: LastOutcome::Refused, error: "503".to_owned(), suspect: false };
    settle(&db, token, &rows, &later).await;

    let overview = soon("overview", operator::overview(&db, "mail:folder")).await;
    assert_eq!(overview.destinations.iter().find(|one| one.name == QUEUE).unwrap().pending, 4, "{overview:?}");
    let stalled = overview.stalled.unwrap();
    assert!(
        stalled.contains("session") && stalled.contains("VIEW SERVER STATE"),
        "the role has no such right: {stalled}"
    );
    let page = PageRequest { before: None, limit: 100 };
    assert_eq!(soon("list", db.messages(&MessageFilter::default(), &page)).await.unwrap().items.len(), 6);
    assert_eq!(soon("show", operator::message(&db, "held")).await.message.rows.len(), 1);

    run(&mut owner, "ROLLBACK TRAN;").await;
    backend.advance_ms(60_000);
    let mut gone = Vec::new();
    for _ in 0..4 {
        soon("route", db.route(&routes, 100)).await.unwrap();
        let (token, rows) = claim(&db).await;
        settle(&db, token, &rows, &Settlement::Sent).await;
        gone.extend(rows.into_iter().map(|(_, id)| id));
    }
    assert_eq!(gone.len(), 6, "{gone:?}");
    let place = |id: &str| gone.iter().position(|one| one == id).unwrap();
    assert!(place("held") < place("behind it") && place("free, routed") < place("follower"), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_other_rows_are_sent_while_a_row_is_held_without_row_versions() {
    all_other_rows_are_sent("OFF").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_other_rows_are_sent_while_a_row_is_held_with_row_versions() {
    all_other_rows_are_sent("ON").await;
}
