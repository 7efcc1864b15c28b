//! Several dispatcher processes on one outbox: every row is published, in its key's order, and every repeat has a cause.

use crate::{
    bus::Bus,
    stores::Store,
    support::workers::{Totals, Worker},
};
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub struct Arguments {
    #[arg(long, default_value_t = 2_000)]
    rows: u32,
    /// Ordering keys that the rows share; the rows of one key are published one after the other
    #[arg(long, default_value_t = 500)]
    keys: u32,
    #[arg(long, default_value_t = 8)]
    processes: usize,
    /// Dispatchers to kill and replace during the run
    #[arg(long, default_value_t = 0)]
    kills: usize,
    /// A SQL Server, on which a database is created; a SQLite file by default
    #[arg(long, value_name = "CONNECTION STRING")]
    sql: Option<String>,
}

/// If nothing arrives for this long, something hangs.
const STALLED: Duration = Duration::from_mins(2);
/// After this the rows of a killed dispatcher are claimed again; a living one never needs as long.
const LEASE_MS: &str = "15000";
const BATCH_MAX: u64 = 500;

pub async fn prove(arguments: Arguments) {
    let Arguments { rows, keys, processes, kills, sql } = arguments;
    let store = Store::start(sql.as_deref()).await;
    store.insert(rows, keys);
    let bus = Bus::default();
    let mut settings = store.settings();
    settings.push(("ServiceBusConnection", bus.start().await));
    settings.push(("ServiceBus__Transport", "rest".to_owned()));
    settings.push(("Outbox__LeaseMs", LEASE_MS.to_owned()));
    settings.push(("Outbox__BatchMax", BATCH_MAX.to_string()));
    settings.push(("Outbox__HeadroomMs", "5000".to_owned()));
    settings.push(("Bus__TimeoutMs", "5000".to_owned()));

    let began = Instant::now();
    let mut workers: Vec<Worker> = (0..processes).map(|_| Worker::start(&settings)).collect();
    let (mut totals, mut killed) = (Totals::default(), Totals::default());
    for n in 1..=kills {
        arrived(&bus, rows as usize * n / (kills + 1)).await;
        let victim = workers.remove(fastrand::usize(..workers.len()));
        killed.add(victim.kill());
        workers.push(Worker::start(&settings));
    }
    arrived(&bus, rows as usize).await;
    let took = began.elapsed();
    // Each worker settles the rows that it published before it ends.
    for worker in workers {
        totals.add(worker.stop());
    }
    if kills > 0 {
        settle_rows_of_killed(&store, &bus, &settings, &mut totals).await;
    }
    let repeats = bus.arrivals() - u64::from(rows);
    println!(
        "{rows} rows of {keys} keys by {processes} processes in {:.1} s: {} published, {repeats} repeats, {} leases lost, {} put back, {kills} killed",
        took.as_secs_f64(),
        bus.distinct(),
        totals.lost_leases,
        totals.put_back,
    );
    assert_eq!(store.count("State = 2"), u64::from(rows), "every row is sent");
    assert_eq!(store.count("State <> 2"), 0, "no other row is left");
    in_order(&bus, rows, keys);
    let troubles: Vec<_> = totals.troubles.iter().chain(&killed.troubles).collect();
    assert!(troubles.is_empty(), "unexpected warnings or errors: {troubles:#?}");
    // A row may be published twice after a lost lease, a late answer of the bus, or a kill (at most a batch each).
    let again = totals.lost_leases + totals.put_back + killed.lost_leases + killed.put_back;
    let excused = again + kills as u64 * BATCH_MAX;
    assert!(repeats <= excused, "{repeats} repeats, but only {excused} have a cause");
    if kills == 0 {
        assert_eq!(totals.claimed, u64::from(rows) + again, "each row is claimed once, or again with a cause");
    }
}

async fn arrived(bus: &Bus, distinct: usize) {
    while bus.distinct() < distinct {
        let more = tokio::time::timeout(STALLED, bus.more()).await;
        assert!(more.is_ok(), "nothing arrived for {STALLED:?}: {} of {distinct} ids", bus.distinct());
    }
}

/// Rows that a killed dispatcher published but did not settle become due when its lease ends; one dispatcher settles them.
async fn settle_rows_of_killed(store: &Store, bus: &Bus, settings: &[(&'static str, String)], totals: &mut Totals) {
    let left = store.count("State < 2");
    if left == 0 {
        return;
    }
    println!("{left} rows are still leased by killed dispatchers");
    let arrivals = bus.arrivals() + left;
    let worker = Worker::start(settings);
    while bus.arrivals() < arrivals {
        let more = tokio::time::timeout(STALLED, bus.more()).await;
        assert!(more.is_ok(), "the rows of killed dispatchers never arrived");
    }
    totals.add(worker.stop());
}

/// The rows of a key are `n`, `n + keys`, `n + 2 keys`, …
fn in_order(bus: &Bus, rows: u32, keys: u32) {
    for n in keys..rows {
        let (earlier, later) = (bus.first(&format!("n{}", n - keys)), bus.first(&format!("n{n}")));
        assert!(earlier < later, "n{n} was published before n{}", n - keys);
    }
}
