//! Overviews for many readers: each that asks gets its own, until they ask so often that they share.
//!
//! A dashboard polls every few seconds. A hundred of them would otherwise cost the dispatcher beside them the time of
//! a hundred overviews.

use crate::{domain::operations::Overview, ports::error::StoreResult};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};

/// Most overviews that are made in a second; who asks beyond these gets the last one, which is no older than that.
const MADE_MAX: usize = 3;
const SECOND: Duration = Duration::from_secs(1);

/// The overviews of the last second.
#[derive(Debug, Default)]
pub struct Overviews(Mutex<Made>);

#[derive(Debug, Default)]
struct Made {
    times: VecDeque<Instant>,
    /// By how many minutes back they go.
    last: BTreeMap<u32, (Instant, Overview)>,
}

impl Overviews {
    /// The overview that `compute` returns, or one that another reader got within the last second.
    pub(super) async fn get(
        &self,
        minutes: u32,
        compute: impl AsyncFnOnce() -> StoreResult<Overview>,
    ) -> StoreResult<Overview> {
        // One at a time: those that wait meanwhile share the next.
        let mut made = self.0.lock().await;
        let now = Instant::now();
        made.times.retain(|at| now - *at < SECOND);
        made.last.retain(|_, (at, _)| now - *at < SECOND);
        if let Some((_, overview)) = made.last.get(&minutes)
            && made.times.len() >= MADE_MAX
        {
            return Ok(overview.clone());
        }
        let overview = compute().await?;
        made.times.push_back(now);
        made.last.insert(minutes, (now, overview.clone()));
        Ok(overview)
    }

    /// Whoever asks from now on sees what was just changed.
    pub(super) async fn forget(&self) {
        self.0.lock().await.last.clear();
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
        overviews.forget().await;
        assert_eq!(get(60).await, 5, "what was changed is seen");
        tokio::time::advance(SECOND).await;
        assert_eq!(get(60).await, 6, "none is older than a second");
    }
}
