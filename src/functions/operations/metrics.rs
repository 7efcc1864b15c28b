//! `GET /api/ops/metrics`: the overview as text that Prometheus scrapes (exposition format 0.0.4).
//!
//! Written here: the format is three kinds of line, and every value is read from the overview at the time of the scrape.

use super::documented::ReadProblems;
use crate::{
    domain::{
        operations::{DestinationLine, Minute, Overview},
        route::NOT_ROUTED,
    },
    flows::operate::{self, OperateContext},
    functions::{field_reader::Fields, problem::Problem, reply::Reply, request::Request},
};
use chrono::{DurationRound, TimeDelta};
use std::{collections::BTreeMap, fmt::Write};
use warp::http::{HeaderValue, header};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
/// The minute under way, and the last full one.
const MINUTES: u32 = 2;

#[utoipa::path(
    get, path = "/api/ops/metrics", tag = "operations", operation_id = "metrics",
    summary = "The overview as Prometheus text",
    description = "A scraper sends the function key as the header `x-functions-key` or the parameter `code`.",
    responses(
        (status = 200, description = "Exposition format 0.0.4", content_type = "text/plain", body = String),
        ReadProblems
    )
)]
pub(super) async fn metrics(context: &OperateContext, request: &Request) -> Result<Reply, Problem> {
    Fields::of_query(&request.head.query).finish(Some(()))?;
    let overview = operate::overview(context, MINUTES).await?;
    let mut reply = Reply::new(text(&overview).into_bytes());
    reply.headers_mut().insert(header::CONTENT_TYPE, TEXT);
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(reply)
}

type Labels<'a> = Vec<(&'static str, &'a str)>;
type Sample<'a> = (Labels<'a>, String);

fn text(overview: &Overview) -> String {
    let mut out = String::new();
    backlog(&mut out, overview);
    mails(&mut out, overview);
    timers(&mut out, overview);
    last_minute(&mut out, overview);
    out
}

fn backlog(out: &mut String, overview: &Overview) {
    let destinations = || overview.destinations.iter();
    let rows = destinations().flat_map(|line| {
        [("pending", line.pending), ("leased", line.leased), ("dead", line.dead)]
            .map(|(state, rows)| (vec![("destination", name(line)), ("state", state)], rows.to_string()))
    });
    gauge(out, "outbox_rows", "Outbox rows that are not finished, by destination and state.", rows);
    let lag =
        destinations().map(|line| (vec![("destination", name(line))], seconds(line.oldest_claimable_ms.unwrap_or(0))));
    gauge(out, "outbox_lag_seconds", "Age of the oldest row that could be claimed now; 0: there is none.", lag);
    let unrouted =
        overview.unrouted.iter().map(|line| (vec![("event_type", &*line.event_type)], line.rows.to_string()));
    gauge(out, "outbox_unrouted_rows", "Rows whose event type has no route.", unrouted);
    let mailing = &overview.mails;
    let provider = [(&*mailing.provider, mailing.pause.is_some(), mailing.breaker.is_some())];
    let states =
        || destinations().map(|line| (name(line), line.pause.is_some(), line.breaker.is_some())).chain(provider);
    let paused = states().map(|(name, paused, _)| (vec![("name", name)], flag(paused)));
    gauge(out, "paused", "1: an operator paused the destination or the mail provider.", paused);
    let open = states().map(|(name, _, open)| (vec![("name", name)], flag(open)));
    gauge(out, "breaker_open", "1: the breaker of the destination or the mail provider is open.", open);
    let stalled = [(Vec::new(), flag(overview.stalled.is_some()))];
    gauge(out, "outbox_stalled", "1: another program's transaction locks outbox rows.", stalled);
    let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
    for one in &overview.attention {
        *kinds.entry(&one.kind).or_default() += 1;
    }
    let attention = kinds.into_iter().map(|(kind, n)| (vec![("kind", kind)], n.to_string()));
    gauge(out, "attention", "Things that need a person, by kind.", attention);
}

