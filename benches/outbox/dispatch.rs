//! A backlog through `dispatch` to the broker, from the start of the process to its end; and by several processes.

use crate::{
    backlog,
    ceilings::per_second,
    process::{self, Process},
    rounds::Rounds,
    setting::Setting,
    support::workers::Worker,
    wire,
};
use rusqlite::Connection;
use serde_json::json;
use std::{path::Path, time::Instant};

/// Some two seconds of work: starting and connecting take 1 % of it.
const ROWS: u32 = 40_000;

pub async fn measure(setting: &mut Setting) {
    let rows = setting.rows(ROWS);
    let (made, used) = (setting.path("made.db"), setting.path("used.db"));
    backlog::file(&made, 0, rows).await;
    for latency_ms in [0, 5, 15] {
        let rates = Rounds::of(setting.rounds(), async || {
            backlog::copy(&made, &used);
            once(setting, &used, rows, latency_ms).await.0
        });
        let rates = rates.await;
        setting.report.median(&format!("dispatch.rows_per_s_{latency_ms}ms"), &rates);
    }
    let report = &mut setting.report;
    let of = |name: &str| report.get(name);
    let fast = of("dispatch.rows_per_s_0ms").unwrap();
    let hidden = of("dispatch.rows_per_s_15ms").unwrap() / fast;
    let lower = of("ceilings.store_rows_per_s").zip(of("ceilings.bus_rows_per_s")).map(|(store, bus)| store.min(bus));
    report.set("dispatch.ratio_15ms", hidden);
    match lower {
        Some(lower) => report.set("dispatch.efficiency_0ms", fast / lower),
        None => println!("  dispatch.efficiency_0ms needs the part `ceilings` too"),
    }
}

/// One process that sends all; rows a second, and the most memory that it had, in MB.
pub async fn once(setting: &Setting, store: &Path, rows: u32, latency_ms: u32) -> (f64, f64) {
    wire::queue(&setting.broker, latency_ms).await;
    let settings = process::settings(store, &setting.broker.connection("amqp"));
    let began = Instant::now();
    let memory = Process::start(&["dispatch", "--once"], &settings).end().await;
    let rate = per_second(rows, began);
    assert_eq!(wire::arrived(&setting.broker).await, (u64::from(rows), 0), "each once");
    let left = "SELECT count(*) FROM OutboxMessages WHERE State <> 2";
    assert_eq!(Connection::open(store).unwrap().query_row(left, [], |row| row.get(0)), Ok(0), "all are settled");
    (rate, memory)
}

/// Several dispatchers on one store and one queue.
pub async fn several(setting: &mut Setting) {
    let rows = setting.rows(ROWS);
    let (made, used) = (setting.path("made.db"), setting.path("used.db"));
    backlog::file(&made, 0, rows).await;
    for latency_ms in [0, 15] {
        for processes in [1, 2, 4] {
            let rates = Rounds::of(setting.rounds(), async || {
                backlog::copy(&made, &used);
                wire::queue(&setting.broker, latency_ms).await;
                let settings = process::settings(&used, &setting.broker.connection("amqp"));
                let began = Instant::now();
                let workers: Vec<_> = (0..processes).map(|_| Worker::start(&settings)).collect();
                let all = json!({"name": backlog::ENTITY, "distinct": rows, "ms": 60_000});
                assert_eq!(setting.broker.command("until", all).await["distinct"], rows);
                let rate = per_second(rows, began);
                for worker in workers {
                    let totals = tokio::task::spawn_blocking(|| worker.stop()).await.unwrap();
                    assert!(totals.troubles.is_empty(), "{:?}", totals.troubles);
                }
                rate
            });
            let rates = rates.await;
            setting.report.median(&format!("dispatchers.rows_per_s_{latency_ms}ms_by_{processes}"), &rates);
        }
    }
}
