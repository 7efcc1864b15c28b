//! The stage of a simulation: one clock, and a gate at every call of a process, which opens when the run says so.

use super::op::How;
use std::{
    fmt::Write,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};
use tokio::time::Instant;

/// When every simulation begins, in milliseconds since 1970: after any time that SQLite's own clock gives a row.
const BEGIN_MS: i64 = 4_000_000_000_000;

pub struct Stage {
    gates: Mutex<Gates>,
    began: Instant,
    /// What the store takes for the time.
    pub store_ms: Arc<AtomicI64>,
    /// By how much the store's clock was set forward.
    pub jump_ms: AtomicI64,
    /// Number of the op that runs.
    pub step: AtomicUsize,
    /// How much has happened: one more with every call, so that what is before what is never a guess.
    moments: AtomicUsize,
    /// Everything that happened, a line each: two runs of one list must be equal in it.
    log: Mutex<String>,
}

#[derive(Default)]
struct Gates {
    next: u64,
    waiting: Vec<Gate>,
}

struct Gate {
    number: u64,
    process: usize,
    what: &'static str,
    how: Option<How>,
    waker: Option<Waker>,
}

impl Stage {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            gates: Mutex::default(),
            began: Instant::now(),
            store_ms: Arc::new(AtomicI64::new(BEGIN_MS)),
            jump_ms: AtomicI64::new(0),
            step: AtomicUsize::new(0),
            moments: AtomicUsize::new(0),
            log: Mutex::default(),
        })
    }

    /// The store's time, in milliseconds since 1970.
    pub fn store_now_ms(&self) -> i64 {
        self.now_ms() + self.jump_ms.load(Ordering::Relaxed)
    }

    /// The time, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        BEGIN_MS + i64::try_from((Instant::now() - self.began).as_millis()).unwrap()
    }

    pub fn step(&self) -> usize {
        self.step.load(Ordering::Relaxed)
    }

    /// A moment after all those before it.
    pub fn moment(&self) -> usize {
        self.moments.fetch_add(1, Ordering::Relaxed)
    }

    /// Waits before a call until it may go.
    pub fn gate(self: &Arc<Self>, process: usize, what: &'static str) -> AtGate {
        AtGate { stage: self.clone(), process, what, number: None }
    }

    /// Lets the `nth` of those that wait go.
    pub fn open(&self, nth: usize, how: How) {
        let opened = {
            let mut gates = self.gates();
            let waiting = &gates.waiting;
            let shut: Vec<_> = (0..waiting.len()).filter(|place| waiting[*place].how.is_none()).collect();
            if shut.is_empty() {
                return;
            }
            let gate = &mut gates.waiting[shut[nth % shut.len()]];
            gate.how = Some(how);
            (gate.process, gate.what, gate.waker.take())
        };
        self.log(format_args!("{} {} {how:?}", opened.0, opened.1));
        if let Some(waker) = opened.2 {
            waker.wake();
        }
    }

    /// Lets the first call of a process go that waits. False: none does.
    pub fn open_of(&self, process: usize) -> bool {
        let place = {
            let gates = self.gates();
            let shut = gates.waiting.iter().filter(|gate| gate.how.is_none());
            shut.enumerate().find(|(_, gate)| gate.process == process).map(|(place, _)| place)
        };
        place.map(|place| self.open(place, How::Well)).is_some()
    }

    pub fn any_waits(&self) -> bool {
        !self.gates().waiting.is_empty()
    }

    /// Runs a call of the store to its end while everything else stands still: a thread of the store's own never meets
    /// the simulated clock.
    pub fn run<T>(&self, call: impl Future<Output = T>) -> T {
        self.store_ms.store(self.store_now_ms(), Ordering::Relaxed);
        futures::executor::block_on(call)
    }

    pub fn log(&self, line: std::fmt::Arguments<'_>) {
        let mut log = self.log.lock().unwrap();
        writeln!(log, "{} {} {line}", self.step(), self.now_ms() - BEGIN_MS).unwrap();
    }

    pub fn logged(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    fn gates(&self) -> MutexGuard<'_, Gates> {
        self.gates.lock().unwrap()
    }
}

/// A call that waits at its gate. If its process dies it is dropped.
pub struct AtGate {
    stage: Arc<Stage>,
    process: usize,
    what: &'static str,
    number: Option<u64>,
}

impl Future for AtGate {
    type Output = How;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<How> {
        let this = self.get_mut();
        let mut gates = this.stage.gates();
        let Some(number) = this.number else {
            let number = gates.next;
            gates.next += 1;
            let (process, what, waker) = (this.process, this.what, Some(context.waker().clone()));
            gates.waiting.push(Gate { number, process, what, how: None, waker });
            this.number = Some(number);
            return Poll::Pending;
        };
        let place = gates.waiting.iter().position(|gate| gate.number == number).unwrap();
        if let Some(how) = gates.waiting[place].how {
            gates.waiting.remove(place);
            this.number = None;
            return Poll::Ready(how);
        }
        gates.waiting[place].waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for AtGate {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.stage.gates().waiting.retain(|gate| gate.number != number);
        }
    }
}
