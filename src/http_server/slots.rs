//! The connection slots: who holds one, and who loses it to a new connection.

use super::Limits;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

pub(super) struct Slots {
    limits: Limits,
    held: Mutex<Vec<Arc<Slot>>>,
    left: Notify,
}

/// The slot of one connection.
#[derive(Debug)]
pub struct Slot {
    peer: IpAddr,
    /// Since when the server waits for the client; None: the client waits for the server.
    waits_since: Mutex<Option<Instant>>,
    evicted: Notify,
}

/// A connection becomes evictable by the passing of time alone, so a waiting one checks again.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Slots {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, held: Mutex::default(), left: Notify::new() }
    }

    /// None: no slot came free in time, and no connection could be evicted.
    pub(super) async fn acquire(&self, peer: IpAddr) -> Option<Arc<Slot>> {
        let until = Instant::now() + self.limits.slot_within;
        loop {
            if let Some(slot) = self.try_acquire(peer) {
                return Some(slot);
            }
            if Instant::now() >= until {
                return None;
            }
            let _ = tokio::time::timeout(LOOK_EVERY, self.left.notified()).await;
        }
    }

    fn try_acquire(&self, peer: IpAddr) -> Option<Arc<Slot>> {
        let now = Instant::now();
        let mut held = self.held();
        if held.len() >= self.limits.slots {
            let mut per_peer: HashMap<IpAddr, usize> = HashMap::new();
            for slot in held.iter() {
                *per_peer.entry(slot.peer).or_default() += 1;
            }
            let waits = |slot: &Slot| slot.since().filter(|since| now - *since >= self.limits.patience);
            let candidates = held.iter().enumerate().filter_map(|(at, slot)| Some((at, slot.peer, waits(slot)?)));
            let (at, ..) = candidates.max_by_key(|(_, peer, since)| (per_peer[peer], now - *since))?;
            held.swap_remove(at).evicted.notify_one();
        }
        let slot = Arc::new(Slot { peer, waits_since: Mutex::new(Some(now)), evicted: Notify::new() });
        held.push(slot.clone());
        Some(slot)
    }

    pub(super) fn release(&self, slot: &Arc<Slot>) {
        self.held().retain(|one| !Arc::ptr_eq(one, slot));
        self.left.notify_one();
    }

    fn held(&self) -> MutexGuard<'_, Vec<Arc<Slot>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// The server now waits for the client: for its body, its next request, or to take its answer.
    pub(super) fn waits(&self) {
        *self.lock() = Some(Instant::now());
    }

    /// The client now waits for the server.
    pub(super) fn works(&self) {
        *self.lock() = None;
    }

    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    fn since(&self) -> Option<Instant> {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.waits_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
