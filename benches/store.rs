//! The outbox's load on its database: `cargo bench --bench store [-- --sql "<connection string>"]`.
//!
//! Prints, for a SQLite file or a new database on the server: claimed and settled rows per second with 10 thousand and
//! with 1 million sent rows of history, and their ratio; a booking compared with a bare transaction of two INSERTs.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on should say where")]

#[path = "../tests/it/support/mod.rs"]
#[allow(dead_code, reason = "the tests use the rest of it")]
mod support;

#[path = "../tests/prove/stores.rs"]
#[allow(dead_code, reason = "the proofs use the rest of it")]
mod stores;

use clap::Parser;
use client_organizer::{
    domain::{
        booking::{Command, Entry},
        client::{ClientDraft, ClientName, Email, Nip, PostalAddress},
        ids::{ClientId, LeaseToken, MessageId},
        message::{Headers, MessageLimits},
        outbox::{BreakerChange, Claim, ClaimMode, Settle, Settled, Settlement},
        period::Period,
        record::Figures,
        route::{Destination, Routes},
    },
    ports::books::Committed,
};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use stores::Store;
use support::backend::Backend;

#[derive(Parser)]
struct Arguments {
    #[arg(long, value_name = "CONNECTION STRING")]
    sql: Option<String>,
    /// Sent rows of the longer history
    #[arg(long, default_value_t = 1_000_000)]
    history: u32,
    /// cargo bench adds it
    #[arg(long, hide = true)]
    bench: bool,
}

const SHORT_HISTORY: u32 = 10_000;
const DUE: u32 = 10_000;
const BATCH: u32 = 500;
const BOOKINGS: u16 = 1_000;
const QUEUE: &str = "queue:client-emails";

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let mut rates = Vec::new();
    for history in [SHORT_HISTORY, arguments.history] {
        let store = Store::start(arguments.sql.as_deref()).await;
        fill(store.backend(), "sent", history, 2);
        fill(store.backend(), "due", DUE, 0);
        let rate = claim_and_settle(store.backend()).await;
        println!("{history:>9} sent rows: {rate:.0} rows claimed and settled per second, in batches of {BATCH}");
        rates.push(rate);
    }
    println!("ratio: {:.2}", rates[1] / rates[0]);
    let store = Store::start(arguments.sql.as_deref()).await;
    let bare = bare(&store);
    let booking = bookings(store.backend()).await;
    println!(
        "a booking with its message and key: {:.2} ms, a bare transaction of two INSERTs: {:.2} ms (medians of {BOOKINGS})",
        booking.as_secs_f64() * 1e3,
        bare.as_secs_f64() * 1e3
    );
}

/// Rows without a key, so that all are heads.
fn fill(backend: &dyn Backend, name: &str, rows: u32, state: u32) {
    const STEP: u32 = 10_000;
    let processed = if state == 2 { backend.at_ms(1_800_000_000_000) } else { "NULL".to_owned() };
    for from in (0..rows).step_by(STEP as usize) {
        let to = rows.min(from + STEP);
        // Numbers by a cross join of digits, which works in both dialects.
        let digits = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 \
            UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
        let sql = format!(
            "INSERT INTO OutboxMessages (Id, EventType, Destination, Payload, State, ProcessedOnUtc) \
             SELECT CONCAT('{name}', {from} + a.d + 10 * b.d + 100 * c.d + 1000 * e.d), 'FinancialRecordCreated', '{QUEUE}', \
             '{{\"figures\":1}}', {state}, {processed} FROM {digits} a CROSS JOIN {digits} b CROSS JOIN {digits} c CROSS JOIN {digits} e \
             WHERE {from} + a.d + 10 * b.d + 100 * c.d + 1000 * e.d < {to}"
        );
        assert_eq!(backend.execute(&sql), (to - from) as usize);
    }
}

