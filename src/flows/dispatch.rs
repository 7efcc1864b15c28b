//! Sending: routes what is unrouted, then drains each destination until nothing is due or the run's time is up.
//! Where nothing waits, a run is one question.

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

pub struct DispatchContext {
    pub outbox: Arc<dyn Outbox>,
    pub breakers: Arc<dyn Breakers>,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    pub routes: Arc<Routes>,
    pub limits: MessageLimits,
    pub settings: DispatchSettings,
    pub health: Arc<Health>,
    /// Jitter; seeded in simulations.
    pub dice: Mutex<fastrand::Rng>,
    /// Once true, a run settles what it has claimed and ends: nothing is left leased by who stops in good order.
    pub stopping: Arc<AtomicBool>,
}

impl DispatchContext {
    /// Must a run that may last until then end now?
    pub(super) fn is_over(&self, until: Instant) -> bool {
        self.stopping.load(Ordering::Relaxed) || Instant::now() >= until
    }
}

/// Destinations drained side by side, so that a slow one holds up no other; a bound on open connections.
const DESTINATIONS_AT_ONCE: usize = 8;
/// Rows routed in one transaction, so that a flood of plain inserts does not hold the write lock for long.
const ROUTE_ROWS_MAX: u32 = 500;
/// Passes of one run; each needs progress in the one before, so this only guards against a defect.
const PASSES_MAX: u32 = 10_000;

/// What one run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DispatchReport {
    pub routed: u32,
    pub discarded: u32,
    pub claimed: u32,
    pub sent: u32,
    pub retried: u32,
    pub released: u32,
    pub dead: u32,
    pub lost_leases: u32,
    /// The longest that the bus took for the rows of one claim.
    pub longest_publish_ms: u64,
    pub destinations: Vec<DestinationReport>,
    /// Rows that another program's transaction keeps from going, and what is known of it; the others went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stalled: Option<String>,
    /// How many such rows the last question found.
    #[serde(skip)]
    pub held: u32,
    /// There was more to do when the time was up; the next run goes on.
    pub out_of_time: bool,
    /// The store failed in this step; what was leased then comes back when its lease ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_error: Option<String>,
    /// The step that failed panicked: a defect of ours, which says nothing of the database.
    #[serde(skip)]
    pub panicked: bool,
}

/// A destination that is not simply open for business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationReport {
    pub name: String,
    pub breaker: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl DispatchReport {
    fn add(&mut self, other: Self) {
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
        for one in other.destinations {
            self.destinations.retain(|known| known.name != one.name);
            self.destinations.push(one);
        }
        self.store_error = self.store_error.take().or(other.store_error);
    }

    /// Did anything leave the line? If not, another pass would find the same.
    fn progressed(&self) -> bool {
        self.routed + self.discarded + self.sent + self.retried + self.dead > 0
    }

    /// With a lock that another program holds the database is well, and so are the other destinations.
    pub(super) fn failed(&mut self, error: &StoreError) {
        let line = if matches!(error, StoreError::Locked { .. }) { &mut self.stalled } else { &mut self.store_error };
        line.get_or_insert_with(|| error.to_string());
    }
}

/// One bad row or a bus outage is no failed run; a store that cannot be reached is, and the report says so.
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
        // Routing and burying take no drain's time, and a flood of such rows outlasts any run.
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
            // The run that opened it knows why; those that only find it open must not forget that.
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
    // Made first: a closure over borrowed rows inside the stream would keep this future from being Send.
    let drains: Vec<_> = due.iter().map(|one| drain::drain(context, one, until)).collect();
    let drained: Vec<_> = futures::stream::iter(drains).buffer_unordered(DESTINATIONS_AT_ONCE).collect().await;
    for one in drained {
        report.add(DispatchReport { held: report.held, ..one });
    }
    report
}

/// Routes only where something is to be routed; what that makes due is asked again.
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
        // What has its destination goes all the same.
        Err(error @ StoreError::Locked { .. }) => report.failed(&error),
        Err(error) => return Err(error),
    }
    Ok(context.outbox.waiting(&context.routes).await?.due)
}
