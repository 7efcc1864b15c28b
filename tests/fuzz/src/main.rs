//! libFuzzer's program: `FUZZ_TARGET` names the target.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

#[path = "../targets/mod.rs"]
mod targets;

#[allow(dead_code, reason = "the tests use the rest of it")]
mod support;

static TARGET: LazyLock<targets::Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let known = targets::ALL.iter().find(|(known, _)| *known == name);
    known.unwrap_or_else(|| panic!("FUZZ_TARGET is invalid: expected one of {:?}", targets::ALL.map(|(name, _)| name))).1
});

fuzz_target!(|input: &[u8]| TARGET(input));
