//! Who holds a place, and who gives one up.

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
    open: Mutex<Vec<Arc<Slot>>>,
    left: Notify,
}

/// One connection's place.
#[derive(Debug)]
pub struct Slot {
    peer: IpAddr,
    /// Since when we wait for the client; None: it waits for us.
    waits_since: Mutex<Option<Instant>>,
    evicted: Notify,
}

/// Who may be evicted changes with time alone, so a newcomer looks again.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Slots {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, open: Mutex::default(), left: Notify::new() }
    }

    /// None: no place came free in time, and nobody was to be evicted.
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
        let mut slots = self.slots();
        if slots.len() >= self.limits.slots {
            let mut held: HashMap<IpAddr, usize> = HashMap::new();
            for slot in slots.iter() {
                *held.entry(slot.peer).or_default() += 1;
            }
            let waits = |slot: &Slot| slot.since().filter(|since| now - *since >= self.limits.patience);
            let candidates = slots.iter().enumerate().filter_map(|(at, slot)| Some((at, slot.peer, waits(slot)?)));
            let (at, ..) = candidates.max_by_key(|(_, peer, since)| (held[peer], now - *since))?;
            slots.swap_remove(at).evicted.notify_one();
        }
        let slot = Arc::new(Slot { peer, waits_since: Mutex::new(Some(now)), evicted: Notify::new() });
        slots.push(slot.clone());
        Some(slot)
    }

    pub(super) fn release(&self, slot: &Arc<Slot>) {
        self.slots().retain(|one| !Arc::ptr_eq(one, slot));
        self.left.notify_one();
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Arc<Slot>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// From now on the client is awaited: for its body, the next request, or to take its answer.
    pub(super) fn waits(&self) {
        *self.lock() = Some(Instant::now());
    }

    /// The client waits for us.
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
