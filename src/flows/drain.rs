//! Drains one destination: batches, several under way at once; a suspect alone; or one probe that tests the breaker.

use super::{
    batch::{self, Batch, Ended},
    dispatch::{DestinationReport, DispatchContext, DispatchReport},
};
use crate::{
    domain::{outbox::ClaimMode, route::Destination},
    ports::{
        error::{StoreError, StoreResult},
        outbox::{Breaker, Due},
    },
};
use futures::{
    FutureExt, StreamExt,
    future::{Fuse, FusedFuture},
    stream::FuturesUnordered,
};
use std::{panic::AssertUnwindSafe, pin::pin};
use tokio::time::Instant;

/// Rows dead-lettered in one step because the name of their destination is invalid.
const DEAD_LETTER_ROWS_MAX: u32 = 500;
/// Batches under way at once, each with a lease of its own: enough to publish one while others are claimed and settled,
/// also where an answer takes 15 ms. What they hold in memory is bounded by the bounds of a claim, times this.
const BATCHES_AT_ONCE: usize = 4;
/// Batches until suspects get their turn, if none is known of.
const BATCHES_A_ROUND: u32 = 64;
/// Rounds of one drain. Each claims rows or ends the drain, so the bound guards against defects alone.
const ROUNDS_MAX: u32 = 100_000;

pub(super) async fn drain(context: &DispatchContext, due: &Due, until: Instant) -> DispatchReport {
    let mut report = DispatchReport::default();
    // All destinations are drained in one task: a panic here must not drop the others between publish and settle.
    let ended = AssertUnwindSafe(run(context, due, until, &mut report)).catch_unwind().await;
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => report.failed(&error),
        Err(_) => {
            report.panicked = true;
            report.failed(&panicked(&due.destination));
        }
    }
    report
}

fn panicked(destination: &str) -> StoreError {
    StoreError::Broken {
        step: "drain",
        reason: format!("dispatching to {destination} panicked: a defect, and it was logged"),
        source: None,
    }
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
        report.destinations.push(DestinationReport { name: due.destination.clone(), breaker, reason });
    };
    if due.paused {
        note(report, "paused", None);
        return Ok(());
    }
    match due.breaker {
        Breaker::Closed => {}
        Breaker::Open { .. } => {
            note(report, "open", None);
            return Ok(());
        }
        Breaker::ProbeDue => {
            if context.is_over(until) {
                report.out_of_time = true;
                return Ok(());
            }
            match alone(context, &destination, ClaimMode::Probe, report).await? {
                Some(Ended::Closed) => note(report, "closed", None),
                Some(Ended::Opened(reason)) => {
                    note(report, "open", Some(reason));
                    return Ok(());
                }
                // A probe without a verdict was given back: the next run tries again.
                Some(Ended::Settled { .. }) | None => return Ok(()),
            }
        }
    }
    let mut suspects = due.suspects > 0;
    for _ in 0..ROUNDS_MAX {
        let flowed = batches(context, &destination, until, if suspects { 1 } else { BATCHES_A_ROUND }, report).await?;
        if let Some(reason) = flowed.opened {
            note(report, "open", Some(reason));
            return Ok(());
        }
        suspects |= flowed.suspects;
        // Otherwise nothing is claimable. What has come since is found by the next pass.
        if !suspects && !flowed.interrupted {
            return Ok(());
        }
        // Whoever publishes a suspect may be cut off or die: of this destination nothing else is under way meanwhile, and of
        // others no suspect, so that each is claimed without the one that kills.
        let only = context.suspects.lock().await;
        // The wait for another destination's suspect counts: of many such waits none may outlast the run.
        if context.is_over(until) {
            report.out_of_time = true;
            return Ok(());
        }
        let alone = alone(context, &destination, ClaimMode::Suspect, report).await?;
        drop(only);
        match alone {
            Some(Ended::Opened(reason)) => {
                note(report, "open", Some(reason));
                return Ok(());
            }
            Some(Ended::Settled { .. } | Ended::Closed) => suspects = true,
            None if !flowed.interrupted => return Ok(()),
            None => suspects = false,
        }
    }
    Ok(())
}

