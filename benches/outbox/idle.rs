//! What the program costs while nothing happens, and how fast it starts.

use crate::{
    backlog::ENTITY,
    load::{connect, send},
    office::{self, Bookings},
    process::{self, Handler, Process, add_cpu_by_thread, memory_mb},
    rounds::Rounds,
    setting::Setting,
    support::{edge::Edge, world::World},
    wire,
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Of the default OutboxSchedule and RetryEmailSchedule.
const OUTBOX: u32 = 10;
const RETRY_EMAIL: u32 = 60;
const STARTS: usize = 10;

pub async fn measure(setting: &mut Setting) {
    starts(setting).await;
    // It moves the time of its runtime, so it has one of its own.
    let statements = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { Edge::over(World::noting()).await.idle_minute().await.len() })
    });
    setting.report.set("idle.statements_per_min", statements.join().unwrap() as f64);
    let store = setting.path("idle.db");
    let settings = process::settings(&store, &setting.broker.connection("amqp"));
    process::run(&["migrate"], &settings);
    wire::queue(&setting.broker, 0).await;
    let handler = Handler::start(&setting.path(""), &settings).await;
    let dispatcher = Process::start(&["dispatch"], &settings);
    tick(&handler, 0).await;
    setting.report.set("memory.rest_mb", memory_mb(handler.process.pid(), "VmRSS"));

    let seconds = setting.rows(60);
    let (mut of_handler, mut of_dispatcher) = (BTreeMap::new(), BTreeMap::new());
    let mut look = || {
        add_cpu_by_thread(handler.process.pid(), &mut of_handler);
        add_cpu_by_thread(dispatcher.pid(), &mut of_dispatcher);
        (of_handler.values().sum::<f64>(), of_dispatcher.values().sum::<f64>())
    };
    let (before, began) = (look(), Instant::now());
    let mut after = before;
    for second in 1..=seconds {
        tokio::time::sleep_until((began + Duration::from_secs(u64::from(second))).into()).await;
        tick(&handler, second).await;
        after = look();
    }
    let an_hour = 3_600.0 / f64::from(seconds);
    setting.report.set("idle.cpu_s_per_h", (after.0 - before.0) * an_hour);
    setting.report.set("idle.dispatch_cpu_s_per_h", (after.1 - before.1) * an_hour);
}

/// What the host invokes in that second.
async fn tick(handler: &Handler, second: u32) {
    if second.is_multiple_of(OUTBOX) {
        handler.invoke("DispatchOutbox").await;
    }
    if second.is_multiple_of(RETRY_EMAIL) {
        handler.invoke("RetryEmail").await;
    }
}

/// From the start of the process to its first answer, and until the message of a booking made then is at the broker.
async fn starts(setting: &mut Setting) {
    let store = setting.path("start.db");
    let settings = process::settings(&store, &setting.broker.connection("amqp"));
    process::run(&["migrate"], &settings);
    let handler = Handler::start(&setting.path(""), &settings).await;
    office::book_clients(handler.port).await;
    drop(handler);
    let bookings = Bookings::default();
    let (mut ready, mut sent) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        wire::queue(&setting.broker, 0).await;
        let began = Instant::now();
        let handler = Handler::start(&setting.path(""), &settings).await;
        ready.push(handler.ready.as_secs_f64() * 1e3);
        send(&mut connect(handler.port).await, handler.port, bookings.next()).await;
        let first = json!({"name": ENTITY, "distinct": 1, "ms": 30_000});
        assert_eq!(setting.broker.command("until", first).await["distinct"], 1);
        sent.push(began.elapsed().as_secs_f64() * 1e3);
        // Settled, so that the next start does not wait for the lease.
        handler.stop().await;
    }
    setting.report.median("start.ready_ms", &Rounds::from(ready));
    setting.report.median("start.first_dispatch_ms", &Rounds::from(sent));
}
