//! How long each destination drops a repeated id: as the bus reports, otherwise by the setting.

use std::collections::BTreeMap;

/// The duplicate detection window of every destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateWindows {
    setting_ms: i64,
    reported: BTreeMap<String, i64>,
}

/// The duplicate detection window of one destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DuplicateWindow {
    /// Its length; 0: the destination drops nothing.
    pub ms: i64,
    /// The bus reported it, so it does not come from the setting.
    pub reported: bool,
}

impl DuplicateWindow {
    /// A destination that drops nothing.
    pub const NONE: Self = Self { ms: 0, reported: false };
}

impl DuplicateWindows {
    /// All destinations by `Bus__DuplicateWindowMs`.
    #[must_use]
    pub const fn by_setting(ms: i64) -> Self {
        Self { setting_ms: ms, reported: BTreeMap::new() }
    }

    /// Records what the bus reports of a destination; it overrides the setting.
    pub fn report(&mut self, destination: &str, ms: i64) {
        self.reported.insert(destination.to_owned(), ms);
    }

    /// The window of one destination, named `queue:…` or `topic:…`.
    #[must_use]
    pub fn of(&self, destination: &str) -> DuplicateWindow {
        match self.reported.get(destination) {
            Some(ms) => DuplicateWindow { ms: *ms, reported: true },
            None => DuplicateWindow { ms: self.setting_ms, reported: false },
        }
    }
}
