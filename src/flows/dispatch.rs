//! Dispatching: routes unrouted rows, then drains each destination until nothing is due or the run's time is up.
//! With an empty outbox a run is a single query.

use super::{
    drain,
    health::{Health, Part},
};
use crate::{
    domain::{flow_settings::DispatchSettings, message::MessageLimits, route::Routes},
    ports::{
        breaker::Breakers,
        bus::Bus,
        clock::Clock,
        error::{StoreError, StoreResult},
        outbox::{Due, Outbox, held_by, named},
    },
};
use futures::StreamExt;
use serde::Serialize;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// What dispatching needs.
pub struct DispatchContext {
    /// The outbox rows.
    pub outbox: Arc<dyn Outbox>,
    /// The breaker of each destination.
    pub breakers: Arc<dyn Breakers>,
    /// Publishes to queues and topics.
    pub bus: Arc<dyn Bus>,
    /// Time of what Health reports.
    pub clock: Arc<dyn Clock>,
    /// Where each event type goes.
    pub routes: Arc<Routes>,
    /// Bounds of a message's body and headers.
    pub limits: MessageLimits,
    /// Batch sizes, leases and delays.
    pub settings: DispatchSettings,
    /// Receives the state of the database and the bus after each run.
    pub health: Arc<Health>,
    /// Jitter; seeded in simulations.
    pub dice: Mutex<fastrand::Rng>,
    /// Held while a suspect is under way. All contexts of a process share it: if one suspect kills the process, no other
    /// is blamed for it.
    pub suspects: Arc<tokio::sync::Mutex<()>>,
    /// Once true, a run settles what it has published, puts back what else it has claimed and ends, so that a graceful
    /// stop leaves no row leased.
    pub stopping: Arc<AtomicBool>,
}

impl DispatchContext {
    /// Whether a run with the deadline `until` must end now.
    pub(super) fn is_over(&self, until: Instant) -> bool {
        self.is_stopping() || Instant::now() >= until
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// Destinations drained concurrently, so that a slow one does not delay the others; bounds the open connections.
const DESTINATIONS_AT_ONCE: usize = 8;
/// Rows routed in one transaction: a flood of inserts without a destination must not hold the write lock for long.
const ROUTE_ROWS_MAX: u32 = 500;
/// Passes of one run. A pass follows only one that made progress, so the bound guards against defects alone.
const PASSES_MAX: u32 = 10_000;

/// What one run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DispatchReport {
    /// Rows that received their destination.
    pub routed: u32,
    /// Rows of event types that are routed to nobody.
    pub discarded: u32,
    /// Rows leased by this run.
    pub claimed: u32,
    /// Rows that the bus accepted.
    pub sent: u32,
    /// Rows that failed and are due again later.
    pub retried: u32,
    /// Rows returned without a failure counted against them.
    pub released: u32,
    /// Rows that are dead since this run.
    pub dead: u32,
    /// Rows that another dispatcher took over before they were settled.
    pub lost_leases: u32,
    /// The longest publish of one claim, in milliseconds.
    pub longest_publish_ms: u64,
    /// Destinations that are paused, or whose breaker is open or was closed by this run.
    pub destinations: Vec<DestinationReport>,
    /// The rows that another program's transaction locks, and what is known of it; the other rows were dispatched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stalled: Option<String>,
    /// How many such rows the last query found.
    #[serde(skip)]
    pub held: u32,
    /// More was due when the time was up; the next run continues.
    pub out_of_time: bool,
    /// How the store failed; rows leased at that moment come back when their lease ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_error: Option<String>,
    /// The failed step panicked: a defect of this program, not a failure of the database.
    #[serde(skip)]
    pub panicked: bool,
}

/// A destination that was not drained as usual.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationReport {
    /// `queue:<name>` or `topic:<name>`.
    pub name: String,
    /// `paused`, `open` or `closed`.
    pub breaker: &'static str,
    /// Why this run opened the breaker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl DispatchReport {
    pub(super) fn add(&mut self, other: Self) {
        self.routed += other.routed;
        self.discarded += other.discarded;
        self.claimed += other.claimed;
        self.sent += other.sent;
        self.retried += other.retried;
        self.released += other.released;
        self.dead += other.dead;
        self.lost_leases += other.lost_leases;
        self.longest_publish_ms = self.longest_publish_ms.max(other.longest_publish_ms);
        self.stalled = self.stalled.take().or(other.stalled);
        self.held = other.held;
        self.out_of_time |= other.out_of_time;
        self.panicked |= other.panicked;
        for mut one in other.destinations {
            if let Some(at) = self.destinations.iter().position(|known| known.name == one.name) {
                let known = self.destinations.remove(at);
                // A later pass finds the breaker open and does not know why.
                one.reason = one.reason.or(known.reason.filter(|_| known.breaker == one.breaker));
            }
            self.destinations.push(one);
        }
        self.store_error = self.store_error.take().or(other.store_error);
    }

