//! Minutes and heartbeats of an overview, made of what each instance stored.

use super::{Heartbeat, Minute};
use crate::domain::latency::{FAILED, GIVEN_UP, percentile};
use chrono::{DateTime, Utc};

/// How often one thing was settled in one minute, by all instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinuteCount {
    /// The minute's beginning.
    pub minute: DateTime<Utc>,
    /// A destination or mail provider.
    pub name: String,
    /// The latency's bucket, or what became of an attempt that did not succeed (`domain/latency.rs`).
    pub bucket: i64,
    /// How often.
    pub count: u64,
}

/// The minutes of these counts, oldest first.
#[must_use]
pub fn minutes_of(mut counts: Vec<MinuteCount>) -> Vec<Minute> {
    // The stores return them in this order: sorting costs nothing then.
    counts.sort_by(|one, other| (one.minute, &one.name).cmp(&(other.minute, &other.name)));
    counts.chunk_by(|one, other| one.minute == other.minute && one.name == other.name).filter_map(minute_of).collect()
}

fn minute_of(of_minute: &[MinuteCount]) -> Option<Minute> {
    let first = of_minute.first()?;
    let counts: Vec<(i64, u64)> = of_minute.iter().map(|one| (one.bucket, one.count)).collect();
    let sum = |of: &dyn Fn(i64) -> bool| counts.iter().filter(|(bucket, _)| of(*bucket)).map(|(_, n)| n).sum();
    Some(Minute {
        minute: first.minute,
        name: first.name.clone(),
        done: sum(&|bucket| bucket >= 0),
        failed: sum(&|bucket| bucket == FAILED),
        given_up: sum(&|bucket| bucket == GIVEN_UP),
        p50_ms: percentile(&counts, 50),
        p95_ms: percentile(&counts, 95),
        p99_ms: percentile(&counts, 99),
    })
}

/// A function is late only if no instance has run it in time: timers run on one instance at a time.
#[must_use]
pub fn late_functions(mut heartbeats: Vec<Heartbeat>) -> Vec<Heartbeat> {
    let on_time: Vec<String> = heartbeats.iter().filter(|one| !one.late).map(|one| one.function.clone()).collect();
    for one in &mut heartbeats {
        one.late &= !on_time.contains(&one.function);
    }
    heartbeats
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::latency::{bucket, upper_ms};

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(ms).unwrap()
    }

    #[test]
    fn the_counts_of_a_minute_become_totals_and_percentiles() {
        let count = |minute, name: &str, bucket, count| MinuteCount {
            minute: at(minute),
            name: name.to_owned(),
            bucket,
            count,
        };
        let counts = vec![
            count(60_000, "queue:a", bucket(10), 98),
            count(60_000, "queue:a", bucket(5_000), 2),
            count(60_000, "queue:a", FAILED, 3),
            count(0, "queue:a", GIVEN_UP, 1),
            count(60_000, "mail:smtp", bucket(7), 1),
        ];
        let minutes = minutes_of(counts);
        let short: Vec<_> =
            minutes.iter().map(|one| (one.minute, one.name.as_str(), one.done, one.failed, one.given_up)).collect();
        let expected =
            [(at(0), "queue:a", 0, 0, 1), (at(60_000), "mail:smtp", 1, 0, 0), (at(60_000), "queue:a", 100, 3, 0)];
        assert_eq!(short, expected);
        assert_eq!((minutes[0].p50_ms, minutes[0].p99_ms), (None, None));
        let of = |ms| Some(upper_ms(bucket(ms)));
        assert_eq!((minutes[2].p50_ms, minutes[2].p95_ms, minutes[2].p99_ms), (of(10), of(10), of(5_000)));
    }

    #[test]
    fn a_function_that_one_instance_runs_in_time_is_not_late() {
        let beat = |function: &str, instance: &str, late| Heartbeat {
            function: function.to_owned(),
            instance: instance.to_owned(),
            last_run_on: at(0),
            age_ms: 0,
            next_by: at(0),
            late,
            error: None,
        };
        let judged = late_functions(vec![beat("D", "a", true), beat("D", "b", false), beat("R", "a", true)]);
        assert_eq!(judged.iter().map(|one| one.late).collect::<Vec<_>>(), [false, false, true]);
    }
}
