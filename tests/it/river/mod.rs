//! A deterministic simulation of the whole river: the real flows of several processes over the real SQLite store, with
//! a bus, a queue and a mail provider that fail as a list of ops says.
//!
//! Each call of a flow to the store, the bus or the provider waits at a gate. An op lets one of them go, loses its
//! request or its answer, kills a process with everything that waits, moves time, or starts something new. One clock
//! moves only by ops, and nothing else decides: a list of ops always has the same log. When the ops are done, the storm
//! is over: everything works and goes on to its end, and then the promises are checked.

mod actors;
mod calm;
mod database;
mod invariants;
mod ledger;
mod operators;
mod outside;
mod people;
mod process;
mod run;
mod stage;
mod store;
pub mod op;
pub mod shrink;

pub use process::Setup;

use op::Op;
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// How a simulation ended.
pub struct Ended {
    /// The rule that was broken, and by what.
    pub broken: Option<String>,
    /// All that happened, a line each.
    pub log: String,
}

/// Runs the ops, then lets everything come to its end, and checks what was promised.
pub fn simulate(setup: Setup, ops: &[Op]) -> Ended {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let mut log = String::new();
    let ended = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(tokio::task::unconstrained(async {
            let mut run = run::Run::new(setup);
            let ended = storm_and_calm(&mut run, ops).await;
            log = run.shared.stage.logged();
            ended
        }))
    }));
    let broken = match ended {
        Ok(ended) => ended.err(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            Some(format!("panicked: {}", text.unwrap_or("?")))
        }
    };
    Ended { broken, log }
}

async fn storm_and_calm(run: &mut run::Run, ops: &[Op]) -> Result<(), String> {
    for (number, op) in ops.iter().enumerate() {
        run.apply(number, *op).await?;
    }
    run.calm().await?;
    run.check()?;
    run.forget().await?;
    run.check_erased()
}

/// How often each thing happened: the words of each line of the log after its numbers.
pub fn counts(log: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for line in log.lines() {
        let mut words = line.splitn(4, ' ').skip(2);
        let (first, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        // A gate's line begins with the number of its process.
        let what = if first.parse::<usize>().is_ok() { rest } else { first };
        let what = what.split(['(', '[', '{']).next().unwrap_or_default().trim();
        *counts.entry(what.to_owned()).or_default() += 1;
    }
    counts
}

/// # Panics
/// A promise is broken.
#[track_caller]
pub fn holds(setup: Setup, ops: &[Op]) {
    let ended = simulate(setup, ops);
    if let Some(broken) = ended.broken {
        panic!("{broken}\n{}", ended.log);
    }
}
