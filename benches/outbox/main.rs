//! Measures the outbox on this machine, beside its own ceilings: `cargo bench --bench outbox`.
//!
//! Writes `target/bench/outbox.json`, and plots beside it. Each part takes place in a folder on the disk, with the program as
//! a process where a user has one, against the tests' broker (`tests/broker/prepare`), with rows as users have them.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on should say where")]
#![allow(clippy::cast_precision_loss, reason = "counts of a bench are far below 2^52")]
#![allow(clippy::disallowed_methods, reason = "a bench measures the real time")]

#[path = "../../tests/it/support/mod.rs"]
#[allow(dead_code, clippy::expect_used, clippy::zombie_processes, reason = "the tests use the rest of it")]
mod support;

#[path = "../../tests/prove/stores.rs"]
#[allow(dead_code, reason = "the proofs use the rest of it")]
mod stores;

mod backlog;
mod ceilings;
mod dispatch;
mod echo;
mod flat;
mod http;
mod idle;
mod load;
mod naive;
mod nudge;
mod office;
mod plots;
mod process;
mod report;
mod rounds;
mod setting;
mod sql_server;
mod tables;
mod wire;

use clap::Parser;
use setting::Setting;

#[derive(Parser)]
pub struct Arguments {
    /// Only these parts, by commas
    #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(PARTS))]
    only: Vec<String>,
    /// Few rounds of small sizes, while working on something: not for figures
    #[arg(long)]
    quick: bool,
    /// Measures the parts of the store alone also on this SQL Server, on which databases are created
    #[arg(long, value_name = "CONNECTION STRING")]
    sql: Option<String>,
    /// Serves answers of so many bytes, for another process of the bench
    #[arg(long, hide = true)]
    echo: Option<usize>,
    /// cargo bench adds it
    #[arg(long, hide = true)]
    bench: bool,
}

/// In the order in which they run: later ones are compared with earlier ones.
const PARTS: [&str; 9] =
    ["ceilings", "dispatch", "dispatchers", "naive", "http", "nudge", "flat", "idle", "sql-server"];

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    if let Some(bytes) = arguments.echo {
        return echo::serve(bytes).await;
    }
    let Some(mut setting) = Setting::prepare(&arguments) else { return };
    for part in PARTS {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|only| only == part) {
            continue;
        }
        println!("{part}:");
        match part {
            "ceilings" => ceilings::measure(&mut setting).await,
            "dispatch" => dispatch::measure(&mut setting).await,
            "dispatchers" => dispatch::several(&mut setting).await,
            "naive" => naive::measure(&mut setting).await,
            "http" => http::measure(&mut setting).await,
            "nudge" => nudge::measure(&mut setting).await,
            "flat" => flat::measure(&mut setting).await,
            "idle" => idle::measure(&mut setting).await,
            _ => sql_server::measure(&mut setting).await,
        }
    }
    tables::print(&setting.report);
    plots::draw(&setting.report);
    setting.report.store();
}