fn mails(out: &mut String, overview: &Overview) {
    let mails = &overview.mails;
    let provider = ("provider", &*mails.provider);
    let states = || mails.states.iter().map(|line| (vec![provider, ("state", line.state.name())], line));
    gauge(
        out,
        "mails",
        "Mails that are not sent, by state.",
        states().map(|(labels, line)| (labels, line.rows.to_string())),
    );
    let held = states().map(|(labels, line)| (labels, line.held.to_string()));
    gauge(out, "mails_held", "Mails that wait for a person, by state.", held);
    let oldest = [(vec![provider], seconds(mails.oldest_parked_ms.unwrap_or(0)))];
    gauge(out, "mails_oldest_parked_seconds", "Age of the oldest parked mail; 0: there is none.", oldest);
    let room = mails.room.iter().map(|room| (vec![provider, ("window", &*room.window)], room.left.to_string()));
    gauge(out, "mail_rate_limit_left", "Mails that may still go within the window.", room);
}

fn timers(out: &mut String, overview: &Overview) {
    let beats = || {
        overview
            .heartbeats
            .iter()
            .map(|beat| (vec![("function", &*beat.function), ("instance", &*beat.instance)], beat))
    };
    let age = beats().map(|(labels, beat)| (labels, seconds(beat.age_ms)));
    gauge(out, "heartbeat_age_seconds", "Time since the function's last run on the instance ended.", age);
    let late = beats().map(|(labels, beat)| (labels, flag(beat.late)));
    gauge(out, "heartbeat_late", "1: no instance has run the function in time.", late);
}

fn last_minute(out: &mut String, overview: &Overview) {
    let now = overview.at.duration_trunc(TimeDelta::minutes(1)).unwrap_or(overview.at);
    let minutes: BTreeMap<&str, &Minute> = overview
        .minutes
        .iter()
        .filter(|minute| minute.minute == now - TimeDelta::minutes(1))
        .map(|minute| (&*minute.name, minute))
        .collect();
    // A destination that settled nothing is 0, not absent.
    let known = overview.destinations.iter().map(|line| &*line.name).filter(|name| !name.is_empty());
    let names: BTreeMap<&str, Option<&Minute>> = known
        .chain([&*overview.mails.provider])
        .map(|name| (name, None))
        .chain(minutes.iter().map(|(name, minute)| (*name, Some(*minute))))
        .collect();
    let counts = |count: fn(&Minute) -> u64| {
        let samples = names.iter().map(|(name, minute)| (vec![("name", *name)], minute.map_or(0, count).to_string()));
        samples.collect::<Vec<Sample<'_>>>()
    };
    gauge(
        out,
        "last_minute_done",
        "Accepted by the bus or the mail provider in the last full minute.",
        counts(|m| m.done),
    );
    gauge(out, "last_minute_failed", "Failed in the last full minute, to be tried again.", counts(|m| m.failed));
    gauge(out, "last_minute_given_up", "Dead or refused in the last full minute.", counts(|m| m.given_up));
    let latency = minutes.iter().flat_map(|(name, minute)| {
        [("0.5", minute.p50_ms), ("0.95", minute.p95_ms), ("0.99", minute.p99_ms)]
            .into_iter()
            .filter_map(|(quantile, ms)| Some((vec![("name", *name), ("quantile", quantile)], seconds(ms?))))
    });
    let help = "From the commit to the bus, or from the queue to the mail provider, in the last full minute.";
    gauge(out, "last_minute_latency_seconds", help, latency);
}

fn name(line: &DestinationLine) -> &str {
    if line.name.is_empty() { NOT_ROUTED } else { &line.name }
}

fn flag(is_set: bool) -> String {
    u8::from(is_set).to_string()
}

fn seconds(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    format!("{sign}{}.{:03}", (ms / 1000).abs(), (ms % 1000).abs())
}

