//! The overview as it is printed: first what needs a person, then what waits, what was done, whether the timers run.

use super::print::{age, named, optional, print_line, table, time};
use crate::domain::{
    delivery::MailState,
    operations::{BreakerLine, DestinationLine, MailLines, MailStateLine, Minute, Overview, PauseLine},
};
use std::{
    collections::BTreeMap,
    io::{Result, Write},
};

/// What needs a person, and the command that helps: all that a monitor needs.
pub(super) fn attention(out: &mut dyn Write, overview: &Overview) -> Result<()> {
    for one in &overview.attention {
        let about = if one.about.is_empty() { String::new() } else { format!(" {}", one.about) };
        print_line(out, &format!("! {}{about}: {}", one.kind, one.text))?;
        if !one.remedy.is_empty() {
            print_line(out, &format!("  → {}", one.remedy))?;
        }
    }
    if overview.attention.is_empty() {
        return print_line(out, "all is well: nothing needs a person");
    }
    Ok(())
}

pub(super) fn overview(out: &mut dyn Write, overview: &Overview) -> Result<()> {
    print_line(out, &format!("{}, schema version {}", time(overview.at), overview.schema_version))?;
    attention(out, overview)?;
    writeln!(out)?;
    destinations(out, &overview.destinations)?;
    if let Some(stalled) = &overview.stalled {
        print_line(out, &format!("{stalled}."))?;
    }
    for one in &overview.unrouted {
        let (rows, event_type) = (one.rows, &one.event_type);
        let line = format!(
            "{rows} row(s) of event type '{event_type}' wait: it has no route. Set Routes__{event_type} (empty: to nobody)."
        );
        print_line(out, &line)?;
    }
    writeln!(out)?;
    mails(out, &overview.mails)?;
    writeln!(out)?;
    timers(out, overview)?;
    done(out, overview)
}

/// The reasons stand in sentences below: a table is cut at the terminal's width.
fn destinations(out: &mut dyn Write, lines: &[DestinationLine]) -> Result<()> {
    let cells = lines.iter().map(|one| {
        vec![
            named(&one.name),
            one.pending.to_string(),
            one.leased.to_string(),
            one.dead.to_string(),
            optional(one.oldest_claimable_ms.map(age)),
            match (&one.pause, &one.breaker) {
                (Some(_), _) => "paused".to_owned(),
                (None, Some(_)) => "breaker open".to_owned(),
                (None, None) => "ready".to_owned(),
            },
            optional(one.last_accepted_on.map(time)),
        ]
    });
    table(out, &["destination", "pending", "leased", "dead", "lag", "state", "last accepted"], cells)?;
    for one in lines.iter().filter(|one| one.pause.is_some() || one.breaker.is_some()) {
        print_line(out, &format!("{}: {}", named(&one.name), condition(one.pause.as_ref(), one.breaker.as_ref())))?;
    }
    Ok(())
}

/// A pause comes first: while it lasts, nothing probes the breaker.
fn condition(pause: Option<&PauseLine>, breaker: Option<&BreakerLine>) -> String {
    if let Some(pause) = pause {
        let until =
            pause.until.map_or_else(|| "until it is resumed".to_owned(), |until| format!("until {}", time(until)));
        let by = pause.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let reason = pause.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        return format!("paused{by} since {} {until}{reason}", time(pause.on));
    }
    let Some(breaker) = breaker else { return "ready".to_owned() };
    let since = breaker.since.map(|since| format!(" since {}", time(since))).unwrap_or_default();
    let reason = breaker.reason.as_deref().unwrap_or("no reason recorded");
    format!("breaker open{since}, next probe {}: {reason}", time(breaker.next_probe_on))
}

