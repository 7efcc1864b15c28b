//! Bookings over HTTP through the handler alone, beside a bare transaction and a bare server, each by 1 and by 16 callers.

use crate::{
    ceilings::{bare_store, bare_transaction},
    echo::Echo,
    load::{self, Load, Post, connect, send},
    office::{self, Bookings},
    process::{self, Handler, memory_mb, used},
    rounds::Rounds,
    setting::Setting,
};
use http_body_util::BodyExt;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};
use tokio::sync::Mutex;

const MANY: u32 = 16;

/// What is compared, and how many requests a round of it has with one caller and with many.
const COMPARED: [(&str, u32, u32); 3] = [("http", 800, 5_000), ("bare", 1_500, 5_000), ("echo", 4_000, 16_000)];

pub async fn measure(setting: &mut Setting) {
    let folder = setting.path("");
    let settings = process::settings(&setting.path("http.db"), process::NOBODY);
    process::run(&["migrate"], &settings);
    let handler = Handler::start(&folder, &settings).await;
    office::pause(&settings);
    office::book_clients(handler.port).await;
    let bookings = Bookings::default();
    let echo = Echo::start(answer_bytes(handler.port, &bookings).await);
    let bare = Bare::open(&folder.join("bare-http.db"));

    // In turn, so that what else happens on the machine meets all of them.
    let mut loads: Vec<Vec<Load>> = Vec::new();
    let mut spent = Vec::new();
    for round in 0..=setting.rounds() {
        let mut these = Vec::new();
        for (name, one, many) in COMPARED {
            for (callers, count) in [(1, setting.rows(one)), (MANY, setting.rows(many))] {
                let before = used(handler.process.pid());
                let load = match name {
                    "http" => {
                        let bookings = bookings.clone();
                        load::closed(handler.port, callers, count, move |_| bookings.next()).await
                    }
                    "bare" => bare.load(callers, count).await,
                    _ => {
                        let alike = bookings.next();
                        let make = move |_| Post { path: alike.path.clone(), body: alike.body.clone() };
                        load::closed(echo.port, callers, count, make).await
                    }
                };
                if name == "http" && callers == MANY && round > 0 {
                    spent.push(used(handler.process.pid()).since(before, f64::from(count)));
                }
                these.push(load);
            }
        }
        if round > 0 {
            loads.push(these);
        }
    }
    show(setting, &loads);
    for (name, of) in [
        ("cpu_ms", (|used| used.cpu_s * 1e3) as fn(&process::Used) -> f64),
        ("write_calls", |used| used.writes),
        ("read_calls", |used| used.reads),
        ("written_kb", |used| used.written_kb),
        ("switches", |used| used.switches),
    ] {
        setting.report.median(&format!("http.booking_{name}"), &Rounds::from(spent.iter().map(of).collect::<Vec<_>>()));
    }
    setting.report.set("memory.load_mb", memory_mb(handler.process.pid(), "VmHWM"));
}

fn show(setting: &mut Setting, loads: &[Vec<Load>]) {
    let rounds =
        |n: usize, of: fn(&Load) -> f64| Rounds::from(loads.iter().map(|these| of(&these[n])).collect::<Vec<_>>());
    let report = &mut setting.report;
    for (n, callers) in [(0, "_1_caller"), (1, "")] {
        report.median(&format!("http.bookings_per_s{callers}"), &rounds(n, |load| load.per_second));
        report.median(&format!("http.bare_per_s{callers}"), &rounds(n + 2, |load| load.per_second));
        report.median(&format!("ceilings.echo_per_s{callers}"), &rounds(n + 4, |load| load.per_second));
        for (name, n) in [("", n), ("bare_", n + 2), ("echo_", n + 4)] {
            report.median(&format!("http.{name}p50_ms{callers}"), &rounds(n, |load| load.p50_ms));
            report.median(&format!("http.{name}p99_ms{callers}"), &rounds(n, |load| load.p99_ms));
        }
    }
    let of = |name: &str| report.get(name).unwrap();
    let lower = of("http.bare_per_s").min(of("ceilings.echo_per_s"));
    let (efficiency, late) = (of("http.bookings_per_s") / lower, of("http.p99_ms") - of("http.bare_p99_ms"));
    let late_alone = of("http.p99_ms_1_caller") - of("http.bare_p99_ms_1_caller");
    report.set("http.efficiency", efficiency);
    report.set("http.p99_over_bare_ms", late);
    report.set("http.p99_over_bare_ms_1_caller", late_alone);
}

async fn answer_bytes(port: u16, bookings: &Bookings) -> usize {
    let answer = send(&mut connect(port).await, port, bookings.next()).await;
    answer.into_body().collect().await.unwrap().to_bytes().len()
}

/// Transactions of two INSERTs on one connection, by callers that wait for their turn.
struct Bare {
    connection: Arc<Mutex<rusqlite::Connection>>,
    next: Arc<AtomicU32>,
}

impl Bare {
    fn open(path: &Path) -> Self {
        Self { connection: Arc::new(Mutex::new(bare_store(path))), next: Arc::default() }
    }

    async fn load(&self, callers: u32, count: u32) -> Load {
        let began = Instant::now();
        let end = self.next.load(Ordering::Relaxed) + count;
        let one = |_| {
            let (connection, next) = (self.connection.clone(), self.next.clone());
            tokio::task::spawn_blocking(move || {
                let mut times = Vec::new();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= end {
                        return times;
                    }
                    let asked = Instant::now();
                    // In the order of asking, as the program's own writes.
                    bare_transaction(&connection.blocking_lock(), n);
                    times.push(asked.elapsed().as_secs_f64() * 1e3);
                }
            })
        };
        let times = futures::future::try_join_all((0..callers).map(one)).await.unwrap().concat();
        Load::of(began.elapsed(), times)
    }
}
