//! Seeded runs of two dispatchers that retry, lose leases and die, on one store, with writers whose rows commit later
//! than ones of a later Seq: no key is ever published out of order, and nothing is passed over for good.
//!
//! An op is one step of one dispatcher; time moves between ops. A failing run prints its seed; a bug found that way
//! becomes a literal list of ops here.

use crate::support::backend::{Backend, SqliteBackend};
use client_organizer::{
    domain::{
        ids::LeaseToken,
        outbox::{BreakerChange, Claim, ClaimMode, Claimed, Settle, Settled, Settlement},
        route::Destination,
        verdict::{self, Policy, PublishOutcome},
    },
    ports::{breaker::Breakers, outbox::Outbox},
};
use std::{collections::BTreeMap, sync::Arc};

const LEASE_MS: i64 = 10_000;
const HEADROOM_MS: i64 = 2_000;
const POLICY: Policy = Policy {
    retry_max: 3,
    retry_base_ms: 500,
    retry_delay_max_ms: 4_000,
    breaker_base_ms: 1_000,
    breaker_max_ms: 4_000,
};

/// A dispatcher between its steps.
#[derive(Default)]
struct Dispatcher {
    held: Option<Held>,
}

struct Held {
    claimed: Claimed,
    token: LeaseToken,
    mode: ClaimMode,
    claimed_at_ms: i64,
    outcomes: Option<Vec<PublishOutcome>>,
}

struct Run {
    outbox: Arc<dyn Outbox>,
    breakers: Arc<dyn Breakers>,
    destination: Destination,
    rng: fastrand::Rng,
    now_ms: i64,
    /// Per key: the order written, and the order of first publications.
    written: BTreeMap<String, Vec<String>>,
    published: BTreeMap<String, Vec<String>>,
    /// By id: the step in which it was committed, and first claimed.
    committed: BTreeMap<String, u32>,
    claimed: BTreeMap<String, u32>,
    step: u32,
    lost_leases: usize,
}

/// A writer's row that is not committed yet.
struct Open<'a> {
    id: String,
    commit: Box<dyn FnOnce() + Send + 'a>,
}

impl Run {
    fn new(backend: &SqliteBackend, seed: u64) -> Self {
        Self {
            outbox: backend.outbox(),
            breakers: backend.breakers(),
            destination: Destination::parse(&format!("queue:run{seed}")).unwrap(),
            rng: fastrand::Rng::with_seed(seed),
            now_ms: 0,
            written: BTreeMap::new(),
            published: BTreeMap::new(),
            committed: BTreeMap::new(),
            claimed: BTreeMap::new(),
            step: 0,
            lost_leases: 0,
        }
    }

