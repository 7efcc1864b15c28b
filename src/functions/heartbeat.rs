//! The heartbeat of a timer function: that a run has ended, and by when the next one should have.

use super::idle::Idle;
use crate::{
    domain::schedule::Schedule,
    ports::{clock::Clock, operations::Heartbeats},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// When a function runs.
#[derive(Debug, Clone)]
pub enum Rhythm {
    /// By the host's timer. None: never.
    Timer(Option<Schedule>),
    /// So long after each run.
    Every(Duration),
}

/// What stores a function's heartbeats.
pub struct Heartbeat {
    function: &'static str,
    rhythm: Rhythm,
    /// How long a run may take.
    run: Duration,
    heartbeats: Arc<dyn Heartbeats>,
    clock: Arc<dyn Clock>,
    last: Mutex<Option<Beat>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Beat {
    at: Instant,
    failed: bool,
}

/// A dispatcher of its own may run many times a second; an operator needs no more than this.
const BETWEEN: Duration = Duration::from_secs(5);
/// A run this much later than expected is late: a busy host starts timers late, and a deployment takes a while.
const SLACK: Duration = Duration::from_mins(1);
/// As long as any schedule is thought ahead.
const NEVER: Duration = Duration::from_hours(24 * 366);

impl Heartbeat {
    /// For a function whose runs take at most `run`.
    #[must_use]
    pub fn new(
        function: &'static str,
        rhythm: Rhythm,
        run: Duration,
        heartbeats: Arc<dyn Heartbeats>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { function, rhythm, run, heartbeats, clock, last: Mutex::default() }
    }

    /// Stores that a run has ended, and how it failed. `idle`: when further runs are skipped; those that are store
    /// nothing. A heartbeat that cannot be stored fails no run: the next one is.
    pub async fn beat(&self, idle: Option<&Idle>, error: Option<&str>) {
        let beat = Beat { at: Instant::now(), failed: error.is_some() };
        if self.last().is_some_and(|last| last.failed == beat.failed && last.at.elapsed() < BETWEEN) {
            return;
        }
        let next_in_ms = i64::try_from(self.next_within(idle).as_millis()).unwrap_or(i64::MAX);
        let stored = self.heartbeats.beat(self.function, next_in_ms, error).await;
        // Without an answer it may be stored or not: the next one is, whatever it says.
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = stored.is_ok().then_some(beat);
        if let Err(error) = stored {
            // The run that cannot reach the database has said so.
            tracing::debug!(function = self.function, %error, "the heartbeat was not stored");
        }
    }

    fn last(&self) -> Option<Beat> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Within this time the next run should have ended that queries the database.
    fn next_within(&self, idle: Option<&Idle>) -> Duration {
        let next = match &self.rhythm {
            Rhythm::Every(pause) => *pause,
            Rhythm::Timer(schedule) => schedule
                .as_ref()
                .and_then(|schedule| schedule.next_within(self.clock.now())?.to_std().ok())
                .unwrap_or(NEVER),
        };
        let skipped = idle.map_or(Duration::ZERO, |idle| idle.rest(next));
        // A sixteenth: a day with a change of the clock is an hour longer.
        skipped + next + next / 16 + self.run + SLACK
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::error::{StoreError, StoreResult};
    use async_trait::async_trait;
    use chrono::{DateTime, Utc};

    #[derive(Default)]
    struct Stored(Mutex<Vec<(i64, bool)>>);

    #[async_trait]
    impl Heartbeats for Stored {
        async fn beat(&self, _: &str, next_in_ms: i64, error: Option<&str>) -> StoreResult<()> {
            self.0.lock().unwrap().push((next_in_ms, error.is_some()));
            if error.is_none() {
                return Ok(());
            }
            Err(StoreError::Unavailable { step: "store a heartbeat", reason: "away".to_owned(), source: None })
        }
    }

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> DateTime<Utc> {
            "2026-11-29T12:00:01Z".parse().unwrap()
        }
    }

    fn of(rhythm: Rhythm) -> (Arc<Stored>, Heartbeat) {
        let stored = Arc::new(Stored::default());
        (stored.clone(), Heartbeat::new("F", rhythm, Duration::from_secs(50), stored, Arc::new(Noon)))
    }

    fn timer(text: &str) -> Rhythm {
        Rhythm::Timer(Some(Schedule::parse(text).unwrap()))
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_run_is_expected_by_the_schedule_and_later_where_runs_are_skipped() {
        let hour = Duration::from_hours(1);
        let idle = Idle::new(6 * hour, hour);
        let (stored, heartbeat) = of(timer("*/16 * * * * *"));
        idle.ran(true);
        heartbeat.beat(Some(&idle), None).await;
        tokio::time::advance(Duration::from_secs(3_580)).await;
        heartbeat.beat(Some(&idle), None).await;
        tokio::time::advance(Duration::from_secs(10)).await;
        heartbeat.beat(Some(&idle), None).await;
        idle.wake();
        tokio::time::advance(Duration::from_secs(10)).await;
        heartbeat.beat(Some(&idle), None).await;
        let soon = 16_000 + 1_000 + 50_000 + 60_000;
        let expected = [soon, soon, soon + 6 * 3_600_000, soon].map(|ms| (ms, false));
        assert_eq!(*stored.0.lock().unwrap(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dispatcher_that_runs_without_a_pause_stores_a_few_and_every_change() {
        let (stored, heartbeat) = of(Rhythm::Every(Duration::ZERO));
        for _ in 0..12 {
            heartbeat.beat(None, None).await;
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(stored.0.lock().unwrap().len(), 3);
        heartbeat.beat(None, Some("away")).await;
        heartbeat.beat(None, Some("away")).await;
        assert_eq!(stored.0.lock().unwrap().len(), 5, "not stored, so tried again");
        heartbeat.beat(None, None).await;
        assert_eq!(stored.0.lock().unwrap().len(), 6, "the failure may be stored, so the good run is");
        let (stored, heartbeat) = of(Rhythm::Timer(None));
        heartbeat.beat(None, None).await;
        assert!(stored.0.lock().unwrap()[0].0 > 360 * 86_400_000, "it never runs, so it is not late");
    }
}
