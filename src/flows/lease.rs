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

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::RefCell, future::ready};

    /// When a store that answers like this is called, in milliseconds since the lease of 20 s began.
    async fn tries(answer: fn(usize) -> StoreResult<()>) -> (StoreResult<()>, Vec<u128>) {
        let (began, tries) = (Instant::now(), RefCell::new(Vec::new()));
        let store = || {
            tries.borrow_mut().push(began.elapsed().as_millis());
            ready(answer(tries.borrow().len()))
        };
        let ended = within(began + Duration::from_secs(20), store).await;
        (ended, tries.into_inner())
    }

    fn away(_: usize) -> StoreResult<()> {
        Err(StoreError::Unavailable { step: "settle", reason: "away".to_owned(), source: None })
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_away_is_tried_ever_more_rarely_until_the_lease_ends() {
        let (ended, tries) = tries(away).await;
        assert!(matches!(ended, Err(StoreError::Unavailable { .. })));
        assert_eq!(tries, [0, 100, 300, 700, 1_500, 3_100, 6_300, 11_300, 16_300]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_stored_or_can_never_be_is_not_tried_again() {
        let (ended, times) = tries(|n| if n == 3 { Ok(()) } else { away(n) }).await;
        assert_eq!((ended.is_ok(), times), (true, vec![0, 100, 300]));
        let broken = |_| Err(StoreError::Broken { step: "settle", reason: "no table".to_owned(), source: None });
        let (ended, times) = tries(broken).await;
        assert_eq!((ended.is_ok(), times), (false, vec![0]));
    }
}
