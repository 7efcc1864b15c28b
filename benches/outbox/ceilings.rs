//! What store and bus can do alone: nothing built of both can be faster than the slower of them.

use crate::{
    backlog::{self, QUEUE},
    rounds::Rounds,
    setting::Setting,
    wire,
};
use client_organizer::{
    adapters::sqlite::{Sqlite, SqliteOptions},
    config::Settings,
    domain::{
        ids::LeaseToken,
        outbox::{BreakerChange, Claim, ClaimMode, Settle, Settled, Settlement},
        route::Destination,
    },
    ports::{bus::Bus, outbox::Outbox},
};
use futures::{StreamExt, stream};
use rusqlite::Connection;
use std::{collections::BTreeMap, path::Path, time::Instant};

const ROWS: u32 = 40_000;
const TRANSACTIONS: u32 = 2_000;
/// Publishes under way, and messages of each: enough that no wait for an outcome shows.
const PUBLISHES: usize = 4;
const PUBLISHED_AT_ONCE: usize = 2_000;

pub async fn measure(setting: &mut Setting) {
    let (rounds, rows) = (setting.rounds(), setting.rows(ROWS));
    let (made, used) = (setting.path("made.db"), setting.path("used.db"));
    backlog::file(&made, 0, rows).await;
    shape(setting, &made);

    let store = Rounds::of(rounds, async || {
        backlog::copy(&made, &used);
        per_second(rows, claim_and_settle(&Sqlite::open(SqliteOptions::at(&used)).unwrap()).await)
    });
    let store = store.await;
    setting.report.median("ceilings.store_rows_per_s", &store);
    let messages = wire::messages(&made);
    for (latency_ms, name) in [(0, "ceilings.bus_rows_per_s"), (15, "ceilings.bus_rows_per_s_15ms")] {
        let broker = &setting.broker;
        let published = Rounds::of(rounds, async || {
            wire::queue(broker, latency_ms).await;
            let bus = wire::bus(broker);
            wire::publish(&bus, &messages[..1]).await;
            let began = Instant::now();
            let publishes = messages.chunks(PUBLISHED_AT_ONCE).map(|some| wire::publish(&bus, some));
            stream::iter(publishes).buffer_unordered(PUBLISHES).collect::<()>().await;
            let rate = per_second(rows, began);
            assert_eq!(wire::arrived(broker).await.0, u64::from(rows));
            bus.close().await;
            rate
        });
        setting.report.median(name, &published.await);
    }

    let some = &messages[..messages.len() / 10];
    let broker = &setting.broker;
    let over_rest = Rounds::of(rounds, async || {
        wire::queue(broker, 0).await;
        let bus = wire::rest_bus(broker);
        wire::publish(&bus, &some[..1]).await;
        let began = Instant::now();
        wire::publish(&bus, some).await;
        some.len() as f64 / began.elapsed().as_secs_f64()
    });
    let over_rest = over_rest.await;
    setting.report.median("ceilings.rest_rows_per_s", &over_rest);

    let folder = setting.path("");
    let bare = Rounds::of(rounds, async || bare_transactions(&folder));
    setting.report.median("ceilings.transactions_per_s", &bare.await);
}

/// The size of a row.
fn shape(setting: &mut Setting, made: &Path) {
    let connection = Connection::open(made).unwrap();
    let bytes = |column: &str| -> f64 {
        let sql = format!("SELECT avg(octet_length({column})) FROM OutboxMessages");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    setting.report.set("rows.payload_bytes", bytes("Payload"));
    setting.report.set("rows.headers_bytes", bytes("Headers"));
}

pub fn per_second(rows: u32, began: Instant) -> f64 {
    f64::from(rows) / began.elapsed().as_secs_f64()
}

/// Claims and settles all rows, as a dispatcher does without suspects; returns when it began.
pub async fn claim_and_settle(outbox: &dyn Outbox) -> Instant {
    let settings = Settings::read(&BTreeMap::new()).unwrap().dispatch;
    let destination = Destination::parse(QUEUE).unwrap();
    let mode = ClaimMode::Batch { rows_max: settings.batch_max, bytes_max: settings.batch_bytes_max };
    let began = Instant::now();
    loop {
        let token = LeaseToken::fresh();
        let (lease_ms, claims_max) = (settings.lease_ms, settings.claims_max);
        let claim = Claim { destination: destination.clone(), mode, token, lease_ms, claims_max };
        let claimed = outbox.claim(&claim).await.unwrap().rows;
        if claimed.is_empty() {
            return began;
        }
        let rows = claimed.iter().map(|row| (row.seq, Settlement::Sent)).collect();
        let settle = Settle { destination: destination.clone(), token, rows, breaker: BreakerChange::Leave };
        let settled = outbox.settle(&settle).await.unwrap();
        assert!(settled.iter().all(|one| *one == Settled::Applied));
    }
}

/// The minimum of a transactional outbox, by one caller: a record and its message in one durable transaction.
fn bare_transactions(folder: &Path) -> f64 {
    let path = folder.join("bare.db");
    let _ = std::fs::remove_file(&path);
    let connection = bare_store(&path);
    let began = Instant::now();
    for n in 0..TRANSACTIONS {
        bare_transaction(&connection, n);
    }
    per_second(TRANSACTIONS, began)
}

/// Opened as the program opens its own.
pub fn bare_store(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    let tables = "CREATE TABLE Records (Id INTEGER PRIMARY KEY, Amount INTEGER NOT NULL) STRICT; \
                  CREATE TABLE Messages (Id INTEGER PRIMARY KEY, Payload TEXT NOT NULL) STRICT;";
    connection.execute_batch(tables).unwrap();
    connection
}

pub fn bare_transaction(connection: &Connection, n: u32) {
    let payload = "x".repeat(700);
    let execute = |sql: &str, params: &[&dyn rusqlite::ToSql]| {
        connection.prepare_cached(sql).unwrap().execute(params).unwrap();
    };
    execute("BEGIN IMMEDIATE", &[]);
    execute("INSERT INTO Records VALUES (?1, 1230)", &[&n]);
    execute("INSERT INTO Messages VALUES (?1, ?2)", &[&n, &payload]);
    execute("COMMIT", &[]);
}
