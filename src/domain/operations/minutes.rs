//! Minutes and heartbeats of an overview, made of what each instance stored.

use super::{Heartbeat, Minute};
use crate::domain::latency::{FAILED, GIVEN_UP, percentile};
use chrono::{DateTime, Utc};

impl Minute {
    /// `counts`: by bucket (`domain/latency.rs`), as the stores return them: `20:7,-1:2`. A bucket may occur more than once.
    #[must_use]
    pub fn of(minute: DateTime<Utc>, name: String, counts: &str) -> Self {
        let pair =
            |one: &str| one.split_once(':').and_then(|(bucket, n)| Some((bucket.parse().ok()?, n.parse().ok()?)));
        let counts: Vec<(i64, u64)> = counts.split(',').filter_map(pair).collect();
        let sum = |of: &dyn Fn(i64) -> bool| counts.iter().filter(|(bucket, _)| of(*bucket)).map(|(_, n)| n).sum();
        Self {
            minute,
            name,
            done: sum(&|bucket| bucket >= 0),
            failed: sum(&|bucket| bucket == FAILED),
            given_up: sum(&|bucket| bucket == GIVEN_UP),
            p50_ms: percentile(&counts, 50),
            p95_ms: percentile(&counts, 95),
            p99_ms: percentile(&counts, 99),
        }
    }
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
        let minute = |counts: &str| Minute::of(at(60_000), "queue:a".to_owned(), counts);
        let (quick, slow) = (bucket(10), bucket(5_000));
        // Of two instances, in the order of the buckets.
        let both = minute(&format!("{GIVEN_UP}:1,{FAILED}:3,{quick}:90,{quick}:8,{slow}:2"));
        assert_eq!((both.done, both.failed, both.given_up), (100, 3, 1));
        let of = |ms| Some(upper_ms(bucket(ms)));
        assert_eq!((both.p50_ms, both.p95_ms, both.p99_ms), (of(10), of(10), of(5_000)));
        let none = minute(&format!("{GIVEN_UP}:1"));
        assert_eq!((none.done, none.given_up, none.p50_ms, none.p99_ms), (0, 1, None, None));
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