    /// Every third writer is slow.
    fn enqueue<'a>(&mut self, backend: &'a SqliteBackend, n: u32) -> Option<Open<'a>> {
        let key = format!("k{}", self.rng.u32(0..3));
        let id = format!("{}-{n}", self.destination.entity());
        let (columns, values) = (
            "Id, EventType, Payload, Destination, OrderingKey",
            format!("'{id}', 'Plain', '{{}}', '{}', '{key}'", self.destination),
        );
        self.written.entry(key).or_default().push(id.clone());
        if self.rng.u32(0..3) == 0 {
            return Some(Open { id, commit: backend.insert_slowly(columns, &values) });
        }
        backend.execute(&format!("INSERT INTO OutboxMessages ({columns}) VALUES ({values})"));
        self.committed.insert(id, self.step);
        None
    }

    fn commit(&mut self, open: Open<'_>) {
        (open.commit)();
        self.committed.insert(open.id, self.step);
    }

    /// One step: claim, publish, settle, or die.
    async fn step(&mut self, dispatcher: &mut Dispatcher) {
        match dispatcher.held.take() {
            None => dispatcher.held = self.claim().await,
            Some(_) if self.rng.u32(0..12) == 0 => {} // it died; the lease will run out
            Some(held) if held.outcomes.is_none() => dispatcher.held = Some(self.publish(held)),
            Some(held) => self.settle(held).await,
        }
    }

    async fn claim(&mut self) -> Option<Held> {
        let token = LeaseToken::fresh();
        let name = self.destination.to_string();
        let mode = match self.rng.u32(0..4) {
            0 => ClaimMode::Suspect,
            1 if self.breakers.take_probe(&name, token, LEASE_MS).await.unwrap() => ClaimMode::Probe,
            _ => ClaimMode::Batch { rows_max: self.rng.u32(1..4), bytes_max: 1_000 },
        };
        let claim = Claim { destination: self.destination.clone(), mode, token, lease_ms: LEASE_MS, claims_max: 50 };
        let claimed = self.outbox.claim(&claim).await.unwrap();
        for row in &claimed.rows {
            self.claimed.entry(row.id.clone()).or_insert(self.step);
        }
        if claimed.rows.is_empty() {
            if mode == ClaimMode::Probe {
                self.breakers.give_back_probe(&name, token).await.unwrap();
            }
            return None;
        }
        Some(Held { claimed, token, mode, claimed_at_ms: self.now_ms, outcomes: None })
    }

    fn publish(&mut self, mut held: Held) -> Held {
        let in_time = self.now_ms < held.claimed_at_ms + LEASE_MS - HEADROOM_MS;
        let mut outcomes = Vec::new();
        for row in &held.claimed.rows {
            let reason = || "decided by the seed".to_owned();
            let outcome = match self.rng.u32(0..12) {
                _ if !in_time => PublishOutcome::NotTried,
                0 => PublishOutcome::Retry { after_ms: None, reason: reason() },
                1 => PublishOutcome::TimedOut { reason: reason() },
                2 => PublishOutcome::Cut { reason: reason() },
                3 => PublishOutcome::Blocked { after_ms: None, reason: reason() },
                4 => PublishOutcome::Permanent { reason: reason() },
                _ => PublishOutcome::Accepted,
            };
            // The worst case of an unknown outcome: the message was stored.
            let stored = match outcome {
                PublishOutcome::Accepted | PublishOutcome::TimedOut { .. } | PublishOutcome::Cut { .. } => true,
                PublishOutcome::Retry { .. }
                | PublishOutcome::Permanent { .. }
                | PublishOutcome::Blocked { .. }
                | PublishOutcome::NotTried => false,
            };
            let line = self.published.entry(row.ordering_key.clone().unwrap()).or_default();
            if stored && !line.contains(&row.id) {
                line.push(row.id.clone());
            }
            outcomes.push(outcome);
        }
        held.outcomes = Some(outcomes);
        held
    }

    async fn settle(&mut self, held: Held) {
        let outcomes = held.outcomes.unwrap();
        let mut dice = self.rng.fork();
        let (rows, breaker) = verdict::judge(held.mode, &held.claimed, &outcomes, &POLICY, || dice.f64());
        let settle = Settle { destination: self.destination.clone(), token: held.token, rows, breaker };
        let first = self.outbox.settle(&settle).await.unwrap();
        self.lost_leases += first.iter().filter(|s| **s == Settled::LeaseLost).count();
        if self.rng.u32(0..4) == 0 {
            // Its answer was lost: the same settle returns the same again, unless other claims came in between.
            assert_eq!(self.outbox.settle(&settle).await.unwrap(), first);
        }
    }

    fn check(&self, seed: u64) {
        for (key, published) in &self.published {
            let place = |id: &String| self.written[key].iter().position(|w| w == id).unwrap();
            for (n, first) in published.iter().enumerate() {
                for later in published[n + 1..].iter().filter(|later| place(later) < place(first)) {
                    // Allowed only if it was not committed yet when the other was claimed.
                    let unseen = self.committed[later] > self.claimed[first];
                    assert!(unseen, "seed {seed}, key {key}: published {published:?}, {later} after {first}");
                }
            }
        }
    }

    /// Once all faults are over, every row that is not dead is sent.
    async fn drain(&mut self, backend: &SqliteBackend) {
        backend.execute(&format!("UPDATE Destinations SET OpenUntil = NULL WHERE Name = '{}'", self.destination));
        for turn in 0.. {
            let left =
                format!("SELECT count(*) FROM OutboxMessages WHERE State < 2 AND Destination = '{}'", self.destination);
            if backend.query(&left).as_deref() == Some("0") {
                return;
            }
            assert!(turn < 50, "{}: passed over for good", self.destination);
            backend.advance_ms(LEASE_MS + 1);
            for mode in [ClaimMode::Batch { rows_max: 100, bytes_max: 1_000_000 }, ClaimMode::Suspect] {
                let (destination, token) = (self.destination.clone(), LeaseToken::fresh());
                let claim = Claim { destination, mode, token, lease_ms: LEASE_MS, claims_max: 50 };
                let claimed = self.outbox.claim(&claim).await.unwrap();
                let rows = claimed.rows.iter().map(|row| (row.seq, Settlement::Sent)).collect();
                let (destination, breaker) = (self.destination.clone(), BreakerChange::Leave);
                self.outbox.settle(&Settle { destination, token, rows, breaker }).await.unwrap();
            }
        }
    }
}

/// Many more are a proof: `prove -- interleavings`.
#[tokio::test]
async fn no_key_is_published_out_of_order_in_150_seeded_runs() {
    runs(0..150).await;
}

/// Panics where a promise is broken. At least 50 runs, which must have met the cases that they are for.
pub async fn runs(seeds: std::ops::Range<u64>) {
    let many = usize::try_from(seeds.end - seeds.start).unwrap();
    let backend = SqliteBackend::new();
    let (mut published, mut lost_leases, mut late) = (0, 0, 0_usize);
    for seed in seeds {
        let mut run = Run::new(&backend, seed);
        backend.execute(&format!("INSERT INTO Destinations (Name) VALUES ('{}')", run.destination));
        let mut dispatchers = [Dispatcher::default(), Dispatcher::default()];
        let (mut written, mut open) = (0, Vec::new());
        for step in 0..30 {
            run.step = step;
            if written < 8 && run.rng.bool() {
                open.extend(run.enqueue(&backend, written));
                written += 1;
            }
            if !open.is_empty() && run.rng.u32(0..4) == 0 {
                late += 1;
                let any = run.rng.usize(0..open.len());
                run.commit(open.swap_remove(any));
            }
            let who = run.rng.usize(0..2);
            run.step(&mut dispatchers[who]).await;
            let ms = if run.rng.u32(0..8) == 0 { LEASE_MS + 1 } else { run.rng.i64(0..2_000) };
            run.now_ms += ms;
            backend.advance_ms(ms);
        }
        for one in open {
            run.commit(one);
        }
        run.check(seed);
        run.drain(&backend).await;
        published += run.published.values().map(Vec::len).sum::<usize>();
        lost_leases += run.lost_leases;
        // Runs share a database, not a destination; unfinished rows of one run must not slow the next.
        backend.execute(&format!("DELETE FROM OutboxMessages WHERE Destination = '{}'", run.destination));
    }
    assert!(published > 2 * many, "{published}");
    assert!(lost_leases > many / 15, "{lost_leases}");
    assert!(late > many * 2 / 3, "{late}");
}
