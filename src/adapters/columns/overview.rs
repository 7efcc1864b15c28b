//! The rows that an overview is made of, and how it is made of them: the same for both databases.

use super::{Columns, mail, report::error};
use crate::{
    domain::{
        delivery::MailState,
        operations::{
            BreakerLine, DestinationLine, Heartbeat, MailLines, MailStateLine, Minute, Overview, PauseLine, Room,
            UnroutedLine, late_functions,
        },
    },
    ports::operations::OverviewQuery,
};
use chrono::{DateTime, Datelike, Utc};

/// For how long a heartbeat is listed; the last one of a function, always.
const HEARTBEAT_MS_MAX: i64 = 24 * 3_600_000;
/// For how long a refused mail whose content is still stored waits for a person: over a long weekend.
pub(in crate::adapters) const REFUSED_RECENT_MS: i64 = 4 * 24 * 3_600_000;

/// What the statements returned.
#[derive(Default)]
pub(in crate::adapters) struct Parts {
    pub destinations: Vec<(DestinationLine, Option<DateTime<Utc>>)>,
    /// Event type, how many rows, when the oldest is due.
    pub not_routed: Vec<(String, u64, DateTime<Utc>)>,
    pub mail_states: Vec<(MailStateLine, DateTime<Utc>)>,
    /// Mails within the windows of the rate limit: in a minute, in an hour.
    pub counted: (u32, u32),
    pub heartbeats: Vec<Heartbeat>,
    pub minutes: Vec<Minute>,
    pub stalled: Option<String>,
    pub schema_version: u32,
}

/// A destination or mail provider, and until when it waits for its rate limit. Without its oldest claimable row, which
/// a statement of its own finds.
pub(in crate::adapters) fn destination<R: Columns>(
    row: &R,
) -> Result<(DestinationLine, Option<DateTime<Utc>>), R::Error> {
    let pause = row.time_opt("PausedUntilUtc")?.zip(row.time_opt("PausedOnUtc")?);
    let pause = pause.map(|(until, on)| {
        Ok(PauseLine {
            on,
            // The last year that the database can store stands for "until a person resumes it".
            until: (until.year() < 9_999).then_some(until),
            by: row.text_opt("PausedBy")?,
            reason: row.text_opt("PausedReason")?,
        })
    });
    let breaker = row.time_opt("OpenUntil")?.map(|next_probe_on| {
        Ok(BreakerLine {
            since: row.time_opt("OpenedOnUtc")?,
            next_probe_on,
            failures: row.count("Failures")?,
            reason: error(row, "Reason")?,
        })
    });
    let line = DestinationLine {
        name: row.text("Name")?,
        pending: row.total("Pending")?,
        leased: row.total("Leased")?,
        dead: row.total("Dead")?,
        oldest_claimable_ms: None,
        pause: pause.transpose()?,
        breaker: breaker.transpose()?,
        last_accepted_on: row.time_opt("LastAcceptedOnUtc")?,
    };
    Ok((line, row.time_opt("PacedUntilUtc")?))
}

pub(in crate::adapters) fn not_routed<R: Columns>(row: &R) -> Result<(String, u64, DateTime<Utc>), R::Error> {
    Ok((row.text("EventType")?, row.total("Waiting")?, row.time("OldestDueAt")?))
}

/// How many mails are in a state, and when the oldest of them was received.
pub(in crate::adapters) fn mail_state<R: Columns>(row: &R) -> Result<(MailStateLine, DateTime<Utc>), R::Error> {
    let line = MailStateLine { state: mail::state(row)?, rows: row.total("Mails")?, held: row.total("Held")? };
    Ok((line, row.time("OldestOnUtc")?))
}

pub(in crate::adapters) fn counted<R: Columns>(row: &R) -> Result<(u32, u32), R::Error> {
    Ok((row.count("InMinute")?, row.count("InHour")?))
}