/// How a round of batches ended.
#[derive(Default)]
struct Flowed {
    /// More may be claimable: the round ended by its bound.
    interrupted: bool,
    /// Some rows are suspects now.
    suspects: bool,
    /// The breaker opened, and why.
    opened: Option<String>,
}

/// Claims, publishes and settles batches. While one is published, others are claimed and settled; no two of them hold
/// rows of one key. Ends when nothing more is claimable, after `batches_max`, when the time is up or at a failure, and
/// never before all batches under way are settled.
async fn batches(
    context: &DispatchContext,
    destination: &Destination,
    until: Instant,
    batches_max: u32,
    report: &mut DispatchReport,
) -> StoreResult<Flowed> {
    let mode = ClaimMode::Batch { rows_max: context.settings.batch_max, bytes_max: context.settings.batch_bytes_max };
    let mut flowed = Flowed::default();
    let mut failed = None;
    let mut under_way = FuturesUnordered::new();
    let mut claiming = pin!(Fuse::terminated());
    let (mut claims, mut dry) = (0, false);
    // Whether a batch freed rows since the claim under way began: the claim may have missed them.
    let mut freed = false;
    loop {
        let goes_on = failed.is_none() && flowed.opened.is_none();
        if goes_on && !dry && claiming.is_terminated() && under_way.len() < BATCHES_AT_ONCE {
            if claims == batches_max || context.is_over(until) {
                flowed.interrupted = true;
                dry = true;
            } else {
                claims += 1;
                freed = false;
                claiming.set(batch::claim(context, destination, mode).fuse());
            }
        }
        futures::select_biased! {
            (ended, own) = under_way.select_next_some() => {
                report.add(own);
                match ended {
                    Ok(Ended::Settled { suspects, more }) => {
                        flowed.suspects |= suspects;
                        freed |= more;
                        dry &= !more || flowed.interrupted;
                    }
                    Ok(Ended::Opened(reason)) => flowed.opened = Some(reason),
                    Ok(Ended::Closed) => {}
                    Err(error) => _ = failed.get_or_insert(error),
                }
            }
            claimed = claiming => match claimed {
                Ok(batch) => {
                    batch.count(destination, report);
                    dry = batch.took_all() && !freed;
                    if !batch.is_empty() {
                        let goes_on = failed.is_none() && flowed.opened.is_none() && !context.is_stopping();
                        under_way.push(guarded(context, destination, batch, goes_on));
                    }
                }
                Err(error) => _ = failed.get_or_insert(error),
            },
            complete => break,
        }
    }
    failed.map_or(Ok(flowed), Err)
}

/// A panic over one batch must not drop the others between publish and settle.
async fn guarded(
    context: &DispatchContext,
    destination: &Destination,
    batch: Batch,
    goes_on: bool,
) -> (StoreResult<Ended>, DispatchReport) {
    let mut report = DispatchReport::default();
    let sent = AssertUnwindSafe(batch.send(context, destination, goes_on, &mut report)).catch_unwind().await;
    let ended = sent.unwrap_or_else(|_| {
        report.panicked = true;
        Err(panicked(&destination.to_string()))
    });
    (ended, report)
}

/// Claims one row as `mode` says, and publishes and settles it, while nothing else is under way. None: there was no such
/// row, or another dispatcher holds the probe.
async fn alone(
    context: &DispatchContext,
    destination: &Destination,
    mode: ClaimMode,
    report: &mut DispatchReport,
) -> StoreResult<Option<Ended>> {
    let Some(batch) = (match mode {
        ClaimMode::Probe => batch::claim_probe(context, destination).await?,
        ClaimMode::Batch { .. } | ClaimMode::Suspect => Some(batch::claim(context, destination, mode).await?),
    }) else {
        return Ok(None);
    };
    batch.count(destination, report);
    if batch.is_empty() {
        return Ok(None);
    }
    batch.send(context, destination, true, report).await.map(Some)
}
