//! Drains one destination: claim, publish, settle; batches and suspects alternate, or one probe tests the breaker.

use super::{
    dispatch::{DestinationReport, DispatchContext, DispatchReport},
    lease,
    prepare::prepare,
};
use crate::{
    domain::{
        ids::LeaseToken,
        message::Headers,
        outbox::{BreakerChange, Claim, ClaimMode, Claimed, ClaimedRow, LastOutcome, Settle, Settled, Settlement},
        route::Destination,
        verdict::{self, PublishOutcome},
    },
    failpoints,
    ports::{
        error::{StoreError, StoreResult},
        outbox::{Breaker, Due},
    },
    telemetry::{
        meters,
        spans::{self, Span},
    },
};
use futures::FutureExt;
use std::{panic::AssertUnwindSafe, sync::PoisonError, time::Duration};
use tokio::time::Instant;

/// Rows dead-lettered in one step because the name of their destination is invalid.
const DEAD_LETTER_ROWS_MAX: u32 = 500;
/// Cycles of one drain. Each claims rows or ends the drain, so the bound guards against defects alone.
const CYCLES_MAX: u32 = 100_000;

pub(super) async fn drain(context: &DispatchContext, due: &Due, until: Instant) -> DispatchReport {
    let mut report = DispatchReport::default();
    // All destinations are drained in one task: a panic here must not drop the others between publish and settle.
    let ended = AssertUnwindSafe(run(context, due, until, &mut report)).catch_unwind().await;
    report.panicked = ended.is_err();
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => report.failed(&error),
        Err(_) => report.failed(&StoreError::Broken {
            step: "drain",
            reason: format!("dispatching to {} panicked: a defect, and it was logged", due.destination),
            source: None,
        }),
    }
    report
}

async fn run(context: &DispatchContext, due: &Due, until: Instant, report: &mut DispatchReport) -> StoreResult<()> {
    let destination = match Destination::parse(&due.destination) {
        Ok(destination) => destination,
        Err(reason) => {
            let reason = format!("its destination '{}' {reason}", due.destination);
            report.dead += context.outbox.dead_letter(&due.destination, &reason, DEAD_LETTER_ROWS_MAX).await?;
            return Ok(());
        }
    };
    let note = |report: &mut DispatchReport, breaker, reason| {
        report.destinations.retain(|known| known.name != due.destination);
        report.destinations.push(DestinationReport { name: due.destination.clone(), breaker, reason });
    };
    if due.paused {
        note(report, "paused", None);
        return Ok(());
    }
    let batch = ClaimMode::Batch { rows_max: context.settings.batch_max, bytes_max: context.settings.batch_bytes_max };
    let mut mode = match due.breaker {
        Breaker::Closed => batch,
        Breaker::ProbeDue => ClaimMode::Probe,
        Breaker::Open { .. } => {
            note(report, "open", None);
            return Ok(());
        }
    };
    let mut empty_claims = 0;
    for _ in 0..CYCLES_MAX {
        if context.is_over(until) {
            report.out_of_time = true;
            return Ok(());
        }
        let cycle = cycle(context, &destination, mode, report).await?;
        match cycle {
            Cycle::NotOurs => return Ok(()),
            Cycle::Opened(reason) => {
                note(report, "open", Some(reason));
                return Ok(());
            }
            Cycle::Closed => {
                note(report, "closed", None);
                mode = batch;
                continue;
            }
            Cycle::Nothing => empty_claims += 1,
            Cycle::Went => empty_claims = 0,
        }
        // A probe without a verdict was given back: the next run tries again. Batches and suspects alternate until
        // neither finds a row.
        mode = match mode {
            ClaimMode::Probe => return Ok(()),
            _ if empty_claims >= 2 => return Ok(()),
            ClaimMode::Batch { .. } => ClaimMode::Suspect,
            ClaimMode::Suspect => batch,
        };
    }
    Ok(())
}

enum Cycle {
    /// Another dispatcher holds the probe.
    NotOurs,
    /// No row was claimed.
    Nothing,
    /// Rows were claimed and settled.
    Went,
    /// The breaker opened, and why.
    Opened(String),
    /// The probe closed the breaker.
    Closed,
}

async fn cycle(
    context: &DispatchContext,
    destination: &Destination,
    mode: ClaimMode,
    report: &mut DispatchReport,
) -> StoreResult<Cycle> {
    let settings = &context.settings;
    let token = LeaseToken::fresh();
    let name = destination.to_string();
    if mode == ClaimMode::Probe && !context.breakers.take_probe(&name, token, settings.lease_ms).await? {
        return Ok(Cycle::NotOurs);
    }
    // The lease begins after this moment, so a deadline counted from here is on the safe side.
    let claim_sent = Instant::now();
    let millis = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    let lease_end = claim_sent + millis(settings.lease_ms);
    let claim = Claim {
        destination: destination.clone(),
        mode,
        token,
        lease_ms: settings.lease_ms,
        claims_max: settings.claims_max,
    };
    let claimed = context.outbox.claim(&claim).await?;
    report.dead += claimed.set_dead;
    if claimed.set_dead > 0 {
        tracing::warn!(
            destination = name,
            rows = claimed.set_dead,
            "rows are dead, claimed too often without an outcome: see `ops find --state dead`"
        );
    }
    if claimed.rows.is_empty() {
        if mode == ClaimMode::Probe {
            lease::within(lease_end, || context.breakers.give_back_probe(&name, token)).await?;
        }
        return Ok(Cycle::Nothing);
    }
    report.claimed += u32::try_from(claimed.rows.len()).unwrap_or(u32::MAX);
    failpoints::reach("after-claim").await;

    let deadline = claim_sent + millis(settings.lease_ms - settings.headroom_ms);
    let began = Instant::now();
    let span = spans::batch(destination, claimed.rows.len());
    let Published { rows, settlements, breaker } =
        span.around(publish(context, destination, mode, claimed, deadline)).await;
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    report.longest_publish_ms = report.longest_publish_ms.max(took_ms);
    if settlements.iter().any(|(_, settlement)| *settlement == Settlement::Sent) {
        failpoints::reach("after-publish").await;
    }

    let settle = Settle { destination: destination.clone(), token, rows: settlements, breaker };
    let settled = span.around(store(context, &settle, lease_end)).await?;
    drop(span);
    count(report, &settle, &settled, &rows);
    match settle.breaker {
        BreakerChange::Open { reason, .. } => Ok(Cycle::Opened(reason)),
        BreakerChange::Close => Ok(Cycle::Closed),
        BreakerChange::Leave => {
            if mode == ClaimMode::Probe {
                lease::within(lease_end, || context.breakers.give_back_probe(&name, token)).await?;
            }
            Ok(Cycle::Went)
        }
    }
}

