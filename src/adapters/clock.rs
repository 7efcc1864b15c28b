//! The machine's wall clock; the one place that asks it.

use crate::ports::clock::Clock;
use chrono::{DateTime, Utc};

#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the room where the time comes in")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
