//! For how long each destination drops an id it has seen: as the bus itself says, else by the setting.

use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateWindows {
    setting_ms: i64,
    reported: BTreeMap<String, i64>,
}

/// Of one destination; 0: it drops nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DuplicateWindow {
    pub ms: i64,
    /// By the bus itself.
    pub reported: bool,
}

impl DuplicateWindow {
    pub const NONE: Self = Self { ms: 0, reported: false };
}

impl DuplicateWindows {
    #[must_use]
    pub const fn by_setting(ms: i64) -> Self {
        Self { setting_ms: ms, reported: BTreeMap::new() }
    }

    /// What the bus says of a destination counts, whatever the setting says.
    pub fn report(&mut self, destination: &str, ms: i64) {
        self.reported.insert(destination.to_owned(), ms);
    }

    #[must_use]
    pub fn of(&self, destination: &str) -> DuplicateWindow {
        match self.reported.get(destination) {
            Some(ms) => DuplicateWindow { ms: *ms, reported: true },
            None => DuplicateWindow { ms: self.setting_ms, reported: false },
        }
    }
}
