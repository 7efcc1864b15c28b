//! Rules that hold for every input, tried with random ones; a failing one is shrunk and printed. `PROPTEST_CASES=100000` tries more.

mod failures;
mod idempotency;
mod inbox_states;
mod money;
mod outbox_states;

mod rate_limits;
mod verdicts;

use proptest::test_runner::Config;
use std::future::Future;

/// Of the default 256 cases, or those that `PROPTEST_CASES` states, one in `share`. Nothing is stored: a case that failed
/// becomes a test of its own.
fn one_in(share: u32) -> Config {
    let given = Config::default();
    Config { cases: (given.cases / share).max(1), failure_persistence: None, ..given }
}

/// Runs one case that needs a store.
fn now<T>(case: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(case)
}
