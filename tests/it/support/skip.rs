//! A test whose peer is missing: it ends there, and `tests/run` counts it as skipped, by name and reason.

use client_organizer::config;
use std::{fs::OpenOptions, io::Write};

/// For what `tests/run` installs: CI has it, or the test fails.
pub fn missing(what: &str) {
    let in_ci = config::env::current().contains_key("CI");
    assert!(!in_ci, "there is no {what}; tests/run installs it");
    skip(&format!("there is no {what}; tests/run installs it"));
}

/// What `tests/closing` reads.
pub fn skip(reason: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/target/skipped");
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(line(reason).as_bytes()).unwrap();
}

/// The test is the one whose thread this is; with one test thread, libtest runs them all on `main`.
pub fn line(reason: &str) -> String {
    format!("{}\t{reason}\n", std::thread::current().name().unwrap_or("a test"))
}
