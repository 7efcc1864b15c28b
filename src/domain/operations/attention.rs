//! What needs a person: decided from the overview alone, so that `--check`, the page and the alerts agree.

use super::{BreakerLine, DestinationLine, Heartbeat, Overview, PauseLine};
use crate::domain::{age::age, delivery::MailState, route::NOT_ROUTED};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One thing that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attention {
    /// A stable name of its kind, for programs, in the order of the list: `stalled`, `heartbeat-late`,
    /// `heartbeat-failed`, `breaker-open`,
    /// `lag`, `dead-rows`, `mails-in-doubt`, `mails-refused`, `paused`, `unrouted`, `mails-parked`.
    pub kind: String,
    /// What it is about: a destination, a mail provider, a function, an event type.
    pub about: String,
    /// What is wrong, for a person.
    pub text: String,
    /// What to do, as a command of this program where there is one.
    pub remedy: String,
}

/// When something needs a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// A lag over this, in milliseconds.
    pub lag_ms: i64,
    /// A mail parked for longer, in milliseconds.
    pub parked_ms: i64,
}

impl Thresholds {
    /// A message waits 5 minutes, a mail an hour.
    pub const DEFAULT: Self = Self { lag_ms: 300_000, parked_ms: 3_600_000 };
}

/// What in `overview` needs a person, the most urgent first.
#[must_use]
pub fn attention(overview: &Overview, thresholds: Thresholds) -> Vec<Attention> {
    let mut found = Vec::new();
    found.extend(overview.stalled.iter().map(|text| {
        let remedy = "end that program's transaction".to_owned();
        one("stalled", "outbox", text.clone(), remedy)
    }));
    late(&overview.heartbeats, &mut found);
    let destinations = &overview.destinations;
    for line in destinations {
        found.extend(line.breaker.as_ref().map(|breaker| broken(&line.name, breaker)));
    }
    let mails = &overview.mails;
    found.extend(mails.breaker.as_ref().map(|breaker| broken(&mails.provider, breaker)));
    found.extend(destinations.iter().filter_map(|line| lag(line, thresholds)));
    found.extend(destinations.iter().filter(|line| line.dead > 0).map(|line| {
        let text =
            format!("{} row(s) to {} are dead: none is sent unless a person requeues it", line.dead, named(&line.name));
        one("dead-rows", &line.name, text, command("ops groups"))
    }));
    found.extend(mails_of(
        overview,
        MailState::InDoubt,
        "mails-in-doubt",
        "may or may not have been sent, and wait for a decision",
    ));
    found.extend(mails_of(
        overview,
        MailState::Refused,
        "mails-refused",
        "were refused of late, and are not sent unless a person resends them",
    ));
    found.extend(destinations.iter().filter_map(|line| paused(line, thresholds)));
    found.extend(paused_mails(overview, thresholds));
    found.extend(overview.unrouted.iter().map(|line| {
        let text = format!("{} row(s) of event type {} wait: it has no route", line.rows, line.event_type);
        one("unrouted", &line.event_type, text, format!("set Routes__{} (empty: to nobody)", line.event_type))
    }));
    let parked_ms = mails.oldest_parked_ms.filter(|ms| *ms > thresholds.parked_ms);
    found.extend(parked_ms.map(|ms| {
        let text = format!("the oldest parked mail was received {} ago", age(ms));
        one("mails-parked", &mails.provider, text, command("ops mail list --state parked"))
    }));
    found
}

fn one(kind: &str, about: &str, text: String, remedy: String) -> Attention {
    Attention { kind: kind.to_owned(), about: named(about).to_owned(), text, remedy }
}

fn command(command: &str) -> String {
    format!("client-organizer {command}")
}

fn named(destination: &str) -> &str {
    if destination.is_empty() { NOT_ROUTED } else { destination }
}