fn mails(out: &mut dyn Write, mails: &MailLines) -> Result<()> {
    let next = |one: &MailStateLine| match one.state {
        MailState::Accepted => "go with the next RetryEmail".to_owned(),
        MailState::Sending => "are under way".to_owned(),
        MailState::Sent => "-".to_owned(),
        MailState::Parked => {
            let oldest = mails.oldest_parked_ms.map(|ms| format!(" (the oldest {} ago)", age(ms))).unwrap_or_default();
            format!("go by themselves when due{oldest}: `ops mail list --state parked`")
        }
        MailState::InDoubt if one.held > 0 => {
            format!("{} of them held for a decision: `ops mail list --state in-doubt`", one.held)
        }
        MailState::InDoubt => "are sent, or their status is queried, when due".to_owned(),
        MailState::Refused => "were not sent: `ops mail list --state refused`".to_owned(),
    };
    if mails.states.is_empty() {
        print_line(out, "no unsent mails")?;
    } else {
        let cells = mails.states.iter().map(|one| vec![one.state.name().to_owned(), one.rows.to_string(), next(one)]);
        table(out, &["mails", "number", "what happens next"], cells)?;
        print_line(out, &format!("{} unsent mail(s)", mails.states.iter().map(|one| one.rows).sum::<u64>()))?;
    }
    let condition = condition(mails.pause.as_ref(), mails.breaker.as_ref());
    let room: Vec<String> =
        mails.room.iter().map(|one| format!("{} of {} left this {}", one.left, one.limit, one.window)).collect();
    let room = if room.is_empty() { String::new() } else { format!("; {}", room.join(", ")) };
    print_line(out, &format!("{}: {condition}{room}", mails.provider))?;
    rate_limited(out, mails)
}

fn rate_limited(out: &mut dyn Write, mails: &MailLines) -> Result<()> {
    match mails.rate_limited_until {
        Some(until) => {
            print_line(out, &format!("{} is rate limited until {}: due mails wait", mails.provider, time(until)))
        }
        None => Ok(()),
    }
}

/// Why due mails are not sent; nothing if they are.
pub(super) fn mailing(out: &mut dyn Write, mails: &MailLines) -> Result<()> {
    if mails.pause.is_some() || mails.breaker.is_some() {
        let condition = condition(mails.pause.as_ref(), mails.breaker.as_ref());
        print_line(out, &format!("{}: {condition}: due mails wait", mails.provider))?;
    }
    rate_limited(out, mails)
}

fn timers(out: &mut dyn Write, overview: &Overview) -> Result<()> {
    if overview.heartbeats.is_empty() {
        return print_line(out, "no timer has run within a day");
    }
    for one in &overview.heartbeats {
        let late =
            if one.late { format!(" and is late: a run was due by {}", time(one.next_by)) } else { String::new() };
        let failed = one.error.as_ref().map(|error| format!("; that run failed: {error}")).unwrap_or_default();
        let line = format!("{} last ran {} ago on {}{late}{failed}", one.function, age(one.age_ms), one.instance);
        print_line(out, &line)?;
    }
    Ok(())
}

/// What was settled, by destination and mail provider. Percentiles of different minutes cannot be added up: those of
/// the latest minute are printed.
fn done(out: &mut dyn Write, overview: &Overview) -> Result<()> {
    let mut names: BTreeMap<&str, Vec<&Minute>> = BTreeMap::new();
    for minute in &overview.minutes {
        names.entry(&minute.name).or_default().push(minute);
    }
    if names.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let cells = names.iter().map(|(name, minutes)| {
        let sum = |count: fn(&Minute) -> u64| minutes.iter().map(|one| count(one)).sum::<u64>().to_string();
        let latest = minutes.iter().rev().find(|one| one.p50_ms.is_some());
        let latency =
            latest.map(|one| [one.p50_ms, one.p95_ms, one.p99_ms].map(|ms| optional(ms.map(latency))).join(" "));
        vec![
            (*name).to_owned(),
            sum(|one| one.done),
            sum(|one| one.failed),
            sum(|one| one.given_up),
            optional(latency),
            spark(overview, minutes),
        ]
    });
    table(out, &["where", "done", "failed", "given up", "p50 p95 p99", "per minute, now at the right"], cells)
}

fn latency(ms: i64) -> String {
    if ms < 1_000 { format!("{ms} ms") } else { age(ms) }
}

/// At the right the minute of the overview, at the left half an hour before.
const SPARK_MINUTES: usize = 30;

fn spark(overview: &Overview, minutes: &[&Minute]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let mut counts = [0; SPARK_MINUTES];
    for one in minutes {
        let ago = usize::try_from((overview.at - one.minute).num_minutes()).unwrap_or(0);
        if let Some(count) = (SPARK_MINUTES - 1).checked_sub(ago).and_then(|place| counts.get_mut(place)) {
            *count += one.done;
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let bar = |count: u64| {
        let height = usize::try_from((count * 8).div_ceil(most)).unwrap_or(8);
        height.checked_sub(1).and_then(|height| BARS.get(height)).copied().unwrap_or('·')
    };
    counts.map(bar).iter().collect()
}
