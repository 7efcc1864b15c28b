//! The last known state of the parts, as the flows met them; Health reports it without asking anyone.

use chrono::{DateTime, Utc};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    Database,
    Bus,
    Mail,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Vital {
    pub ok: bool,
    /// When it was last met.
    pub since: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Parts not met yet are absent.
#[derive(Debug, Default)]
pub struct Vitals {
    parts: Mutex<BTreeMap<Part, Vital>>,
}

impl Vitals {
    pub fn ok(&self, part: Part, now: DateTime<Utc>) {
        self.lock().insert(part, Vital { ok: true, since: now, reason: None });
    }

    /// `reason` is public: no names of recipients, no connection strings.
    pub fn failed(&self, part: Part, now: DateTime<Utc>, reason: impl Into<String>) {
        self.lock().insert(part, Vital { ok: false, since: now, reason: Some(reason.into()) });
    }

    /// Why the part fails, as last told; None while it does not.
    #[must_use]
    pub fn reason(&self, part: Part) -> Option<String> {
        self.lock().get(&part).and_then(|vital| vital.reason.clone())
    }

    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<Part, Vital> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Part, Vital>> {
        // Every write is one insert, so a panic elsewhere leaves nothing half-done.
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
