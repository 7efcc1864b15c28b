//! A timer function that finds nothing leaves the database alone for a while, so that a serverless one can pause.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// What one timer function remembers of its runs in this process. It delays work and loses none: every run that is
/// not skipped asks the database for all there is.
pub struct Idle {
    /// Between two questions while idle; zero: every run asks.
    every: Duration,
    /// Runs that find nothing for so long make it idle: longer than any retry waits, so that what this process put
    /// back is seen on time.
    after: Duration,
    seen: Mutex<Seen>,
}

#[derive(Default, Clone, Copy)]
struct Seen {
    quiet_since: Option<Instant>,
    last_run: Option<Instant>,
}

impl Idle {
    #[must_use]
    pub fn new(every: Duration, after: Duration) -> Self {
        Self { every, after, seen: Mutex::default() }
    }

    /// May this run go without asking?
    pub(super) fn skips(&self) -> bool {
        let Seen { quiet_since: Some(since), last_run: Some(last_run) } = self.seen() else { return false };
        since.elapsed() >= self.after && last_run.elapsed() < self.every
    }

    /// A run has asked.
    pub(super) fn ran(&self, found_nothing: bool) {
        let now = Instant::now();
        let quiet_since = found_nothing.then(|| self.seen().quiet_since.unwrap_or(now));
        self.set(Seen { quiet_since, last_run: Some(now) });
    }

    /// Something came in through this process: the next run asks.
    pub(super) fn wake(&self) {
        self.set(Seen::default());
    }

    fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, seen: Seen) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const TICK: Duration = Duration::from_secs(10);

    /// Runs on a timer for so long; answers how many of them asked.
    async fn runs(idle: &Idle, length: Duration) -> u32 {
        let (until, mut last_run) = (Instant::now() + length, 0);
        while Instant::now() < until {
            if !idle.skips() {
                last_run += 1;
                idle.ran(true);
            }
            tokio::time::advance(TICK).await;
        }
        last_run
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_quiet_time_only_some_runs_ask_until_something_comes_in() {
        let idle = Idle::new(6 * HOUR, HOUR);
        assert_eq!(runs(&idle, HOUR).await, 360);
        // The last of these was ten seconds ago, so the next is due ten seconds before the end.
        assert_eq!(runs(&idle, 6 * HOUR).await, 1);
        idle.wake();
        assert_eq!(runs(&idle, HOUR).await, 360);
        // What was found has followers and retries: it is watched for as long again.
        idle.ran(false);
        assert_eq!(runs(&idle, HOUR).await, 360);
    }

    #[tokio::test(start_paused = true)]
    async fn by_default_every_run_asks() {
        assert_eq!(runs(&Idle::new(Duration::ZERO, HOUR), 2 * HOUR).await, 720);
    }
}
