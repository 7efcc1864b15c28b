//! The nudge: a booking or a remedy wakes one small dispatch in this process. Nothing depends on it: the timer finds every row.

use super::dispatch::{self, DispatchContext};
use futures::FutureExt;
use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
};
use tokio::sync::Notify;

/// Wakes the dispatcher. Cheap to clone. Any number of wakes during a run cause one more run.
#[derive(Debug, Clone, Default)]
pub struct Nudge(Arc<Notify>);

impl Nudge {
    /// Requests a run; returns at once.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Dispatches once per wake, one run at a time, until the context's `stopping` is set.
    pub async fn run(&self, context: &DispatchContext) {
        loop {
            self.0.notified().await;
            if context.stopping.load(Ordering::Relaxed) {
                return;
            }
            // A panic ends this run only: what it leased comes back when the lease ends. Shared state is behind locks
            // that are read even when poisoned.
            let Ok(report) = AssertUnwindSafe(dispatch::dispatch(context)).catch_unwind().await else {
                tracing::error!("nudged dispatch panicked; the timer goes on from here");
                continue;
            };
            if let Some(error) = &report.store_error {
                tracing::warn!(error, "nudged dispatch met a store error; the timer goes on from here");
            }
            if report.claimed > 0 {
                tracing::info!(claimed = report.claimed, sent = report.sent, dead = report.dead, "nudged dispatch");
            }
        }
    }
}
