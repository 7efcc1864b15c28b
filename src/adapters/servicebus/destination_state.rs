//! What a publish has learnt about its destination: once it is down, the rest of the batch is not sent.

use crate::domain::verdict::PublishOutcome;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Default)]
pub(super) struct DestinationState {
    blocked: AtomicUsize,
    /// Cuts and timeouts in a row. One may be a message's own fault; as many as run concurrently are not.
    unanswered: AtomicUsize,
}

impl DestinationState {
    pub(super) fn is_failing(&self, unanswered_max: usize) -> bool {
        self.blocked.load(Ordering::Relaxed) > 0 || self.unanswered.load(Ordering::Relaxed) >= unanswered_max.max(1)
    }

    pub(super) fn note(&self, outcome: &PublishOutcome) {
        match outcome {
            PublishOutcome::Blocked { .. } => {
                self.blocked.fetch_add(1, Ordering::Relaxed);
            }
            PublishOutcome::TimedOut { .. } | PublishOutcome::Cut { .. } => {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
            }
            PublishOutcome::Accepted | PublishOutcome::Retry { .. } | PublishOutcome::Permanent { .. } => {
                self.unanswered.store(0, Ordering::Relaxed);
            }
            PublishOutcome::NotTried => {}
        }
    }
}
