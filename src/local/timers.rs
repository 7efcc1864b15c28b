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
        let Some(next) = timer.schedule.next_after(clock.now()) else {
            invoker
                .events
                .note(format!("{}: its schedule has no further times, so it does not run again", timer.function));
            return;
        };
        // The clock may jump, so it is read again at least once a minute.
        loop {
            let wait = (next - clock.now()).to_std().unwrap_or_default();
            if wait.is_zero() {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(wait.min(Duration::from_mins(1))) => {}
                () = child::stopped(&mut stop) => return,
            }
        }
        last = Some(run(&invoker, &*clock, &timer, last).await);
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

    #[test]
    fn a_schedule_faster_than_a_minute_has_no_status() {
        let now: DateTime<Utc> = "2026-08-20T10:00:03Z".parse().unwrap();
        let runs = |schedule| monitored(&Schedule::parse(schedule).unwrap(), now, Some(now));
        assert!(runs("*/10 * * * * *").is_none());
        let runs = runs("0 * * * * *").unwrap();
        assert_eq!((runs.last, runs.next.to_rfc3339()), (Some(now), "2026-08-20T10:01:00+00:00".to_owned()));
    }
}
