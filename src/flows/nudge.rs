//! The nudge: a booking wakes one small dispatch in this process. Nothing depends on it; the timer sweeps.

use super::dispatch::{self, DispatchContext};
use futures::FutureExt;
use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
};
use tokio::sync::Notify;

/// Cheap to clone. Waking while a run is under way causes one more run after it, however often.
#[derive(Debug, Clone, Default)]
pub struct Nudge(Arc<Notify>);

impl Nudge {
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Dispatches once per wake, one run at a time, until the context says stop.
    pub async fn run(&self, context: &DispatchContext) {
        loop {
            self.0.notified().await;
            if context.stopping.load(Ordering::Relaxed) {
                return;
            }
            // A panic ends this run only, as it would an invocation: what was leased comes back when its lease ends. What
            // the context shares is behind locks that are read also when poisoned.
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