    /// Whether any row moved on. If not, another pass would find the same rows.
    fn progressed(&self) -> bool {
        self.routed + self.discarded + self.sent + self.retried + self.dead > 0
    }

    /// A lock of another program is a stall, not a store error: the database works, and so do other destinations.
    pub(super) fn failed(&mut self, error: &StoreError) {
        let line = if matches!(error, StoreError::Locked { .. }) { &mut self.stalled } else { &mut self.store_error };
        line.get_or_insert_with(|| error.to_string());
    }
}

/// Runs until nothing is due or the time is up. A bad row or a bus outage is part of the report; `store_error` is set
/// only if the store failed.
pub async fn dispatch(context: &DispatchContext) -> DispatchReport {
    let until = Instant::now() + Duration::from_millis(context.settings.run_ms);
    let mut report = DispatchReport::default();
    for _ in 0..PASSES_MAX {
        let pass = pass(context, until).await;
        let go_on = pass.progressed() && pass.store_error.is_none() && !pass.out_of_time;
        report.add(pass);
        if !go_on {
            break;
        }
        // Routing and dead-lettering do not check the deadline: a flood of such rows could outlast any run.
        if context.is_over(until) {
            report.out_of_time = true;
            break;
        }
    }
    if report.held > 0 || report.stalled.is_some() {
        let holders = context.outbox.holders().await;
        report.stalled = Some(match report.stalled.take().filter(|_| report.held == 0) {
            Some(reason) => format!("{reason}; locks are held by {}", named(&holders)),
            None => held_by(report.held, &holders),
        });
    }
    if let Some(reason) = &report.stalled {
        tracing::warn!(reason, "rows wait for another program's transaction");
    }
    let now = context.clock.now();
    match &report.store_error {
        Some(_) if report.panicked => {}
        Some(reason) => context.health.failed(Part::Database, now, reason.clone()),
        None => context.health.ok(Part::Database, now),
    }
    match report.destinations.iter().find(|d| d.breaker == "open") {
        Some(d) => {
            // Only the run that opened the breaker knows the reason; later runs keep it.
            let line = d.reason.as_ref().map(|reason| format!("{}: {reason}", d.name));
            let known = || context.health.reason(Part::Bus).filter(|known| known.starts_with(&format!("{}: ", d.name)));
            let reason = line.or_else(known).unwrap_or_else(|| format!("{}: its breaker is open", d.name));
            context.health.failed(Part::Bus, now, reason);
        }
        None if report.sent > 0 => context.health.ok(Part::Bus, now),
        None => {}
    }
    report
}

async fn pass(context: &DispatchContext, until: Instant) -> DispatchReport {
    let mut report = DispatchReport::default();
    let due = match found(context, &mut report).await {
        Ok(due) => due,
        Err(error) => {
            report.failed(&error);
            return report;
        }
    };
    // Collected first: a closure over borrowed rows inside the stream would make this future not Send.
    let drains: Vec<_> = due.iter().map(|one| drain::drain(context, one, until)).collect();
    let drained: Vec<_> = futures::stream::iter(drains).buffer_unordered(DESTINATIONS_AT_ONCE).collect().await;
    for one in drained {
        report.add(DispatchReport { held: report.held, ..one });
    }
    report
}

