//! Long proofs, each with a size to choose: `cargo test --features failpoints --test prove -- dispatchers --rows 100000`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a proof that cannot go on should say where")]

mod breakages;
mod bus;
mod clients;
mod dispatchers;
mod handler;
mod kills;
mod load;
mod mail_crashes;
mod mail_rate_limit;
mod mail_server;
mod plans;
mod simulate;
mod soak;
mod stores;
mod upgrade;

use clap::{Parser, Subcommand};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

#[path = "../it/support/mod.rs"]
#[allow(dead_code, reason = "the tests use the rest of it")]
mod support;

#[path = "../it/river/mod.rs"]
#[allow(dead_code, reason = "the tests use the rest of it")]
mod river;

#[derive(Parser)]
#[command(name = "prove")]
struct Arguments {
    #[command(subcommand)]
    proof: Proof,
}

/// One file per proof. A proof prints its counts, and panics where a promise is broken.
#[derive(Subcommand)]
enum Proof {
    /// Several dispatcher processes empty one outbox: every row is published, in order, and repeats have a cause
    Dispatchers(dispatchers::Arguments),
    /// Rows go to an AMQP broker with every kind of fault: all arrive, none is lost, nothing hangs
    Soak(soak::Arguments),
    /// The handler is killed around the moment when a mail provider accepts a mail; nothing is lost or unreported
    MailCrashes(mail_crashes::Arguments),
    /// A month's mails go out within the provider's rate limits, over simulated days, each once
    MailRateLimit(mail_rate_limit::Arguments),
    /// Handler and local host are killed, and what they need fails, while clients write: nothing acknowledged is lost
    Kills(kills::Arguments),
    /// The local host near its capacity: memory, descriptors and backlog stay flat, nothing fails, a burst is recovered from
    Load(load::Arguments),
    /// Thousands of slow clients hold connections: others are answered, memory is bounded, and all recovers
    Clients(clients::Arguments),
    /// Rules are taken away one at a time, in a copy of the sources: for each, the test that names it fails
    Breakages(breakages::Arguments),
    /// Two versions on one database while a release is rolled out and taken back, and clients write
    Upgrade(upgrade::Arguments),
    /// On a real SQL Server, plans compiled for empty tables do not scan the tables once they are full
    Plans(plans::Arguments),
    /// The whole river runs in seeded simulations in which everything fails: no promise is broken
    Simulate(simulate::Arguments),
}

#[tokio::main]
async fn main() {
    // A proof that is asked to stop is dropped, and its processes and folders with it.
    tokio::select! {
        biased;
        () = prove(Arguments::parse().proof) => {}
        () = asked_to_stop() => {
            tokio::time::sleep(STOPPED_WITHIN).await;
            std::process::exit(130);
        }
    }
}

/// How long tasks that were dropped may take to end their processes.
const STOPPED_WITHIN: Duration = Duration::from_secs(1);

/// Ctrl-C, or the SIGTERM of `timeout`.
async fn asked_to_stop() {
    let mut term = signal(SignalKind::terminate()).unwrap();
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

async fn prove(proof: Proof) {
    match proof {
        Proof::Dispatchers(arguments) => dispatchers::prove(arguments).await,
        Proof::Soak(arguments) => soak::prove(arguments).await,
        Proof::MailCrashes(arguments) => mail_crashes::prove(arguments).await,
        Proof::MailRateLimit(arguments) => mail_rate_limit::prove(arguments).await,
        Proof::Kills(arguments) => kills::prove(arguments).await,
        Proof::Load(arguments) => load::prove(arguments).await,
        Proof::Clients(arguments) => clients::prove(arguments).await,
        Proof::Breakages(arguments) => breakages::prove(&arguments),
        Proof::Upgrade(arguments) => upgrade::prove(arguments).await,
        Proof::Plans(arguments) => plans::prove(arguments).await,
        // Each simulation has a runtime of its own, whose clock stands still.
        Proof::Simulate(arguments) => tokio::task::spawn_blocking(move || simulate::prove(&arguments)).await.unwrap(),
    }
}
