//! The operators' reports over a long history: `cargo bench --bench operations`, on SQLite.
//!
//! Prints how long each report takes over a million sent rows and as many tombstones, and how much a dispatch is slowed
//! down while 100 dashboards poll the overview every five seconds.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on should say where")]

use chrono::DateTime;
use clap::Parser;
use client_organizer::{
    adapters::{
        clock::SystemClock,
        sqlite::{Sqlite, SqliteOptions, migrate},
    },
    app::Stores,
    domain::{
        delivery::{EMAIL_CONSUMER, MailState},
        ids::LeaseToken,
        operations::{AuditFilter, GroupFilter, MailFilter, MessageFilter},
        outbox::{BreakerChange, Claim, ClaimMode, RowState, Settle, Settlement},
        rate_limit::RateLimit,
        recipient::RecipientKey,
        route::{Destination, Routes},
    },
    flows::{
        operate::{self, OperateContext},
        overviews::Overviews,
    },
    ports::{
        operations::{OverviewQuery, PageRequest, Reports},
        outbox::Outbox,
    },
};
use rusqlite::Connection;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

#[derive(Parser)]
struct Arguments {
    /// Sent rows, and mails
    #[arg(long, default_value_t = 1_000_000)]
    history: u32,
    /// Rounds of the dispatch, without and with dashboards in turn
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// cargo bench adds it
    #[arg(long, hide = true)]
    bench: bool,
}

const QUEUE: &str = "queue:client-emails";
const DASHBOARDS: u32 = 100;
const POLL: Duration = Duration::from_secs(5);
/// So many that a dispatch lasts long enough to meet many polls.
const DUE: u32 = 400_000;
const BATCH: u32 = 500;

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions::at(folder.path().join("app.db"));
    migrate::run(&options.path).unwrap();
    let begun = Instant::now();
    fill(&options.path, arguments.history);
    println!("{} rows of history in {:.0} s", arguments.history, begun.elapsed().as_secs_f64());
    let store = Sqlite::open(options.clone()).unwrap();
    reports(&store, arguments.history).await;
    dashboards(&store, &options.path, arguments.rounds).await;
}

/// A day of messages to 5,000 clients, sent and mailed, with some that failed.
fn fill(path: &Path, history: u32) {
    let mut db = Connection::open(path).unwrap();
    db.pragma_update(None, "synchronous", "OFF").unwrap();
    let tx = db.transaction().unwrap();
    let numbers = |n: u32| format!("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {n})");
    let at = "(SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER))";
    let of = format!("{at} - 86400000 + i * 86400000 / {history}");
    tx.execute_batch(&format!(
        "{} INSERT INTO OutboxMessages (Id, EventType, Destination, OrderingKey, ContentType, Payload, Headers, Subject, \
                                        OccurredOnUtc, State, DueAt, LastOutcome, LastAttemptOnUtc, ProcessedOnUtc, \
                                        LastError, Fingerprint) \
         SELECT printf('0190a4c6-b1e0-7000-8000-%012d', i), iif(i % 3, 'FinancialRecordCreated', 'FinancialRecordUpdated'), \
                iif(i % 50, '{QUEUE}', 'topic:finance'), printf('%d/2026-%02d', i % 5000, i % 12 + 1), \
                'application/cloudevents+json', printf('{{\"specversion\":\"1.0\",\"id\":\"%d\",\"data\":{{\"text\":\"%s\"}}}}', i, \
                hex(zeroblob(150))), '{{\"traceparent\":\"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\"}}', \
                printf('clients/%d', i % 5000), {of}, iif(i % 200, 2, 3), {of}, 0, {of}, iif(i % 200, {of}, NULL), \
                iif(i % 200, NULL, 'refused'), iif(i % 200, NULL, printf('f%d', i / 200 % 40)) FROM n; \
         {} INSERT INTO InboxMessages (Consumer, MessageId, State, ReceivedOnUtc, FinishedOnUtc, DueAt, Provider, Reference, \
                                       Subject, RecipientHash, Fingerprint) \
         SELECT '{EMAIL_CONSUMER}', printf('0190a4c6-b1e0-7000-8000-%012d', i), iif(i % 250, 2, 3 + i / 250 % 3), {of}, \
                iif(i % 250, {of}, NULL), iif(i % 250 OR i / 250 % 3, NULL, {at}), 'mail:smtp', 'r', \
                printf('clients/%d', i % 5000), hex(randomblob(2)), iif(i % 250, NULL, printf('f%d', 40 + i / 250 % 10)) FROM n; \
         {} INSERT INTO FailureGroups SELECT printf('f%d', i), iif(i < 40, '{QUEUE}', 'mail:smtp'), 'refused', 'refused', \
                printf('0190a4c6-b1e0-7000-8000-%012d', 0), {at}, {at} + i FROM n; \
         {} INSERT INTO OutboxAttempts (Seq, OnUtc, Instance, State, Outcome, Error) \
            SELECT Seq, OccurredOnUtc, 'i', 3, 1, 'refused' FROM OutboxMessages, n WHERE State = 3; \
         {} INSERT INTO OperatorActions (OnUtc, Actor, Action, Target, Reason) SELECT {at}, 'anna', 'requeue', 'x', 'y' FROM n; \
         INSERT INTO OperatorActionMessages \
            SELECT printf('0190a4c6-b1e0-7000-8000-%012d', Id % 100 * 200), Id FROM OperatorActions; \
         {} INSERT INTO MinuteCounts \
            SELECT ({at} / 60000 - i / 26) * 60000, iif(i % 2, '{QUEUE}', 'mail:smtp'), i / 2 % 13 + 20, 'i', 7 FROM n; \
         INSERT INTO Destinations (Name) VALUES ('{QUEUE}'), ('topic:finance'), ('mail:smtp');",
        numbers(history),
        numbers(history),
        numbers(50),
        numbers(20),
        numbers(10_000),
        numbers(26 * 1_440),
    ))
    .unwrap();
    tx.commit().unwrap();
}