/// Finds what is due. Where rows are unrouted, it routes them and then queries again.
async fn found(context: &DispatchContext, report: &mut DispatchReport) -> StoreResult<Vec<Due>> {
    let waiting = context.outbox.waiting(&context.routes).await?;
    report.held = waiting.held;
    if !waiting.unrouted {
        return Ok(waiting.due);
    }
    match context.outbox.route(&context.routes, ROUTE_ROWS_MAX).await {
        Ok(routed) => {
            report.routed = routed.routed;
            report.discarded = routed.discarded;
            report.dead = routed.duplicates;
        }
        // Rows that have their destination are dispatched all the same.
        Err(error @ StoreError::Locked { .. }) => report.failed(&error),
        Err(error) => return Err(error),
    }
    Ok(context.outbox.waiting(&context.routes).await?.due)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_reports_the_sum_of_its_passes_and_the_last_state_of_each_destination() {
        let line = |name: &str, breaker| DestinationReport { name: name.to_owned(), breaker, reason: None };
        let why = |one| DestinationReport { reason: Some("away".to_owned()), ..one };
        let pass = |n: u32, destinations, why: Option<&str>| DispatchReport {
            routed: n,
            discarded: n + 1,
            claimed: n + 2,
            sent: n + 3,
            retried: n + 4,
            released: n + 5,
            dead: n + 6,
            lost_leases: n + 7,
            longest_publish_ms: u64::from(n),
            destinations,
            stalled: why.map(str::to_owned),
            held: n,
            out_of_time: why.is_some(),
            store_error: why.map(str::to_owned),
            panicked: why.is_some(),
        };
        let mut run = pass(20, vec![why(line("queue:a", "open")), line("queue:b", "paused")], None);
        run.add(pass(10, vec![line("queue:a", "closed"), why(line("queue:c", "open"))], Some("first")));
        run.add(pass(0, vec![line("queue:c", "open")], None));
        run.add(pass(30, Vec::new(), Some("second")));
        run.add(pass(0, Vec::new(), None));
        let sum = DispatchReport {
            routed: 60,
            discarded: 65,
            claimed: 70,
            sent: 75,
            retried: 80,
            released: 85,
            dead: 90,
            lost_leases: 95,
            longest_publish_ms: 30,
            destinations: vec![line("queue:b", "paused"), line("queue:a", "closed"), why(line("queue:c", "open"))],
            stalled: Some("first".to_owned()),
            held: 0,
            out_of_time: true,
            store_error: Some("first".to_owned()),
            panicked: true,
        };
        assert_eq!(run, sum);
    }

    #[test]
    fn a_lock_of_another_program_is_a_stall_and_the_first_failure_of_the_store_is_kept() {
        let (mut report, step) = (DispatchReport::default(), "claim");
        for reason in ["one", "two"] {
            report.failed(&StoreError::Locked { step, reason: reason.to_owned(), source: None });
            report.failed(&StoreError::Unavailable { step, reason: reason.to_owned(), source: None });
        }
        let (stalled, failed) = (report.stalled.unwrap(), report.store_error.unwrap());
        assert!(stalled.contains("lock") && stalled.contains("one"), "{stalled}");
        assert!(failed.contains("not available") && failed.contains("one"), "{failed}");
    }

    /// A pass over nothing but rows that are put back finds the same rows again.
    #[test]
    fn another_pass_follows_only_one_that_settled_or_routed_something() {
        let of = |report: DispatchReport| report.progressed();
        let none = DispatchReport::default;
        for some in [
            DispatchReport { routed: 1, ..none() },
            DispatchReport { discarded: 1, ..none() },
            DispatchReport { sent: 1, ..none() },
            DispatchReport { retried: 1, ..none() },
            DispatchReport { dead: 1, ..none() },
        ] {
            assert!(of(some));
        }
        assert!(!of(DispatchReport { claimed: 1, released: 1, lost_leases: 1, held: 1, ..none() }));
    }
}