async fn store(context: &DispatchContext, settle: &Settle, lease_end: Instant) -> StoreResult<Vec<Settled>> {
    let transaction = spans::transaction("settle", "OutboxMessages");
    let settled = transaction.around(lease::within(lease_end, || context.outbox.settle(settle))).await;
    if let Err(error) = &settled {
        transaction.failed("store", &error.to_string());
    }
    settled
}

/// The claimed rows, and how each is settled.
struct Published {
    rows: Vec<ClaimedRow>,
    settlements: Vec<(i64, Settlement)>,
    breaker: BreakerChange,
}

/// Publishes the rows that can be sent and decides how each row is settled. Nothing else runs between publish and
/// settle.
async fn publish(
    context: &DispatchContext,
    destination: &Destination,
    mode: ClaimMode,
    claimed: Claimed,
    deadline: Instant,
) -> Published {
    let mut settlements = Vec::with_capacity(claimed.rows.len());
    let mut outgoing = Vec::with_capacity(claimed.rows.len());
    let mut unsendable = Vec::new();
    let mut going = Claimed { rows: Vec::with_capacity(claimed.rows.len()), ..claimed };
    for row in claimed.rows {
        match prepare(&row, &context.limits) {
            Ok(message) => {
                outgoing.push(message);
                going.rows.push(row);
            }
            Err(error) => {
                let dead = Settlement::Dead { outcome: LastOutcome::Permanent, error, count_retry: false };
                settlements.push((row.seq, dead));
                unsendable.push(row);
            }
        }
    }
    if outgoing.is_empty() {
        return Published { rows: unsendable, settlements, breaker: BreakerChange::Leave };
    }
    let spans: Vec<Span> = outgoing
        .iter()
        .map(|message| spans::send(destination, message.id.as_str(), &message.headers, message.body.len()))
        .collect();
    let mut outcomes = context.bus.publish(destination, &outgoing, deadline).await;
    // The bus returns one outcome per message. A missing one is treated as unknown.
    outcomes.resize(outgoing.len(), PublishOutcome::TimedOut { reason: "the bus adapter gave no outcome".to_owned() });
    let now = context.clock.now();
    for ((span, message), outcome) in spans.iter().zip(&outgoing).zip(&outcomes) {
        span.sent(outcome);
        meters::sent(destination, outcome, (now - message.occurred_on).to_std().unwrap_or_default());
    }
    drop(spans);
    let dice = || context.dice.lock().unwrap_or_else(PoisonError::into_inner).f64();
    let (judged, breaker) = verdict::judge(mode, &going, &outcomes, &context.settings.policy, dice);
    settlements.extend(judged);
    going.rows.extend(unsendable);
    Published { rows: going.rows, settlements, breaker }
}

fn count(report: &mut DispatchReport, settle: &Settle, settled: &[Settled], rows: &[ClaimedRow]) {
    if let BreakerChange::Open { for_ms, reason } = &settle.breaker {
        tracing::warn!(destination = %settle.destination, for_ms, reason, "destination failed: its breaker is open");
    }
    for ((seq, settlement), settled) in settle.rows.iter().zip(settled) {
        if *settled == Settled::LeaseLost {
            report.lost_leases += 1;
            let (message_id, trace) = named(rows, *seq);
            tracing::warn!(seq, message_id, trace, destination = %settle.destination, "lease lost: another dispatcher took the row over");
            continue;
        }
        match settlement {
            Settlement::Sent => report.sent += 1,
            Settlement::Retry { .. } => report.retried += 1,
            Settlement::Release { .. } => report.released += 1,
            Settlement::Dead { error, .. } => {
                report.dead += 1;
                let (message_id, trace) = named(rows, *seq);
                tracing::warn!(seq, message_id, trace, destination = %settle.destination, reason = error, "row is dead: see `ops show {seq}`, then requeue or discard");
            }
        }
    }
}

/// The id and the trace of a row, for the log.
fn named(rows: &[ClaimedRow], seq: i64) -> (Option<&str>, Option<String>) {
    let row = rows.iter().find(|row| row.seq == seq);
    let headers = row.and_then(|row| serde_json::from_str::<Headers>(&row.headers).ok());
    (row.map(|row| row.id.as_str()), headers.as_ref().and_then(Headers::trace_id))
}
