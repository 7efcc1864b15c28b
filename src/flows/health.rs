//! The last known state of each dependency, as the flows found it; the function Health reports it without a query.

use crate::ports::error::{StoreError, StoreResult};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The store.
    Database,
    /// Service Bus.
    Bus,
    /// The mail provider.
    Mail,
}

/// The last known state of one dependency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartHealth {
    /// Whether its last use succeeded.
    pub ok: bool,
    /// When `ok` last changed.
    pub since: DateTime<Utc>,
    /// Why it fails. Public: without recipients' names and connection strings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The state of each dependency. Those not used yet are absent.
#[derive(Debug, Default)]
pub struct Health {
    parts: Mutex<BTreeMap<Part, PartHealth>>,
}

impl Health {
    /// Records that a use of `part` succeeded.
    pub fn ok(&self, part: Part, now: DateTime<Utc>) {
        self.met(part, now, None);
    }

    /// Records that a use of `part` failed. `reason` is public: no recipients' names, no connection strings.
    pub fn failed(&self, part: Part, now: DateTime<Utc>, reason: impl Into<String>) {
        self.met(part, now, Some(reason.into()));
    }

    /// Records how a call to the store ended. A lock that another program holds is not a failure of the database.
    pub fn stored<T>(&self, now: DateTime<Utc>, ended: &StoreResult<T>) {
        match ended {
            Ok(_) => self.ok(Part::Database, now),
            Err(StoreError::Locked { .. }) => {}
            Err(error @ (StoreError::Unavailable { .. } | StoreError::Unknown { .. } | StoreError::Broken { .. })) => {
                self.failed(Part::Database, now, error.to_string());
            }
        }
    }

    fn met(&self, part: Part, now: DateTime<Utc>, reason: Option<String>) {
        let ok = reason.is_none();
        let mut parts = self.lock();
        let known = parts.get(&part).filter(|known| known.ok == ok).map(|known| known.since);
        parts.insert(part, PartHealth { ok, since: known.unwrap_or(now), reason });
    }

    /// Why the part fails, as last recorded; None while it works.
    #[must_use]
    pub fn reason(&self, part: Part) -> Option<String> {
        self.lock().get(&part).and_then(|part_health| part_health.reason.clone())
    }

    /// A copy of all states.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<Part, PartHealth> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Part, PartHealth>> {
        // Each write is one insert, so a poisoned lock never guards a half-written map.
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_of_another_program_is_no_failure_of_the_database() {
        let (health, now) = (Health::default(), DateTime::UNIX_EPOCH);
        let works = || health.snapshot().get(&Part::Database).map(|part| part.ok);
        let (step, source) = ("settle", None);
        health.stored::<()>(now, &Err(StoreError::Locked { step, reason: "another's".to_owned(), source }));
        assert_eq!(works(), None, "it shows nothing");
        health.stored(now, &Ok(()));
        assert_eq!(works(), Some(true));
        health.stored::<()>(now, &Err(StoreError::Unavailable { step, reason: "away".to_owned(), source: None }));
        assert_eq!(works(), Some(false));
    }

    #[test]
    fn since_is_when_the_state_began_not_when_it_was_last_seen() {
        let (health, at) = (Health::default(), |s| DateTime::from_timestamp(s, 0).unwrap());
        let since = || health.snapshot()[&Part::Database].since;
        health.failed(Part::Database, at(1), "away");
        health.failed(Part::Database, at(2), "still away");
        assert_eq!((since(), health.reason(Part::Database).as_deref()), (at(1), Some("still away")));
        health.ok(Part::Database, at(3));
        health.ok(Part::Database, at(4));
        assert_eq!(since(), at(3));
    }
}
