//! What is fuzzed: each target reads bytes as a part of the program would, and panics where a rule is broken.
//!
//! `tests/it/corpora.rs` runs the committed inputs as ordinary tests; `tests/run fuzz` finds new ones.

mod bus_connection;
mod envelope;
mod http;
mod manifest;
mod queue_body;
mod routes;
mod row;
mod schedule;
mod smtp;
mod sql_connection;

use std::{cell::RefCell, thread::LocalKey};
use tokio::runtime::Runtime;

/// Runs one input.
pub type Target = fn(&[u8]);

/// Each target by its name, which its folder in `corpus` has too.
pub const ALL: [(&str, Target); 10] = [
    ("bus-connection", bus_connection::run),
    ("envelope", envelope::run),
    ("http", http::run),
    ("manifest", manifest::run),
    ("queue-body", queue_body::run),
    ("routes", routes::run),
    ("row", row::run),
    ("schedule", schedule::run),
    ("smtp", smtp::run),
    ("sql-connection", sql_connection::run),
];

/// What a target that runs the program's parts keeps from one input to the next.
struct Kept<S> {
    state: S,
    inputs: u32,
    runtime: Runtime,
}

/// Enough inputs for one store: it grows with each.
const INPUTS_MAX: u32 = 300;

/// Runs one input on the kept state, or on a fresh one.
fn on<S>(
    kept: &'static LocalKey<RefCell<Option<Kept<S>>>>,
    fresh: impl AsyncFnOnce() -> S,
    input: impl AsyncFnOnce(&mut S),
) {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut now = kept.take().filter(|kept| kept.inputs < INPUTS_MAX).unwrap_or_else(|| {
        let runtime = runtime();
        let state = runtime.block_on(fresh());
        Kept { state, inputs: 0, runtime }
    });
    now.inputs += 1;
    now.runtime.block_on(input(&mut now.state));
    kept.set(Some(now));
}

/// The first `parts` texts between NUL bytes, the last with all that remains; missing ones are empty.
fn parts<const N: usize>(input: &[u8]) -> [&[u8]; N] {
    let mut found = input.splitn(N, |byte| *byte == 0);
    std::array::from_fn(|_| found.next().unwrap_or_default())
}
