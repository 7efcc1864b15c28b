//! The wall clock, as a parameter. Leases and due times are the database's clock, never this one.

use chrono::{DateTime, TimeDelta, Utc};

pub trait Clock: Send + Sync {
    fn now(&self) -> DateTime<Utc>;
}

/// Rounded up: who comes back after so long is not too early. Negative where the time is over.
#[must_use]
pub fn ms_until(until: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    (until - now + TimeDelta::nanoseconds(999_999)).num_milliseconds()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_never_rounded_to_too_early() {
        let now = DateTime::UNIX_EPOCH;
        for (ns, ms) in [(0, 0), (1, 1), (1_000_000, 1), (1_000_100, 2), (-1, 0), (-1_000_000, 0), (-2_000_000, -1)] {
            assert_eq!(ms_until(now + TimeDelta::nanoseconds(ns), now), ms, "{ns}");
        }
    }
}