fn overview(minutes: u32) -> OverviewQuery {
    OverviewQuery {
        routed_types: vec!["FinancialRecordCreated".to_owned()],
        provider: "mail:smtp".to_owned(),
        rate_limit: RateLimit { per_minute: 30, per_hour: 100 },
        minutes,
    }
}

async fn reports(store: &Sqlite, history: u32) {
    let any = MessageFilter::default;
    let page = || PageRequest { before: None, limit: 50 };
    time("overview, 60 minutes", async || store.overview(&overview(60)).await.unwrap().minutes.len()).await;
    time("overview, 24 hours", async || store.overview(&overview(1_440)).await.unwrap().minutes.len()).await;
    for (name, filter) in [
        ("messages, newest", any()),
        ("messages of a client", MessageFilter { client: Some(7), ..any() }),
        ("messages of an ordering key", MessageFilter { ordering_key: Some("7/2026-08".to_owned()), ..any() }),
        ("messages, dead", MessageFilter { state: Some(RowState::Dead), ..any() }),
        ("messages, pending (none)", MessageFilter { state: Some(RowState::Pending), ..any() }),
        ("messages of a group", MessageFilter { fingerprint: Some("f7".to_owned()), ..any() }),
        ("messages to a destination", MessageFilter { destination: Some("topic:finance".to_owned()), ..any() }),
        ("messages of a type that none has", MessageFilter { event_type: Some("None".to_owned()), ..any() }),
        ("messages of an hour", MessageFilter { until: DateTime::from_timestamp_millis(1), ..any() }),
        ("messages by id", MessageFilter { id: Some(format!("0190a4c6-b1e0-7000-8000-{:012}", history / 2)), ..any() }),
    ] {
        time(name, async || store.messages(&filter, &page()).await.unwrap().items.len()).await;
    }
    time("one message", async || {
        let id = format!("0190A4C6-B1E0-7000-8000-{:012}", 200);
        store.message(EMAIL_CONSUMER, &id).await.unwrap().unwrap().message.timeline.len()
    })
    .await;
    let mails = MailFilter::default;
    for (name, filter) in [
        ("mails, not sent", mails()),
        ("mails, sent", MailFilter { state: Some(MailState::Sent), ..mails() }),
        ("mails, refused", MailFilter { state: Some(MailState::Refused), ..mails() }),
        ("mails of a client", MailFilter { client: Some(7), ..mails() }),
        ("mails to an address", MailFilter { recipient_hash: Some("00FF".to_owned()), ..mails() }),
        ("mails of a group", MailFilter { fingerprint: Some("f41".to_owned()), ..mails() }),
    ] {
        time(name, async || store.mails(EMAIL_CONSUMER, &filter, &page()).await.unwrap().items.len()).await;
    }
    time("failure groups", async || store.groups(&GroupFilter::default(), &page()).await.unwrap().items.len()).await;
    time("audit", async || store.audit(&AuditFilter::default(), &page()).await.unwrap().items.len()).await;
}

