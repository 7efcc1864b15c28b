//! Fires timer functions by their six-field schedule, in UTC.

use super::{
    child,
    envelope::{self, Runs, Sys},
    invoke::Invoker,
};
use crate::ports::clock::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// NCRONTAB as Azure has it: six fields, seconds first; a day must fit both day fields.
///
/// # Errors
/// Says what is wrong with the schedule.
pub fn parse(schedule: &str) -> Result<Cron, String> {
    CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Disallowed)
        .dom_and_dow(true)
        .build()
        .parse(schedule)
        .map_err(|e| format!("`{schedule}` is no schedule of six fields, seconds first: {e}"))
}

pub(super) struct Timer {
    pub(super) function: String,
    pub(super) binding: String,
    pub(super) cron: Cron,
    pub(super) run_on_startup: bool,
}

/// Runs one timer until `stop`, one run at a time; a run under way is finished.
pub(super) async fn tick(invoker: Invoker, clock: Arc<dyn Clock>, timer: Timer, mut stop: watch::Receiver<bool>) {
    let mut last = None;
    if timer.run_on_startup {
        last = Some(run(&invoker, &*clock, &timer, last).await);
    }
    while !*stop.borrow() {
        let Ok(next) = timer.cron.find_next_occurrence(&clock.now(), false) else {
            invoker.events.note(format!("{}: its schedule has no further time", timer.function));
            return;
        };
        // A clock that jumps is asked again at least once a minute.
        loop {
            let wait = (next - clock.now()).to_std().unwrap_or_default();
            if wait.is_zero() {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(wait.min(Duration::from_mins(1))) => {}
                () = child::told(&mut stop) => return,
            }
        }
        last = Some(run(&invoker, &*clock, &timer, last).await);
    }
}

async fn run(invoker: &Invoker, clock: &dyn Clock, timer: &Timer, last: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let now = clock.now();
    let sys = Sys { function: &timer.function, now, rand_guid: uuid::Uuid::new_v4() };
    let body = envelope::timer(&timer.binding, monitored(&timer.cron, now, last), &sys);
    // A failed run is in the events; the next comes by schedule.
    invoker.invoke(&timer.function, None, body).await;
    now
}

/// None for schedules more frequent than once a minute, whose runs the Azure host does not record.
fn monitored(cron: &Cron, now: DateTime<Utc>, last: Option<DateTime<Utc>>) -> Option<Runs> {
    let next = cron.find_next_occurrence(&now, false).ok()?;
    let after = cron.find_next_occurrence(&next, false).ok()?;
    (after - next >= TimeDelta::minutes(1)).then_some(Runs { last, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_has_six_fields_seconds_first() {
        let next = |schedule: &str| {
            let from: DateTime<Utc> = "2026-08-20T10:00:03Z".parse().unwrap();
            parse(schedule).unwrap().find_next_occurrence(&from, false).unwrap().to_rfc3339()
        };
        assert_eq!(next("*/5 * * * * *"), "2026-08-20T10:00:05+00:00");
        assert_eq!(next("0 */5 * * * *"), "2026-08-20T10:05:00+00:00");
        assert_eq!(next("0 30 2 * * *"), "2026-08-21T02:30:00+00:00");
        for wrong in ["*/5 * * * *", "", "0 0 0 * * * 2026", "61 * * * * *", "every minute"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_schedule_faster_than_a_minute_has_no_status() {
        let now: DateTime<Utc> = "2026-08-20T10:00:03Z".parse().unwrap();
        assert!(monitored(&parse("*/10 * * * * *").unwrap(), now, None).is_none());
        let runs = monitored(&parse("0 * * * * *").unwrap(), now, Some(now)).unwrap();
        assert_eq!((runs.last, runs.next.to_rfc3339()), (Some(now), "2026-08-20T10:01:00+00:00".to_owned()));
    }
}
