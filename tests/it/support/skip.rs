//! Skips a test whose peer is missing: `tests/run` counts it as skipped, with name and reason.

use client_organizer::config;
use std::{fs::OpenOptions, io::Write};

/// For a peer that `tests/run` installs: CI must have it, or the test fails.
pub fn missing(what: &str) {
    let in_ci = config::env::current().contains_key("CI");
    assert!(!in_ci, "there is no {what}; tests/run installs it");
    skip(&format!("there is no {what}; tests/run installs it"));
}

/// The line that `tests/closing` reads.
pub fn skip(reason: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/target/skipped");
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(line(reason).as_bytes()).unwrap();
}

/// The test is named by its thread; with one test thread, libtest runs all of them on `main`.
pub fn line(reason: &str) -> String {
    format!("{}\t{reason}\n", std::thread::current().name().unwrap_or("a test"))
}
