//! The outbox that everybody writes first, on the same store and wire: a page is read, each row is sent and updated.

use crate::{
    backlog::{self, QUEUE},
    rounds::Rounds,
    setting::Setting,
    wire,
};
use client_organizer::ports::bus::{Bus, Outgoing};
use rusqlite::Connection;
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// A row by row dispatcher would need minutes for all.
const ENOUGH: Duration = Duration::from_secs(2);
const ROWS: u32 = 40_000;

/// How it is written.
#[derive(Clone, Copy, PartialEq)]
enum Style {
    /// A page of 100; then one send and one transaction a row.
    RowByRow,
    /// A page of 1,000; then one send and one transaction a page.
    Batched,
}

pub async fn measure(setting: &mut Setting) {
    let (made, used) = (setting.path("made.db"), setting.path("used.db"));
    backlog::file(&made, 0, setting.rows(ROWS)).await;
    let rounds = setting.rounds();
    for latency_ms in [0, 5, 15] {
        for (style, name) in [(Style::RowByRow, "rows_per_s"), (Style::Batched, "batched_rows_per_s")] {
            let broker = &setting.broker;
            let rates = Rounds::of(rounds, async || {
                backlog::copy(&made, &used);
                wire::queue(broker, latency_ms).await;
                let bus = wire::bus(broker);
                let rate = dispatch(&bus, &used, style).await;
                bus.close().await;
                rate
            });
            setting.report.median(&format!("naive.{name}_{latency_ms}ms"), &rates.await);
        }
    }
    for latency_ms in [0, 5, 15] {
        let of = |name: &str| setting.report.get(&format!("{name}_{latency_ms}ms"));
        let (naive, batched) = (of("naive.rows_per_s"), of("naive.batched_rows_per_s"));
        let Some(ours) = of("dispatch.rows_per_s") else { continue };
        for (times, name) in [(naive, "times"), (batched, "batched_times")] {
            setting.report.set(&format!("naive.{name}_{latency_ms}ms"), ours / times.unwrap());
        }
    }
}

/// Rows a second. The first connects, and does not count.
async fn dispatch(bus: &dyn Bus, store: &Path, style: Style) -> f64 {
    let connection = Connection::open(store).unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    let page = if style == Style::Batched { 1_000 } else { 100 };
    let (seqs, first) = read(&connection, 1);
    wire::publish(bus, &first).await;
    update(&connection, &seqs);
    let (began, mut sent) = (Instant::now(), 0);
    while began.elapsed() < ENOUGH {
        let (seqs, messages) = read(&connection, page);
        if seqs.is_empty() {
            break;
        }
        match style {
            Style::RowByRow => {
                for (seq, message) in seqs.iter().zip(&messages) {
                    wire::publish(bus, std::slice::from_ref(message)).await;
                    update(&connection, &[*seq]);
                    sent += 1;
                    if began.elapsed() > ENOUGH {
                        break;
                    }
                }
            }
            Style::Batched => {
                wire::publish(bus, &messages).await;
                update(&connection, &seqs);
                sent += seqs.len();
            }
        }
    }
    sent as f64 / began.elapsed().as_secs_f64()
}

/// By an index that such an outbox has too.
fn read(connection: &Connection, page: u32) -> (Vec<i64>, Vec<Outgoing>) {
    let sql = format!(
        "SELECT {} FROM OutboxMessages WHERE Destination = '{QUEUE}' AND State < 2 AND DueAt <= 9e15 ORDER BY DueAt, Seq LIMIT ?1",
        wire::COLUMNS
    );
    let mut statement = connection.prepare_cached(&sql).unwrap();
    let rows = statement.query_map([page], wire::message).unwrap();
    rows.map(Result::unwrap).unzip()
}

/// One transaction.
fn update(connection: &Connection, seqs: &[i64]) {
    let sql = "UPDATE OutboxMessages SET State = 2, ProcessedOnUtc = 1800000000000, LastAttemptOnUtc = 1800000000000, \
               LastOutcome = 0 WHERE Seq BETWEEN ?1 AND ?2";
    connection.prepare_cached(sql).unwrap().execute([seqs[0], seqs[seqs.len() - 1]]).unwrap();
}
