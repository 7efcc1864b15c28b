//! Where settings come in: the process's environment, once.

use std::collections::BTreeMap;

/// Variables whose name or value is not Unicode are none of ours.
#[expect(clippy::disallowed_methods, reason = "this is the room where settings come in")]
#[must_use]
pub fn current() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
