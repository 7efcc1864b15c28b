//! One round of kills at random instants: the handler, and sometimes the local host with its queue.

use super::{Counts, Reckoning, Setup, callers::Storm};
use std::{sync::Arc, time::Duration};

pub(super) const CALLERS: u32 = 6;
/// Full speed, but for the time that a person's client takes: a round drains in seconds.
pub(super) const PAUSE: Duration = Duration::from_millis(3);
/// The longest time that passes between two kills, from when the next process is up.
const BETWEEN_MS: u64 = 350;

pub(super) async fn round(setup: Arc<Setup>, seed: u64) -> Counts {
    let mut dice = fastrand::Rng::with_seed(seed);
    let (_ground, mut site, mailbox) = setup.site(seed).await;
    site.start();
    site.up().await;
    let storm = Storm::begin(&site.news(), 0, CALLERS, dice.u64(..), PAUSE).await;
    let kills = dice.u64(2..=4);
    for _ in 0..kills {
        site.up().await;
        tokio::time::sleep(Duration::from_millis(dice.u64(..BETWEEN_MS))).await;
        if dice.u8(..4) == 0 {
            site.kill_host();
            site.start();
        } else {
            site.kill_handler().await;
        }
    }
    let ledger = storm.end().await;
    let counts = Reckoning::of(&site).settle(&ledger, &mailbox).await;
    site.stop();
    Counts { kills, ..counts }
}
