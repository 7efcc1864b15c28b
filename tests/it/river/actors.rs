//! What runs at a moment: flows of several processes, each polled only when something woke it.

use super::outside::Lock;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// A flow under way; true: it did what it was called for.
pub type Flow = Pin<Box<dyn Future<Output = bool> + Send>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Caller,
    Dispatch,
    Retry,
    Deliver,
    Operator,
    Prune,
    Watch,
    /// Runs as long as its process.
    Nudge,
}

pub struct Actor {
    pub process: usize,
    pub kind: Kind,
    /// The message that it was called for.
    pub lock: Option<Lock>,
    flow: Flow,
    woken: Arc<Woken>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Default)]
pub struct Actors(Vec<Actor>);

impl Actors {
    pub fn start(&mut self, process: usize, kind: Kind, lock: Option<Lock>, flow: Flow) {
        self.0.push(Actor { process, kind, lock, flow, woken: Arc::new(Woken(AtomicBool::new(true))) });
    }

    pub fn count(&self, process: usize, kind: Kind) -> usize {
        self.0.iter().filter(|actor| actor.process == process && actor.kind == kind).count()
    }

    /// Whether anything but nudges is under way.
    pub fn busy(&self) -> bool {
        self.0.iter().any(|actor| actor.kind != Kind::Nudge)
    }

    /// Polls what was woken, until nothing is. Returns those that ended.
    pub fn poll(&mut self) -> Vec<(Actor, bool)> {
        let mut ended = Vec::new();
        while let Some(place) = self.0.iter().position(|actor| actor.woken.0.swap(false, Ordering::Relaxed)) {
            let actor = &mut self.0[place];
            let waker = Waker::from(actor.woken.clone());
            if let Poll::Ready(ok) = actor.flow.as_mut().poll(&mut Context::from_waker(&waker)) {
                ended.push((self.0.remove(place), ok));
            }
        }
        ended
    }

    /// The process dies: what it did is dropped where it stood.
    pub fn crash(&mut self, process: usize) -> Vec<Lock> {
        let (dead, alive) = std::mem::take(&mut self.0).into_iter().partition(|actor| actor.process == process);
        self.0 = alive;
        dead.into_iter().filter_map(|actor: Actor| actor.lock).collect()
    }
}
