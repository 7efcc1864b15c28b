//! From the booking to the broker at a steady 500 a second: with the nudge, and where only the timer sends.

use crate::{
    backlog::{self, ENTITY},
    load::{connect, send},
    office::{self, Bookings},
    process::{self, Handler},
    rounds::percentile,
    setting::Setting,
    wire,
};
use http_body_util::BodyExt;
use serde_json::json;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime},
};
use tokio::task::JoinSet;

const PER_SECOND: u32 = 500;
const WARM_UP: u32 = 2 * PER_SECOND;
/// Connections, each of which books every 64 ms.
const CALLERS: u32 = 32;
/// Rows of one transaction of the other program, every 20 ms.
const TOGETHER: u32 = 10;
/// Of the default OutboxSchedule.
const TIMER: Duration = Duration::from_secs(10);

pub async fn measure(setting: &mut Setting) {
    let store = setting.path("nudge.db");
    let settings = process::settings(&store, &setting.broker.connection("amqp"));
    process::run(&["migrate"], &settings);
    let handler = Handler::start(&setting.path(""), &settings).await;
    wire::queue(&setting.broker, 0).await;
    office::book_clients(handler.port).await;
    let bookings = Bookings::default();
    // Connects, and warms up.
    book(handler.port, &bookings, WARM_UP).await;
    let count = setting.rows(20 * PER_SECOND);
    let booked = book(handler.port, &bookings, count).await;
    show(setting, "nudge.p", &booked, WARM_UP + count).await;

    // Rows of another program wait for the timer.
    wire::queue(&setting.broker, 0).await;
    let port = handler.port;
    let timer = tokio::spawn(async move {
        loop {
            tokio::time::sleep(TIMER).await;
            process::invoke(port, "DispatchOutbox").await;
        }
    });
    let others = backlog::another_program(&store);
    // The last rows wait for the second tick.
    let count = PER_SECOND * 18;
    let mut committed = BTreeMap::new();
    let began = Instant::now();
    for from in (0..count).step_by(TOGETHER as usize) {
        tokio::time::sleep_until((began + due(from)).into()).await;
        for id in backlog::insert(&others, from, TOGETHER) {
            committed.insert(id, now_ms());
        }
    }
    show(setting, "nudge.timer_p", &committed, count).await;
    timer.abort();
}

fn due(n: u32) -> Duration {
    Duration::from_secs(1) * n / PER_SECOND
}

/// Books at that rate, late ones at once; returns when each request began, by its message. So the booking itself counts.
async fn book(port: u16, bookings: &Bookings, count: u32) -> BTreeMap<String, f64> {
    let (began, mut running) = (Instant::now(), JoinSet::new());
    for caller in 0..CALLERS {
        let bookings = bookings.clone();
        running.spawn(async move {
            let mut connection = connect(port).await;
            let mut booked = Vec::new();
            for n in (caller..count).step_by(CALLERS as usize) {
                tokio::time::sleep_until((began + due(n)).into()).await;
                let at = now_ms();
                let answer = send(&mut connection, port, bookings.next()).await;
                booked.push((answer.headers()["outbox-message-id"].to_str().unwrap().to_owned(), at));
                answer.into_body().collect().await.unwrap();
            }
            booked
        });
    }
    running.join_all().await.into_iter().flatten().collect()
}

async fn show(setting: &mut Setting, name: &str, from: &BTreeMap<String, f64>, arrivals: u32) {
    let until = json!({"name": ENTITY, "distinct": arrivals, "ms": 30_000});
    assert_eq!(setting.broker.command("until", until).await["distinct"], arrivals, "{name}");
    let arrived = setting.broker.command("times", json!({"name": ENTITY})).await;
    let mut took: Vec<f64> = from.iter().map(|(id, at)| arrived[id].as_f64().unwrap() - at).collect();
    took.sort_by(f64::total_cmp);
    for percent in [50.0, 99.0] {
        setting.report.set(&format!("{name}{percent}_ms"), percentile(&took, percent));
    }
}

/// As the broker counts.
fn now_ms() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64() * 1e3
}