/// Late by itself; the overview considers the other instances.
pub(in crate::adapters) fn heartbeat<R: Columns>(row: &R, now: DateTime<Utc>) -> Result<Heartbeat, R::Error> {
    let (last_run_on, next_by) = (row.time("LastRunOnUtc")?, row.time("NextByUtc")?);
    Ok(Heartbeat {
        function: row.text("Function")?,
        instance: row.text("Instance")?,
        last_run_on,
        age_ms: (now - last_run_on).num_milliseconds().max(0),
        next_by,
        late: next_by < now,
        error: error(row, "Error")?,
    })
}

pub(in crate::adapters) fn minute<R: Columns>(row: &R) -> Result<Minute, R::Error> {
    Ok(Minute::of(row.time("MinuteUtc")?, row.text("Name")?, &row.text("Counts")?))
}

impl Parts {
    pub(in crate::adapters) fn overview(mut self, query: &OverviewQuery, now: DateTime<Utc>) -> Overview {
        let unrouted = self.take_unrouted(&query.routed_types, now);
        let mails = self.mails(query, now);
        let destinations = self.destinations.into_iter().map(|(line, _)| line);
        Overview {
            at: now,
            attention: Vec::new(),
            // Rows without a destination are listed only where there are any.
            destinations: destinations
                .filter(|one| !one.name.starts_with("mail:"))
                .filter(|one| !one.name.is_empty() || one.pending + one.leased + one.dead > 0)
                .collect(),
            unrouted,
            mails,
            heartbeats: recent(&late_functions(self.heartbeats)),
            minutes: self.minutes,
            stalled: self.stalled,
            schema_version: self.schema_version,
        }
    }

    /// Rows without a destination whose type has a route only wait for the next dispatch: they are counted as the
    /// destination `''`, so that a dispatcher that never runs is noticed. The others are unrouted.
    fn take_unrouted(&mut self, routed_types: &[String], now: DateTime<Utc>) -> Vec<UnroutedLine> {
        let (mut pending, mut oldest_ms, mut unrouted) = (0, None, Vec::new());
        for (event_type, rows, oldest_due_at) in std::mem::take(&mut self.not_routed) {
            if routed_types.contains(&event_type) {
                pending += rows;
                let age_ms = (now - oldest_due_at).num_milliseconds();
                oldest_ms = oldest_ms.max((age_ms >= 0).then_some(age_ms));
            } else {
                unrouted.push(UnroutedLine { event_type, rows });
            }
        }
        if let Some((waiting, _)) = self.destinations.iter_mut().find(|(one, _)| one.name.is_empty()) {
            (waiting.pending, waiting.oldest_claimable_ms) = (pending, oldest_ms);
        }
        unrouted
    }

    fn mails(&self, query: &OverviewQuery, now: DateTime<Utc>) -> MailLines {
        let provider = self.destinations.iter().find(|(one, _)| one.name == query.provider);
        let parked = self.mail_states.iter().find(|(one, _)| one.state == MailState::Parked);
        let room = |window: &str, limit: u32, used: u32| Room {
            window: window.to_owned(),
            limit,
            left: limit.saturating_sub(used),
        };
        let windows = [
            room("minute", query.rate_limit.per_minute, self.counted.0),
            room("hour", query.rate_limit.per_hour, self.counted.1),
        ];
        MailLines {
            provider: query.provider.clone(),
            states: self.mail_states.iter().map(|(line, _)| line.clone()).collect(),
            oldest_parked_ms: parked.map(|(_, received_on)| (now - *received_on).num_milliseconds().max(0)),
            pause: provider.and_then(|(one, _)| one.pause.clone()),
            breaker: provider.and_then(|(one, _)| one.breaker.clone()),
            room: windows.into_iter().filter(|one| one.limit > 0).collect(),
            rate_limited_until: provider.and_then(|(_, until)| *until),
        }
    }
}

fn recent(all: &[Heartbeat]) -> Vec<Heartbeat> {
    let last_of = |function: &str| all.iter().filter(|one| one.function == function).map(|one| one.last_run_on).max();
    let listed = |one: &Heartbeat| one.age_ms <= HEARTBEAT_MS_MAX || last_of(&one.function) == Some(one.last_run_on);
    all.iter().filter(|one| listed(one)).cloned().collect()
}