async fn claim_and_settle(backend: &dyn Backend) -> f64 {
    let outbox = backend.outbox();
    let destination = Destination::parse(QUEUE).unwrap();
    outbox.ensure_destinations(&[QUEUE.to_owned()]).await.unwrap();
    let begun = Instant::now();
    let mut rows = 0;
    loop {
        let token = LeaseToken::fresh();
        let mode = ClaimMode::Batch { rows_max: BATCH, bytes_max: 4_000_000 };
        let claim = Claim { destination: destination.clone(), mode, token, lease_ms: 60_000, claims_max: 3 };
        let claimed = outbox.claim(&claim).await.unwrap().rows;
        if claimed.is_empty() {
            break;
        }
        rows += claimed.len();
        let settlements = claimed.iter().map(|row| (row.seq, Settlement::Sent)).collect();
        let settle =
            Settle { destination: destination.clone(), token, rows: settlements, breaker: BreakerChange::Leave };
        let settled = outbox.settle(&settle).await.unwrap();
        assert!(settled.iter().all(|one| *one == Settled::Applied));
    }
    assert_eq!(rows, DUE as usize);
    f64::from(DUE) / begun.elapsed().as_secs_f64()
}

/// The minimum of a transactional outbox: one record and one message in one transaction.
fn bare(store: &Store) -> Duration {
    store.backend().execute("CREATE TABLE BareRecords (Id int NOT NULL PRIMARY KEY, Amount decimal(18, 2) NOT NULL)");
    store.backend().execute("CREATE TABLE BareMessages (Id int NOT NULL PRIMARY KEY, Payload varchar(400) NOT NULL)");
    let inserts = |n: u16| {
        let payload = "x".repeat(300);
        format!("INSERT INTO BareRecords VALUES ({n}, 12.30); INSERT INTO BareMessages VALUES ({n}, '{payload}');")
    };
    match store {
        Store::Sqlite(backend) => {
            let connection = rusqlite::Connection::open(&backend.options.path).unwrap();
            connection.pragma_update(None, "synchronous", "FULL").unwrap();
            median(|n| connection.execute_batch(&format!("BEGIN IMMEDIATE; {} COMMIT;", inserts(n))).unwrap())
        }
        Store::SqlServer(backend) => median(|n| {
            backend.execute(&format!("SET XACT_ABORT ON; BEGIN TRAN; {} COMMIT TRAN;", inserts(n)));
        }),
    }
}

fn median(mut work: impl FnMut(u16)) -> Duration {
    let mut times: Vec<Duration> = (0..BOOKINGS)
        .map(|n| {
            let begun = Instant::now();
            work(n);
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

async fn bookings(backend: &dyn Backend) -> Duration {
    let books = backend.books();
    let draft = ClientDraft {
        name: ClientName::parse("Zażółć sp. z o.o.").unwrap(),
        address: PostalAddress::parse("ul. Prosta 1").unwrap(),
        nip_nb: Nip::parse("5260250274").unwrap(),
        email: Email::parse("biuro@example.pl").unwrap(),
        language: None,
    };
    books.commit(&entry(Command::CreateClient(draft))).await.unwrap();
    let figures: Figures = serde_json::from_str(r#"{"incomeTax": 1, "vat": 2, "insuranceAmount": 3}"#).unwrap();
    let mut times = Vec::new();
    for n in 0..BOOKINGS {
        let period = Period::new(2000 + n / 12, u8::try_from(n % 12 + 1).unwrap()).unwrap();
        let entry = entry(Command::CreateRecord(ClientId(1), period, figures));
        let begun = Instant::now();
        let committed = books.commit(&entry).await.unwrap();
        times.push(begun.elapsed());
        assert!(matches!(committed, Committed::Done(_)), "{committed:?}");
    }
    times.sort();
    times[times.len() / 2]
}

#[expect(clippy::disallowed_methods, reason = "a bench has no clock to move")]
fn entry(command: Command) -> Entry {
    let queue = vec![Destination::parse(QUEUE).unwrap()];
    Entry {
        command,
        if_match: None,
        idempotency: None,
        message_id: MessageId::fresh(),
        now: chrono::Utc::now(),
        headers: Headers::default(),
        routes: Arc::new(Routes(BTreeMap::from([("FinancialRecordCreated".to_owned(), queue)]))),
        limits: MessageLimits::default(),
    }
}
