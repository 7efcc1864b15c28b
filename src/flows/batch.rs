//! One batch of one destination: claimed, published, settled.

use super::{
    dispatch::{DispatchContext, DispatchReport},
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
    ports::error::StoreResult,
    telemetry::{
        meters,
        spans::{self, Span},
    },
};
use std::{sync::PoisonError, time::Duration};
use tokio::time::Instant;

/// Rows that one claim leased.
pub(super) struct Batch {
    claimed: Claimed,
    mode: ClaimMode,
    token: LeaseToken,
    /// The lease begins after this moment, so a deadline counted from here is on the safe side.
    claim_sent: Instant,
}

/// How the settle of a batch ended.
pub(super) enum Ended {
    /// The breaker is as it was.
    Settled {
        /// Some rows are suspects now.
        suspects: bool,
        /// Rows may be claimable that were not before: the next of a key, or rows put back without a delay.
        more: bool,
    },
    /// The breaker opened, and why.
    Opened(String),
    /// The probe closed the breaker.
    Closed,
}

/// Leases rows as `mode` says.
pub(super) async fn claim(context: &DispatchContext, destination: &Destination, mode: ClaimMode) -> StoreResult<Batch> {
    claim_with(context, destination, mode, LeaseToken::fresh()).await
}

/// Leases one row through a breaker whose time is over. None: another dispatcher holds the probe. If no row is claimable,
/// the probe is given back.
pub(super) async fn claim_probe(context: &DispatchContext, destination: &Destination) -> StoreResult<Option<Batch>> {
    let (token, name) = (LeaseToken::fresh(), destination.to_string());
    if !context.breakers.take_probe(&name, token, context.settings.lease_ms).await? {
        return Ok(None);
    }
    let batch = claim_with(context, destination, ClaimMode::Probe, token).await?;
    if batch.is_empty() {
        lease::within(batch.lease_end(context), || context.breakers.give_back_probe(&name, token)).await?;
    }
    Ok(Some(batch))
}

async fn claim_with(
    context: &DispatchContext,
    destination: &Destination,
    mode: ClaimMode,
    token: LeaseToken,
) -> StoreResult<Batch> {
    let (lease_ms, claims_max) = (context.settings.lease_ms, context.settings.claims_max);
    let claim_sent = Instant::now();
    let claim = Claim { destination: destination.clone(), mode, token, lease_ms, claims_max };
    let claimed = context.outbox.claim(&claim).await?;
    Ok(Batch { claimed, mode, token, claim_sent })
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.claimed.rows.is_empty()
    }

    /// Whether the claim was not stopped by a bound of its mode, so that nothing more is claimable. A guess where bytes
    /// are near their bound; a wrong one costs a claim or a pass.
    pub(super) fn took_all(&self) -> bool {
        let bounds = self.mode.bounds();
        let bytes: usize = self.claimed.rows.iter().map(|row| row.payload.len() + row.headers.len()).sum();
        self.claimed.rows.len() < bounds.rows_max as usize && (bytes as u64) < bounds.bytes_max / 2
    }

    /// Adds what the claim did to the report.
    pub(super) fn count(&self, destination: &Destination, report: &mut DispatchReport) {
        report.claimed += u32::try_from(self.claimed.rows.len()).unwrap_or(u32::MAX);
        report.dead += self.claimed.set_dead;
        if self.claimed.set_dead > 0 {
            tracing::warn!(
                %destination,
                rows = self.claimed.set_dead,
                "rows are dead, claimed too often without an outcome: see `ops find --state dead`"
            );
        }
    }

    fn lease_end(&self, context: &DispatchContext) -> Instant {
        self.claim_sent + millis(context.settings.lease_ms)
    }

    /// Publishes the rows and settles them. Unless `goes_on`, it puts them back instead: since they were claimed, the
    /// destination failed or the process must stop.
    pub(super) async fn send(
        self,
        context: &DispatchContext,
        destination: &Destination,
        goes_on: bool,
        report: &mut DispatchReport,
    ) -> StoreResult<Ended> {
        failpoints::reach("after-claim").await;
        let (lease_end, mode, token) = (self.lease_end(context), self.mode, self.token);
        let deadline = lease_end - millis(context.settings.headroom_ms);
        let began = Instant::now();
        let span = spans::batch(destination, self.claimed.rows.len());
        let published = publish(context, destination, mode, self.claimed, goes_on.then_some(deadline));
        let Published { rows, settlements, breaker } = span.around(published).await;
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        report.longest_publish_ms = report.longest_publish_ms.max(took_ms);
        if settlements.iter().any(|(_, settlement)| *settlement == Settlement::Sent) {
            failpoints::reach("after-publish").await;
        }

        let settle = Settle { destination: destination.clone(), token, rows: settlements, breaker };
        let settled = span.around(store(context, &settle, lease_end)).await?;
        drop(span);
        count(report, &settle, &settled, &rows);
        if mode == ClaimMode::Probe && settle.breaker == BreakerChange::Leave {
            let name = destination.to_string();
            lease::within(lease_end, || context.breakers.give_back_probe(&name, token)).await?;
        }
        let of_keys = rows.iter().any(|row| row.ordering_key.is_some());
        let (mut suspects, mut frees) = (false, false);
        for (_, settlement) in &settle.rows {
            match settlement {
                Settlement::Sent | Settlement::Dead { .. } => frees |= of_keys,
                Settlement::Retry { suspect, delay_ms, .. } | Settlement::Release { suspect, delay_ms, .. } => {
                    suspects |= suspect;
                    frees |= *delay_ms <= 0;
                }
            }
        }
        Ok(match settle.breaker {
            BreakerChange::Open { reason, .. } => Ended::Opened(reason),
            BreakerChange::Close => Ended::Closed,
            BreakerChange::Leave => Ended::Settled { suspects, more: frees },
        })
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

/// Publishes the rows that can be sent, if there is a deadline, and decides how each row is settled. Nothing else runs
/// between publish and settle.
async fn publish(
    context: &DispatchContext,
    destination: &Destination,
    mode: ClaimMode,
    claimed: Claimed,
    deadline: Option<Instant>,
) -> Published {
    let mut settlements = Vec::with_capacity(claimed.rows.len());
    let mut outgoing = Vec::with_capacity(claimed.rows.len());
    let mut unsendable = Vec::new();
    let mut going = Claimed { rows: Vec::with_capacity(claimed.rows.len()), ..claimed };
    for mut row in claimed.rows {
        match prepare(&mut row, &context.limits) {
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
    let mut outcomes = match deadline {
        Some(deadline) => context.bus.publish(destination, &outgoing, deadline).await,
        None => vec![PublishOutcome::NotTried; outgoing.len()],
    };
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
