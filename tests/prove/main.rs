//! Long proofs, each with a size to choose: `cargo test --features failpoints --test prove -- dispatchers --rows 100000`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a proof that cannot go on should say where")]

mod bus;
mod dispatchers;
mod handler;
mod mail_crashes;
mod mail_rate_limit;
mod mail_server;
mod plans;
mod soak;
mod stores;

use clap::{Parser, Subcommand};

#[path = "../it/support/mod.rs"]
#[allow(dead_code, reason = "the tests use the rest of it")]
mod support;

#[derive(Parser)]
#[command(name = "prove")]
struct Arguments {
    #[command(subcommand)]
    proof: Proof,
}

/// One file per proof; a proof prints what it counted, and panics where a promise was broken.
#[derive(Subcommand)]
enum Proof {
    /// Several dispatchers, each a process, empty one outbox: every row published, in order, none twice for nothing
    Dispatchers(dispatchers::Arguments),
    /// Rows to a broker of AMQP that fails in every way it knows: all arrive, none is lost, nothing hangs
    Soak(soak::Arguments),
    /// The handler is killed around the moment when a mail provider takes a mail, and nothing is lost or untold
    MailCrashes(mail_crashes::Arguments),
    /// A month's mails drain at the provider's own pace, over simulated days, each once
    MailPace(mail_rate_limit::Arguments),
    /// Plans made on empty tables read none of them from end to end when they are full, by a real SQL Server
    Plans(plans::Arguments),
}

#[tokio::main]
async fn main() {
    match Arguments::parse().proof {
        Proof::Dispatchers(arguments) => dispatchers::prove(arguments).await,
        Proof::Soak(arguments) => soak::prove(arguments).await,
        Proof::MailCrashes(arguments) => mail_crashes::prove(arguments).await,
        Proof::MailPace(arguments) => mail_rate_limit::prove(arguments).await,
        Proof::Plans(arguments) => plans::prove(arguments).await,
    }
}