/// One family; nothing where it has no samples.
fn gauge<'a>(out: &mut String, name: &str, help: &str, samples: impl IntoIterator<Item = Sample<'a>>) {
    let mut samples = samples.into_iter().peekable();
    if samples.peek().is_none() {
        return;
    }
    // Writing to a String does not fail.
    let _ = writeln!(out, "# HELP client_organizer_{name} {help}\n# TYPE client_organizer_{name} gauge");
    for (labels, value) in samples {
        let pairs: Vec<String> = labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let pairs = if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) };
        let _ = writeln!(out, "client_organizer_{name}{pairs} {value}");
    }
}

fn escaped(label: &str) -> String {
    label.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::operations::{Attention, Heartbeat, MailLines, UnroutedLine};
    use chrono::DateTime;

    fn overview() -> Overview {
        let at = DateTime::from_timestamp(1_700_000_030, 0).unwrap();
        let full = at.duration_trunc(TimeDelta::minutes(1)).unwrap() - TimeDelta::minutes(1);
        let destination = |name: &str| DestinationLine {
            name: name.to_owned(),
            pending: 3,
            leased: 0,
            dead: 1,
            oldest_claimable_ms: Some(61_005),
            pause: None,
            breaker: None,
            last_accepted_on: None,
        };
        let minute = |minute, done| Minute {
            minute,
            name: "queue:a".to_owned(),
            done,
            failed: 2,
            given_up: 0,
            p50_ms: Some(12),
            p95_ms: Some(1_500),
            p99_ms: None,
        };
        Overview {
            at,
            attention: ["lag", "lag", "dead-rows"].map(attention).to_vec(),
            destinations: vec![destination("queue:a"), destination("")],
            unrouted: vec![UnroutedLine { event_type: "a\"b\\c\nd} 9".to_owned(), rows: 3 }],
            mails: MailLines {
                provider: "mail:smtp".to_owned(),
                states: Vec::new(),
                oldest_parked_ms: None,
                pause: None,
                breaker: None,
                room: Vec::new(),
                rate_limited_until: None,
            },
            heartbeats: vec![Heartbeat {
                function: "DispatchOutbox".to_owned(),
                instance: "vm-1".to_owned(),
                last_run_on: at,
                age_ms: 8_000,
                next_by: at,
                late: true,
                error: None,
            }],
            minutes: vec![minute(full, 7), minute(full + TimeDelta::minutes(1), 99)],
            stalled: None,
            schema_version: 1,
        }
    }

    fn attention(kind: &str) -> Attention {
        let (about, text, remedy) = (String::new(), String::new(), String::new());
        Attention { kind: kind.to_owned(), about, text, remedy }
    }

    #[test]
    fn each_figure_is_a_sample_and_the_minute_under_way_is_none() {
        let text = text(&overview());
        for line in [
            "# TYPE client_organizer_outbox_rows gauge",
            r#"client_organizer_outbox_rows{destination="queue:a",state="dead"} 1"#,
            r#"client_organizer_outbox_lag_seconds{destination="(not routed)"} 61.005"#,
            r#"client_organizer_paused{name="mail:smtp"} 0"#,
            "client_organizer_outbox_stalled 0",
            r#"client_organizer_attention{kind="lag"} 2"#,
            r#"client_organizer_heartbeat_age_seconds{function="DispatchOutbox",instance="vm-1"} 8.000"#,
            r#"client_organizer_heartbeat_late{function="DispatchOutbox",instance="vm-1"} 1"#,
            r#"client_organizer_last_minute_done{name="queue:a"} 7"#,
            r#"client_organizer_last_minute_done{name="mail:smtp"} 0"#,
            r#"client_organizer_last_minute_latency_seconds{name="queue:a",quantile="0.95"} 1.500"#,
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
        assert!(
            !text.contains(" 99") && !text.contains("client_organizer_mails{") && !text.contains("\"0.99\""),
            "{text}"
        );
    }

    #[test]
    fn a_label_cannot_end_its_line() {
        let text = text(&overview());
        assert!(text.contains(r#"{event_type="a\"b\\c\nd} 9"} 3"#), "{text}");
        assert!(text.lines().all(|line| line.starts_with("# ") || line.starts_with("client_organizer_")));
        assert!(text.ends_with('\n'));
    }
}
