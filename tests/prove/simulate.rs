//! Seeded simulations of the whole river: no promise is broken, whatever fails; a failing seed shrinks to a test.

use crate::river::{self, Setup, op, shrink};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

#[derive(clap::Args)]
pub struct Arguments {
    /// Seeds, from --seed on
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Ops of each
    #[arg(long, default_value_t = 300)]
    ops: usize,
    /// Prints all that happens in the first seed
    #[arg(long)]
    log: bool,
}

/// Simulations that shrinking may take.
const SHRINK_TRIES: usize = 1_500;
const SHRINK_TIME: Duration = Duration::from_mins(4);

/// What simulations are for. Where so many ops never met one of these, they show less than they should.
const MET_IN: u64 = 15_000;
const MET: [&str; 31] = [
    "RequestLost",
    "AnswerLost",
    "Slow",
    "Locked",
    "LeaseLost",
    "crashed",
    "killed by",
    "committed late",
    "lock lost",
    "Suspect",
    "Probe",
    "TimedOut",
    "Cut",
    "Blocked",
    "Permanent",
    "NotTried",
    "Retry {",
    "RecipientPermanent",
    "RecipientTransient",
    "Provider {",
    "Unknown {",
    "InDoubt",
    "status Taken",
    "status NotFound",
    "pruned FinishedRows",
    " remedied 1 Requeue",
    "Replay { out_of_order: false, force: false",
    " remedied 1 Route",
    " remedied 1 Discard",
    " remedied 1 ResendMail",
    "take in Well",
];

pub fn prove(arguments: &Arguments) {
    let Arguments { seeds, seed, ops, log } = *arguments;
    let began = Instant::now();
    let next = AtomicU64::new(seed);
    let one_thread = || {
        let (mut counts, mut broken) = (BTreeMap::<String, u64>::new(), Vec::new());
        let mut missed: BTreeSet<&str> = MET.into();
        loop {
            let this = next.fetch_add(1, Ordering::Relaxed);
            if this >= seed + seeds {
                return (counts, broken, missed);
            }
            let ended = river::simulate(Setup::of_seed(this), &op::of_seed(this, ops));
            if log && this == seed {
                println!("{}", ended.log);
            }
            for (what, count) in river::counts(&ended.log) {
                *counts.entry(what).or_default() += count;
            }
            missed.retain(|what| !ended.log.contains(what));
            broken.extend(ended.broken.map(|broken| (this, broken)));
        }
    };
    // What is broken is printed shrunk, and not with every try.
    std::panic::set_hook(Box::new(|_| {}));
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(one_thread)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let _ = std::panic::take_hook();
    let mut counts = BTreeMap::<String, u64>::new();
    for (what, count) in results.iter().flat_map(|(counts, ..)| counts) {
        *counts.entry(what.clone()).or_default() += count;
    }
    let total = seeds * u64::try_from(ops).unwrap();
    println!("{seeds} simulations, {total} ops, {:.0} s", began.elapsed().as_secs_f64());
    for (what, count) in counts {
        println!("{count:>9} {what}");
    }
    let everywhere = |what: &&&str| results.iter().all(|(.., missed)| missed.contains(**what));
    let missed: Vec<_> = MET.iter().filter(everywhere).collect();
    let mut broken: Vec<_> = results.into_iter().flat_map(|(_, broken, _)| broken).collect();
    broken.sort();
    for (seed, what) in &broken {
        println!("seed {seed}: {}", what.chars().take(300).collect::<String>());
    }
    let Some((seed, what)) = broken.first() else {
        assert!(total < MET_IN || missed.is_empty(), "never happened in {total} ops: {missed:?}");
        return;
    };
    let setup = Setup::of_seed(*seed);
    let shrunk = shrink::shrink(setup, &op::of_seed(*seed, ops), SHRINK_TRIES, Instant::now() + SHRINK_TIME);
    println!("{}", shrink::as_code(setup, &shrunk, what));
    println!("{}", river::simulate(setup, &shrunk).log);
    println!("{} of {seeds} seeds break a promise; this is seed {seed}: {what}", broken.len());
    std::process::exit(1);
}
