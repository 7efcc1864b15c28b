//! Who holds a place, and who gives one up.

use super::Limits;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

pub(super) struct Room {
    limits: Limits,
    seats: Mutex<Vec<Arc<Seat>>>,
    left: Notify,
}

/// One connection's place.
#[derive(Debug)]
pub struct Seat {
    peer: IpAddr,
    /// Since when we wait for the client; None: it waits for us.
    waits_since: Mutex<Option<Instant>>,
    evicted: Notify,
}

/// Who may be evicted changes with time alone, so a newcomer looks again.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Room {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, seats: Mutex::default(), left: Notify::new() }
    }

    /// None: no place came free in time, and nobody was to be evicted.
    pub(super) async fn sit(&self, peer: IpAddr) -> Option<Arc<Seat>> {
        let until = Instant::now() + self.limits.seat_within;
        loop {
            if let Some(seat) = self.try_sit(peer) {
                return Some(seat);
            }
            if Instant::now() >= until {
                return None;
            }
            let _ = tokio::time::timeout(LOOK_EVERY, self.left.notified()).await;
        }
    }

    fn try_sit(&self, peer: IpAddr) -> Option<Arc<Seat>> {
        let now = Instant::now();
        let mut seats = self.seats();
        if seats.len() >= self.limits.seats {
            let mut held: HashMap<IpAddr, usize> = HashMap::new();
            for seat in seats.iter() {
                *held.entry(seat.peer).or_default() += 1;
            }
            let waits = |seat: &Seat| seat.since().filter(|since| now - *since >= self.limits.patience);
            let candidates = seats.iter().enumerate().filter_map(|(at, seat)| Some((at, seat.peer, waits(seat)?)));
            let (at, ..) = candidates.max_by_key(|(_, peer, since)| (held[peer], now - *since))?;
            seats.swap_remove(at).evicted.notify_one();
        }
        let seat = Arc::new(Seat { peer, waits_since: Mutex::new(Some(now)), evicted: Notify::new() });
        seats.push(seat.clone());
        Some(seat)
    }

    pub(super) fn leave(&self, seat: &Arc<Seat>) {
        self.seats().retain(|one| !Arc::ptr_eq(one, seat));
        self.left.notify_one();
    }

    fn seats(&self) -> MutexGuard<'_, Vec<Arc<Seat>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
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
