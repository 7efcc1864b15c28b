//! Fires timer functions by their schedule, in UTC.

use super::{
    child,
    envelope::{self, Runs, Sys},
    invoke::Invoker,
};
use crate::{domain::schedule::Schedule, ports::clock::Clock};
use chrono::{DateTime, Utc};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// The longest sleep until the clock is read again.
const LOOK_EVERY: Duration = Duration::from_mins(1);

pub(super) struct Timer {
    pub(super) function: String,
    pub(super) binding: String,
    pub(super) schedule: Schedule,
    pub(super) run_on_startup: bool,
}

/// Runs one timer until `stop`, one run at a time; a run under way is finished.
pub(super) async fn tick(invoker: Invoker, clock: Arc<dyn Clock>, timer: Timer, mut stop: watch::Receiver<bool>) {
    let mut last = None;
    if timer.run_on_startup {
        last = Some(run(&invoker, &*clock, &timer, last).await);
    }
    while !*stop.borrow() {
        let is_due = tokio::select! {
            is_due = due(&timer.schedule, &*clock) => is_due,
            () = child::stopped(&mut stop) => return,
        };
        if !is_due {
            invoker
                .events
                .note(format!("{}: its schedule has no further times, so it does not run again", timer.function));
            return;
        }
        last = Some(run(&invoker, &*clock, &timer, last).await);
    }
}

/// Waits for the schedule's next time; false: it has none. The clock may jump, so it is read again at least once a minute,
/// and where it was set back the next time is another one: a timer of each second would stand still for an hour.
async fn due(schedule: &Schedule, clock: &dyn Clock) -> bool {
    let mut seen = clock.now();
    let Some(mut next) = schedule.next_after(seen) else { return false };
    loop {
        let now = clock.now();
        if now < seen {
            next = schedule.next_after(now).unwrap_or(next);
        }
        seen = now;
        let wait = (next - now).to_std().unwrap_or_default();
        if wait.is_zero() {
            return true;
        }
        tokio::time::sleep(wait.min(LOOK_EVERY)).await;
    }
}

async fn run(invoker: &Invoker, clock: &dyn Clock, timer: &Timer, last: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let now = clock.now();
    let sys = Sys { function: &timer.function, now, rand_guid: uuid::Uuid::new_v4() };
    let body = envelope::timer(&timer.binding, monitored(&timer.schedule, now, last), &sys);
    // A failed run is reported as an event; the next one comes by schedule.
    invoker.invoke(&timer.function, None, body).await;
    now
}

/// None for schedules more frequent than once a minute, whose runs the Azure host does not record.
fn monitored(schedule: &Schedule, now: DateTime<Utc>, last: Option<DateTime<Utc>>) -> Option<Runs> {
    let next = schedule.next_after(now).filter(|_| !schedule.is_faster_than_a_minute())?;
    Some(Runs { last, next })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};
    use tokio::time::Instant;

    /// Goes on with tokio's time, so many seconds off.
    struct Moved {
        began: Instant,
        by_s: AtomicI64,
    }

    impl Clock for Moved {
        fn now(&self) -> DateTime<Utc> {
            let time = DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_000) + self.began.elapsed();
            time + chrono::TimeDelta::seconds(self.by_s.load(Ordering::Relaxed))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_moves_the_next_run_with_it() {
        let clock = Moved { began: Instant::now(), by_s: AtomicI64::new(0) };
        for (schedule, by_s, within_s) in
            [("* * * * * *", -3600, 2), ("*/10 * * * * *", -3600, 21), ("0 0 * * * *", 3600, 60), ("* * * * * *", 0, 1)]
        {
            let (schedule, began) = (Schedule::parse(schedule).unwrap(), Instant::now());
            let set = async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                clock.by_s.fetch_add(by_s, Ordering::Relaxed);
            };
            let (is_due, ()) = tokio::join!(due(&schedule, &clock), set);
            assert!(is_due);
            assert!(began.elapsed() <= Duration::from_secs(within_s), "{by_s}: {:?}", began.elapsed());
        }
    }

    #[test]
    fn a_schedule_faster_than_a_minute_has_no_status() {
        let now: DateTime<Utc> = "2026-08-20T10:00:03Z".parse().unwrap();
        let runs = |schedule| monitored(&Schedule::parse(schedule).unwrap(), now, Some(now));
        assert!(runs("*/10 * * * * *").is_none());
        let runs = runs("0 * * * * *").unwrap();
        assert_eq!((runs.last, runs.next.to_rfc3339()), (Some(now), "2026-08-20T10:01:00+00:00".to_owned()));
    }
}
