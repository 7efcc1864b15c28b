//! The machine's wall clock. No other file reads it for the flows.

use crate::ports::clock::Clock;
use chrono::{DateTime, Utc};

/// The UTC time of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the flows' time is read here and nowhere else")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
