//! The settings of routes and schedules.

use super::{catalogue::ROUTE_PREFIX, reader::Reader};
use crate::domain::{
    events::{self, DefaultRoute, EventType},
    ids::utf16_chars,
    route::{Destination, Routes},
    schedule::Schedule,
};
use std::collections::BTreeMap;

/// The queue that SendEmail reads. None: its name is invalid, which is reported.
pub(super) fn email_queue(reader: &mut Reader<'_>) -> Option<Destination> {
    let queue = reader.text("EmailQueueName");
    let parsed = Destination::parse(&format!("queue:{queue}"));
    parsed.map_err(|reason| reader.problem("EmailQueueName", reason)).ok()
}

pub(super) fn read(
    reader: &mut Reader<'_>,
    env: &BTreeMap<String, String>,
    email_queue: Option<&Destination>,
) -> Routes {
    let email: Vec<Destination> = email_queue.into_iter().cloned().collect();
    let by_default = |event: &EventType| match event.default_route {
        DefaultRoute::EmailQueue => email.clone(),
        DefaultRoute::Nobody => Vec::new(),
    };
    let mut routes: BTreeMap<_, _> = events::ALL.iter().map(|one| (one.name.to_owned(), by_default(one))).collect();
    for (name, value) in env {
        let Some(event_type) = name.strip_prefix(ROUTE_PREFIX) else { continue };
        let mut destinations = Vec::new();
        for part in value.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match Destination::parse(part) {
                Ok(destination) if destinations.contains(&destination) => {
                    reader.problem(name.clone(), format!("names {destination} twice"));
                }
                Ok(destination) => destinations.push(destination),
                Err(reason) => reader.problem(name.clone(), reason),
            }
        }
        if event_type.is_empty() || utf16_chars(event_type) > 200 {
            reader.invalid(name.clone(), "expected Routes__<EventType>, the type with 1 to 200 characters");
        }
        routes.insert(event_type.to_owned(), destinations);
    }
    Routes(routes)
}

/// When the timer functions run; the host runs them. None, only in invalid settings: the schedule is.
#[derive(Debug, Clone)]
pub struct Schedules {
    /// `OutboxSchedule`.
    pub outbox: Option<Schedule>,
    /// `RetryEmailSchedule`.
    pub retry_email: Option<Schedule>,
    /// `PruneSchedule`.
    pub prune: Option<Schedule>,
}

pub(super) fn schedules(reader: &mut Reader<'_>) -> Schedules {
    let mut schedule = |name| {
        let parsed = Schedule::parse(reader.text(name));
        parsed.map_err(|why| reader.problem(name, why)).ok()
    };
    Schedules {
        outbox: schedule("OutboxSchedule"),
        retry_email: schedule("RetryEmailSchedule"),
        prune: schedule("PruneSchedule"),
    }
}
