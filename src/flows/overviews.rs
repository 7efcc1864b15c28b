//! Overviews for many readers: each that asks gets its own, until they ask so often that they share.
//!
//! A dashboard polls every few seconds. A hundred of them would otherwise cost the dispatcher beside them the time of
//! a hundred overviews.

use crate::{domain::operations::Overview, ports::error::StoreResult};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};

/// Most overviews that are made in a second; who asks beyond these gets the last one, which is no older than that.
const MADE_MAX: usize = 3;
const SECOND: Duration = Duration::from_secs(1);

/// The overviews of the last second.
#[derive(Debug, Default)]
pub struct Overviews {
    made: Mutex<Made>,
    /// How often something was changed: an overview that was begun before is never shared after it.
    changes: AtomicU64,
}

#[derive(Debug, Default)]
struct Made {
    times: VecDeque<Instant>,
    /// By how many minutes back they go.
    last: BTreeMap<u32, Last>,
}

#[derive(Debug)]
struct Last {
    begun: Instant,
    /// `changes` at that time.
    changes: u64,
    overview: Overview,
}

impl Overviews {
    /// The overview that `compute` returns, or one that another reader got within the last second.
    pub(super) async fn get(
        &self,
        minutes: u32,
        compute: impl AsyncFnOnce() -> StoreResult<Overview>,
    ) -> StoreResult<Overview> {
        let asked = Instant::now();
        // One at a time: those that wait meanwhile share the next.
        let mut made = self.made.lock().await;
        let (begun, changes) = (Instant::now(), self.changes.load(Ordering::Acquire));
        made.times.retain(|at| begun - *at < SECOND);
        if let Some(last) = made.last.get(&minutes)
            && last.changes == changes
            && (last.begun > asked || (begun - last.begun < SECOND && made.times.len() >= MADE_MAX))
        {
            return Ok(last.overview.clone());
        }
        let overview = compute().await?;
        made.last.retain(|_, last| begun - last.begun < SECOND);
        made.times.push_back(begun);
        made.last.insert(minutes, Last { begun, changes, overview: overview.clone() });
        Ok(overview)
    }

    /// Whoever asks from now on sees what was just changed.
    pub(super) fn forget(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::operations::MailLines;
    use chrono::DateTime;

    fn numbered(number: u32) -> Overview {
        Overview {
            at: DateTime::UNIX_EPOCH,
            attention: Vec::new(),
            destinations: Vec::new(),
            unrouted: Vec::new(),
            mails: MailLines {
                provider: String::new(),
                states: Vec::new(),
                oldest_parked_ms: None,
                pause: None,
                breaker: None,
                room: Vec::new(),
                rate_limited_until: None,
            },
            heartbeats: Vec::new(),
            minutes: Vec::new(),
            stalled: None,
            schema_version: number,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_readers_share_and_a_few_do_not() {
        let overviews = Overviews::default();
        let mut made = 0;
        let mut get = async |minutes| {
            let one = overviews.get(minutes, async || {
                made += 1;
                Ok(numbered(made))
            });
            one.await.unwrap().schema_version
        };
        assert_eq!([get(60).await, get(60).await, get(60).await], [1, 2, 3], "a few get their own");
        assert_eq!([get(60).await, get(60).await], [3, 3], "many share");
        assert_eq!(get(5).await, 4, "one of other minutes is another");
        overviews.forget();
        assert_eq!(get(60).await, 5, "what was changed is seen");
        tokio::time::advance(SECOND).await;
        assert_eq!(get(60).await, 6, "none is older than a second");
        assert_eq!(get(60).await, 7, "and a few get their own again");
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_wait_for_a_slow_one_share_the_next() {
        let (overviews, made) = (Overviews::default(), AtomicU64::new(0));
        let slow = || {
            overviews.get(60, async || {
                tokio::time::sleep(2 * SECOND).await;
                Ok(numbered(u32::try_from(made.fetch_add(1, Ordering::Relaxed)).unwrap()))
            })
        };
        let began = Instant::now();
        futures::future::join_all((0..100).map(|_| slow())).await;
        assert!(made.load(Ordering::Relaxed) <= 2 && began.elapsed() <= 4 * SECOND, "{:?}", began.elapsed());
        let (first, changed) = tokio::join!(slow(), async {
            overviews.forget();
            slow().await
        });
        assert!(changed.unwrap().schema_version > first.unwrap().schema_version, "begun before the change");
    }
}
