//! A timer function that finds nothing skips runs for a while, so that a serverless database can pause. It is woken by what
//! comes in through its own process alone: where functions run on instances of their own, what only a timer can find waits.

use crate::flows::watch;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// What one timer function remembers of its runs in this process. It delays work and loses none: every run that is
/// not skipped queries the database for all due work.
pub struct Idle {
    /// Time between two queries while idle; zero: no run is skipped.
    every: Duration,
    /// The function is idle after this time without work. It is longer than any retry waits, so that rows that this
    /// process put back are found on time.
    after: Duration,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    quiet_since: Option<Instant>,
    last_run: Option<Instant>,
    last_watch: Option<Instant>,
}

impl Idle {
    /// After `after` without work, runs are skipped until `every` has passed since the last one. `every` zero: none is.
    #[must_use]
    pub fn new(every: Duration, after: Duration) -> Self {
        Self { every, after, seen: Mutex::default() }
    }

    /// Whether this run is skipped.
    pub(super) fn skips(&self) -> bool {
        let Seen { quiet_since: Some(since), last_run: Some(last_run), .. } = *self.seen() else { return false };
        since.elapsed() >= self.after && last_run.elapsed() < self.every
    }

    /// Records a run that queried the database.
    pub(super) fn ran(&self, found_nothing: bool) {
        let now = Instant::now();
        let mut seen = self.seen();
        seen.quiet_since = found_nothing.then(|| seen.quiet_since.unwrap_or(now));
        seen.last_run = Some(now);
    }

    /// Whether this run also reports what needs a person.
    pub(super) fn watches(&self) -> bool {
        let mut seen = self.seen();
        let due = seen.last_watch.is_none_or(|last| last.elapsed() >= watch::EVERY);
        if due {
            seen.last_watch = Some(Instant::now());
        }
        due
    }

    /// After a run: how long the runs that follow are skipped, the next of which is in `next`. Zero: that one is not.
    pub(super) fn rest(&self, next: Duration) -> Duration {
        let quiet = self.seen().quiet_since.is_some_and(|since| since.elapsed() + next >= self.after);
        if quiet { self.every } else { Duration::ZERO }
    }

    /// Something came in through this process: the next run is not skipped.
    pub(super) fn wake(&self) {
        let mut seen = self.seen();
        (seen.quiet_since, seen.last_run) = (None, None);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const TICK: Duration = Duration::from_secs(10);

    /// Runs on a timer for `length`; returns how many runs were not skipped.
    async fn runs(idle: &Idle, length: Duration) -> u32 {
        let (until, mut queried) = (Instant::now() + length, 0);
        while Instant::now() < until {
            if !idle.skips() {
                queried += 1;
                idle.ran(true);
            }
            tokio::time::advance(TICK).await;
        }
        queried
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_function_skips_runs_until_something_comes_in() {
        let idle = Idle::new(6 * HOUR, HOUR);
        assert_eq!(runs(&idle, HOUR).await, 360);
        // The last of these was ten seconds ago, so the next is due ten seconds before the end.
        assert_eq!(runs(&idle, 6 * HOUR).await, 1);
        idle.wake();
        assert_eq!(runs(&idle, HOUR).await, 360);
        // Work that was found brings retries, so no run is skipped for that time again.
        idle.ran(false);
        assert_eq!(runs(&idle, HOUR).await, 360);
    }

    #[tokio::test(start_paused = true)]
    async fn what_needs_a_person_is_reported_once_a_minute() {
        let idle = Idle::new(Duration::ZERO, HOUR);
        let mut reported = 0;
        for _ in 0..30 {
            idle.ran(false);
            reported += u32::from(idle.watches());
            idle.wake();
            tokio::time::advance(TICK).await;
        }
        assert_eq!(reported, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn by_default_no_run_is_skipped() {
        assert_eq!(runs(&Idle::new(Duration::ZERO, HOUR), 2 * HOUR).await, 720);
    }
}