fn time(on: DateTime<Utc>) -> String {
    on.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// One entry per function, by its last run.
fn late(heartbeats: &[Heartbeat], found: &mut Vec<Attention>) {
    let mut last: BTreeMap<&str, &Heartbeat> = BTreeMap::new();
    for beat in heartbeats {
        let known = last.entry(&beat.function).or_insert(beat);
        if beat.last_run_on > known.last_run_on {
            *known = beat;
        }
    }
    // A dispatcher of its own may stand in the function's place.
    let replaced = last.get("dispatch").is_some_and(|beat| !beat.late);
    for (function, beat) in last {
        if !beat.late {
            found.extend(beat.error.as_ref().map(|error| {
                let text = format!(
                    "the last run of {function}, {} ago on {}, failed: {error}",
                    age(beat.age_ms),
                    beat.instance
                );
                one("heartbeat-failed", function, text, command("doctor"))
            }));
            continue;
        }
        if replaced && function == "DispatchOutbox" {
            continue;
        }
        let text = format!(
            "{function} last ran {} ago on {}, and was to run again by {}",
            age(beat.age_ms),
            beat.instance,
            time(beat.next_by)
        );
        found.push(one("heartbeat-late", function, text, command("doctor")));
    }
}

fn broken(name: &str, breaker: &BreakerLine) -> Attention {
    let since = breaker.since.map_or_else(String::new, |on| format!(" since {}", time(on)));
    let text = format!(
        "nothing is sent to {name}{since} but a probe, the next one at {}: {}",
        time(breaker.next_probe_on),
        breaker.reason.as_deref().unwrap_or("no reason recorded")
    );
    one("breaker-open", name, text, command("doctor"))
}

/// A pause and an open breaker explain a lag, and have entries of their own.
fn lag(line: &DestinationLine, thresholds: Thresholds) -> Option<Attention> {
    let explained = line.pause.is_some() || line.breaker.is_some();
    let ms = line.oldest_claimable_ms.filter(|ms| *ms > thresholds.lag_ms && !explained)?;
    let text = format!("the oldest row that could be sent to {} has waited for {}", named(&line.name), age(ms));
    // Without a dispatcher, this sends what waits.
    Some(one("lag", &line.name, text, command("dispatch")))
}

fn paused(line: &DestinationLine, thresholds: Thresholds) -> Option<Attention> {
    let pause = line.pause.as_ref()?;
    let ms = line.oldest_claimable_ms.filter(|ms| *ms > thresholds.lag_ms)?;
    let text = format!("{}; its oldest row has waited for {}", pause_text(&line.name, pause), age(ms));
    Some(one("paused", &line.name, text, command(&format!("ops resume {} --reason \"…\"", line.name))))
}

fn paused_mails(overview: &Overview, thresholds: Thresholds) -> Option<Attention> {
    let mails = &overview.mails;
    let pause = mails.pause.as_ref()?;
    let waits = [MailState::Accepted, MailState::Parked];
    let waiting: u64 = mails.states.iter().filter(|one| waits.contains(&one.state)).map(|one| one.rows).sum();
    let long = (overview.at - pause.on).num_milliseconds() > thresholds.lag_ms;
    (long && waiting > 0).then(|| {
        let text = format!("{}; {waiting} mail(s) wait", pause_text(&mails.provider, pause));
        one("paused", &mails.provider, text, command("ops mail resume --reason \"…\""))
    })
}

fn pause_text(name: &str, pause: &PauseLine) -> String {
    let by = pause.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
    let until = pause.until.map_or_else(String::new, |until| format!(" until {}", time(until)));
    let why = pause.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    format!("{name} is paused{by} since {}{until}{why}", time(pause.on))
}

fn mails_of(overview: &Overview, state: MailState, kind: &str, what: &str) -> Option<Attention> {
    let held = overview.mails.states.iter().find(|one| one.state == state).map_or(0, |one| one.held);
    let list = command(&format!("ops mail list --state {}", state.name()));
    (held > 0).then(|| one(kind, &overview.mails.provider, format!("{held} mail(s) {what}"), list))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::operations::{MailLines, MailStateLine, UnroutedLine};

    const MINUTE_MS: i64 = 60_000;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_040 + minute * 60, 0).unwrap()
    }

    fn well() -> Overview {
        Overview {
            at: at(0),
            attention: Vec::new(),
            destinations: vec![line("queue:q")],
            unrouted: Vec::new(),
            mails: MailLines {
                provider: "mail:smtp".to_owned(),
                states: vec![MailStateLine { state: MailState::Parked, rows: 2, held: 0 }],
                oldest_parked_ms: Some(59 * MINUTE_MS),
                pause: None,
                breaker: None,
                room: Vec::new(),
                rate_limited_until: None,
            },
            heartbeats: vec![beat("DispatchOutbox", "a", false)],
            minutes: Vec::new(),
            stalled: None,
            schema_version: 7,
        }
    }

    fn line(name: &str) -> DestinationLine {
        DestinationLine {
            name: name.to_owned(),
            pending: 1,
            leased: 0,
            dead: 0,
            oldest_claimable_ms: Some(4 * MINUTE_MS),
            pause: None,
            breaker: None,
            last_accepted_on: None,
        }
    }

    fn beat(function: &str, instance: &str, late: bool) -> Heartbeat {
        Heartbeat {
            function: function.to_owned(),
            instance: instance.to_owned(),
            last_run_on: at(-12),
            age_ms: 12 * MINUTE_MS,
            next_by: at(-10),
            late,
            error: None,
        }
    }

    fn pause() -> PauseLine {
        PauseLine { on: at(-60), until: Some(at(60)), by: Some("anna".to_owned()), reason: Some("ticket 7".to_owned()) }
    }

    fn breaker() -> BreakerLine {
        BreakerLine { since: Some(at(-5)), next_probe_on: at(1), failures: 3, reason: Some("503".to_owned()) }
    }

    fn found(change: impl FnOnce(&mut Overview)) -> Vec<(String, String, String, String)> {
        let mut overview = well();
        change(&mut overview);
        let found = attention(&overview, Thresholds::DEFAULT);
        found.into_iter().map(|one| (one.kind, one.about, one.text, one.remedy)).collect()
    }

    #[track_caller]
    fn is_one(change: impl FnOnce(&mut Overview), expected: [&str; 4]) {
        assert_eq!(found(change), [expected.map(str::to_owned).into()]);
    }

    #[test]
    fn nothing_needs_a_person_when_all_is_well() {
        assert_eq!(found(|_| {}), []);
        assert_eq!(found(|all| all.destinations[0].pause = Some(pause())), [], "what is paused waits for no long time");
    }

    #[test]
    fn a_function_that_no_instance_runs_is_named_once_with_its_last_run() {
        is_one(
            |all| {
                let earlier = Heartbeat { last_run_on: at(-90), ..beat("DispatchOutbox", "b", true) };
                all.heartbeats = vec![earlier, beat("DispatchOutbox", "a", true), beat("RetryEmail", "a", false)];
            },
            [
                "heartbeat-late",
                "DispatchOutbox",
                "DispatchOutbox last ran 12 min 0 s ago on a, and was to run again by 2023-11-14T22:04:00Z",
                "client-organizer doctor",
            ],
        );
    }

    #[test]
    fn a_dispatcher_of_its_own_stands_in_for_the_function() {
        let stopped = || beat("DispatchOutbox", "a", true);
        assert_eq!(found(|all| all.heartbeats = vec![stopped(), beat("dispatch", "b", false)]), []);
        let both = found(|all| all.heartbeats = vec![stopped(), beat("dispatch", "b", true)]);
        assert_eq!(both.len(), 2, "{both:?}");
    }

    #[test]
    fn a_function_whose_last_run_failed_is_named_though_it_is_on_time() {
        is_one(
            |all| all.heartbeats[0].error = Some("no right to delete".to_owned()),
            [
                "heartbeat-failed",
                "DispatchOutbox",
                "the last run of DispatchOutbox, 12 min 0 s ago on a, failed: no right to delete",
                "client-organizer doctor",
            ],
        );
    }

    #[test]
    fn an_open_breaker_explains_the_lag_behind_it() {
        let text = "nothing is sent to queue:q since 2023-11-14T22:09:00Z but a probe, the next one at \
                    2023-11-14T22:15:00Z: 503";
        is_one(
            |all| {
                all.destinations[0].breaker = Some(breaker());
                all.destinations[0].oldest_claimable_ms = Some(9 * MINUTE_MS);
            },
            ["breaker-open", "queue:q", text, "client-organizer doctor"],
        );
        let of_mails = found(|all| all.mails.breaker = Some(breaker()));
        assert_eq!((of_mails[0].0.as_str(), of_mails[0].1.as_str()), ("breaker-open", "mail:smtp"));
    }

    #[test]
    fn a_lag_over_the_threshold_needs_a_person() {
        is_one(
            |all| all.destinations[0].oldest_claimable_ms = Some(6 * MINUTE_MS),
            [
                "lag",
                "queue:q",
                "the oldest row that could be sent to queue:q has waited for 6 min 0 s",
                "client-organizer dispatch",
            ],
        );
        let not_routed = found(|all| {
            all.destinations = vec![DestinationLine { oldest_claimable_ms: Some(6 * MINUTE_MS), ..line("") }];
        });
        assert_eq!(not_routed[0].1, "(not routed)");
    }

    #[test]
    fn dead_rows_need_a_person() {
        is_one(
            |all| all.destinations[0].dead = 3,
            [
                "dead-rows",
                "queue:q",
                "3 row(s) to queue:q are dead: none is sent unless a person requeues it",
                "client-organizer ops groups",
            ],
        );
    }

    #[test]
    fn a_pause_that_holds_rows_up_names_its_operator_and_reason() {
        is_one(
            |all| {
                all.destinations[0].pause = Some(pause());
                all.destinations[0].oldest_claimable_ms = Some(6 * MINUTE_MS);
            },
            [
                "paused",
                "queue:q",
                "queue:q is paused by anna since 2023-11-14T21:14:00Z until 2023-11-14T23:14:00Z: ticket 7; its oldest \
                 row has waited for 6 min 0 s",
                "client-organizer ops resume queue:q --reason \"…\"",
            ],
        );
        is_one(
            |all| all.mails.pause = Some(pause()),
            [
                "paused",
                "mail:smtp",
                "mail:smtp is paused by anna since 2023-11-14T21:14:00Z until 2023-11-14T23:14:00Z: ticket 7; 2 mail(s) wait",
                "client-organizer ops mail resume --reason \"…\"",
            ],
        );
    }

    #[test]
    fn mails_that_wait_for_a_decision_need_a_person() {
        for (state, kind) in [(MailState::InDoubt, "mails-in-doubt"), (MailState::Refused, "mails-refused")] {
            let of_state = |held| found(|all| all.mails.states.push(MailStateLine { state, rows: 5, held }));
            assert_eq!(of_state(0), []);
            let one = of_state(2).remove(0);
            assert_eq!(
                (one.0.as_str(), one.3),
                (kind, format!("client-organizer ops mail list --state {}", state.name()))
            );
            assert!(one.2.starts_with("2 mail(s) "), "{}", one.2);
        }
        let parked = found(|all| all.mails.oldest_parked_ms = Some(61 * MINUTE_MS));
        assert_eq!(
            (parked[0].0.as_str(), parked[0].3.as_str()),
            ("mails-parked", "client-organizer ops mail list --state parked")
        );
    }

    #[test]
    fn what_has_no_route_and_what_others_lock_is_named() {
        is_one(
            |all| all.unrouted.push(UnroutedLine { event_type: "Odd".to_owned(), rows: 2 }),
            [
                "unrouted",
                "Odd",
                "2 row(s) of event type Odd wait: it has no route",
                "set Routes__Odd (empty: to nobody)",
            ],
        );
        is_one(
            |all| all.stalled = Some("7 rows are locked by session 3".to_owned()),
            ["stalled", "outbox", "7 rows are locked by session 3", "end that program's transaction"],
        );
    }
}