async fn time(name: &str, report: impl AsyncFn() -> usize) {
    let mut times = Vec::new();
    let mut items = 0;
    for _ in 0..20 {
        let begun = Instant::now();
        items = report().await;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    println!("{name:<34} {:>7.1} ms, worst {:>7.1} ms, {items} items", times[times.len() / 2], times[times.len() - 1]);
}

async fn dashboards(store: &Sqlite, path: &Path, rounds: u32) {
    let context = Arc::new(context(store));
    let (mut alone, mut watched) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        alone.push(dispatch(store, path, 2 * round).await);
        let polls: Vec<_> = (0..DASHBOARDS)
            .map(|n| {
                let context = context.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(POLL * n / DASHBOARDS).await;
                    let mut every = tokio::time::interval(POLL);
                    loop {
                        every.tick().await;
                        let overview = operate::overview(&context, 60).await.unwrap();
                        assert!(serde_json::to_string(&overview).unwrap().len() > 100);
                    }
                })
            })
            .collect();
        // All of them have begun.
        tokio::time::sleep(POLL).await;
        watched.push(dispatch(store, path, 2 * round + 1).await);
        polls.iter().for_each(tokio::task::JoinHandle::abort);
    }
    let best = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
    let mean = |times: &[f64]| times.iter().sum::<f64>() / f64::from(rounds);
    println!(
        "{DUE} rows dispatched: alone {:.2} s (best {:.2}), with {DASHBOARDS} dashboards {:.2} s (best {:.2}): {:+.1} % ({:+.1} %)",
        mean(&alone),
        best(&alone),
        mean(&watched),
        best(&watched),
        (mean(&watched) / mean(&alone) - 1.0) * 100.0,
        (best(&watched) / best(&alone) - 1.0) * 100.0
    );
}

fn context(store: &Sqlite) -> OperateContext {
    let stores = Stores::of(store.clone());
    let none = || "not in this bench".to_owned();
    OperateContext {
        reports: stores.reports,
        overviews: Overviews::default(),
        remedies: stores.remedies,
        entities: Err(none()),
        dead_letters: Err(none()),
        routes: Arc::new(Routes(BTreeMap::new())),
        recipients: Ok(RecipientKey::new("secret")),
        duplicate_window_ms: 0,
        mail_queue: None,
        tombstone_days: 400,
        taking_in: tokio::sync::Mutex::default(),
        provider: "mail:smtp".to_owned(),
        rate_limit: RateLimit::default(),
        clock: Arc::new(SystemClock),
    }
}

/// Seconds to claim and settle all due rows.
async fn dispatch(store: &Sqlite, path: &Path, round: u32) -> f64 {
    let db = Connection::open(path).unwrap();
    db.busy_timeout(Duration::from_secs(5)).unwrap();
    db.execute_batch(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {DUE}) \
         INSERT INTO OutboxMessages (Id, EventType, Destination, Payload) \
         SELECT printf('r{round}-%d', i), 'FinancialRecordCreated', '{QUEUE}', '{{}}' FROM n"
    ))
    .unwrap();
    let destination = Destination::parse(QUEUE).unwrap();
    let begun = Instant::now();
    loop {
        let token = LeaseToken::fresh();
        let mode = ClaimMode::Batch { rows_max: BATCH, bytes_max: 4_000_000 };
        let claim = Claim { destination: destination.clone(), mode, token, lease_ms: 60_000, claims_max: 3 };
        let rows = store.claim(&claim).await.unwrap().rows;
        if rows.is_empty() {
            return begun.elapsed().as_secs_f64();
        }
        let rows = rows.iter().map(|row| (row.seq, Settlement::Sent)).collect();
        let settle = Settle { destination: destination.clone(), token, rows, breaker: BreakerChange::Leave };
        store.settle(&settle).await.unwrap();
    }
}
