//! Stores a result while the lease lasts: only the lease's holder knows it, so a failed write is repeated.

use crate::ports::error::{StoreError, StoreResult};
use std::{future::Future, time::Duration};
use tokio::time::Instant;

/// Pauses between tries. The store has retries of its own; these come on top.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Repeats `store` until it succeeds, fails for good, or the lease ends. The token makes a repeat safe.
pub(super) async fn within<T, F>(lease_end: Instant, store: impl Fn() -> F) -> StoreResult<T>
where
    F: Future<Output = StoreResult<T>>,
{
    let mut pause = PAUSE_MIN;
    loop {
        let failed = match store().await {
            Err(error @ (StoreError::Unavailable { .. } | StoreError::Locked { .. } | StoreError::Unknown { .. })) => {
                error
            }
            answer @ (Ok(_) | Err(StoreError::Broken { .. })) => return answer,
        };
        if Instant::now() + pause >= lease_end {
            return Err(failed);
        }
        tokio::time::sleep(pause).await;
        pause = PAUSE_MAX.min(pause * 2);
    }
}
