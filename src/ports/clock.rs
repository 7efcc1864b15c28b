//! The wall clock, as a parameter. Leases and due times use the database's clock, never this one.

use chrono::{DateTime, TimeDelta, Utc};

/// This process's time.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> DateTime<Utc>;
}

/// Milliseconds from `now` to `until`, rounded up, so that waiting this long is never too short. Negative if `until` is
/// over.
#[must_use]
pub fn ms_until(until: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    (until - now + TimeDelta::nanoseconds(999_999)).num_milliseconds()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_never_rounded_down() {
        let now = DateTime::UNIX_EPOCH;
        for (ns, ms) in [(0, 0), (1, 1), (1_000_000, 1), (1_000_100, 2), (-1, 0), (-1_000_000, 0), (-2_000_000, -1)] {
            assert_eq!(ms_until(now + TimeDelta::nanoseconds(ns), now), ms, "{ns}");
        }
    }
}
