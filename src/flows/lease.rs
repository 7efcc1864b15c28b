//! What the holder of a lease stores is tried again as long as the lease lasts: nobody else knows it.

use crate::ports::error::{StoreError, StoreResult};
use std::{future::Future, time::Duration};
use tokio::time::Instant;

/// The store tries by itself first; these are between its answers.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// `store` is safe to repeat: its token tells what was done before.
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
