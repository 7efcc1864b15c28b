//! What the outbox costs, counted and not timed: requests to the store and SQL statements. What a booking writes is
//! counted in `src/adapters/sqlite/books_costs.rs`.
//!
//! A bound that a change exceeds is a regression. One that a change undercuts is lowered with that change.

use crate::support::{
    backend::Backend,
    edge::Edge,
    fakes::FakeBus,
    world::{EMAILS, World, dispatcher},
};
use async_trait::async_trait;
use client_organizer::{
    domain::{
        outbox::{Claim, Claimed, Settle, Settled},
        route::Routes,
    },
    flows::dispatch::{self, DispatchContext},
    ports::{
        error::StoreResult,
        outbox::{Outbox, Routed, Waiting},
    },
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// An outbox that counts its calls: on SQL Server each is one request (`wire::trips`).
struct Counted {
    inner: Arc<dyn Outbox>,
    calls: Mutex<BTreeMap<&'static str, usize>>,
}

impl Counted {
    fn over(inner: Arc<dyn Outbox>) -> Arc<Self> {
        Arc::new(Self { inner, calls: Mutex::default() })
    }

    fn count(&self, call: &'static str) {
        *self.calls.lock().unwrap().entry(call).or_insert(0) += 1;
    }

    fn calls(&self, call: &str) -> usize {
        self.calls.lock().unwrap().get(call).copied().unwrap_or(0)
    }
}

#[async_trait]
impl Outbox for Counted {
    async fn ensure_destinations(&self, names: &[String]) -> StoreResult<()> {
        self.count("ensure_destinations");
        self.inner.ensure_destinations(names).await
    }
    async fn route(&self, routes: &Routes, rows_max: u32) -> StoreResult<Routed> {
        self.count("route");
        self.inner.route(routes, rows_max).await
    }
    async fn waiting(&self, routes: &Routes) -> StoreResult<Waiting> {
        self.count("waiting");
        self.inner.waiting(routes).await
    }
    async fn holders(&self) -> Vec<String> {
        self.count("holders");
        self.inner.holders().await
    }
    async fn claim(&self, claim: &Claim) -> StoreResult<Claimed> {
        self.count("claim");
        self.inner.claim(claim).await
    }
    async fn settle(&self, settle: &Settle) -> StoreResult<Vec<Settled>> {
        self.count("settle");
        self.inner.settle(settle).await
    }
    async fn dead_letter(&self, destination: &str, reason: &str, rows_max: u32) -> StoreResult<u32> {
        self.count("dead_letter");
        self.inner.dead_letter(destination, reason, rows_max).await
    }
}

/// The statement's name, from its first line; else its first word.
fn name(sql: &str) -> &str {
    let named = sql.strip_prefix("-- ").and_then(|rest| rest.split_once(':'));
    named.map_or_else(|| sql.split_whitespace().next().unwrap_or_default(), |(name, _)| name)
}

/// How often each ran.
fn tally(statements: &[String]) -> BTreeMap<&str, usize> {
    let mut tally = BTreeMap::new();
    for sql in statements {
        *tally.entry(name(sql)).or_insert(0) += 1;
    }
    tally
}

const ROWS: u32 = 1_000;

/// Each row has a key of its own.
fn fill(world: &World) {
    world.backend.execute(&format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         INSERT INTO OutboxMessages (Id, EventType, Payload, Destination, OrderingKey)
         SELECT printf('r%04d', i), 'Plain', '{{}}', '{EMAILS}', i FROM n"
    ));
}

fn context(world: &World, outbox: Arc<dyn Outbox>) -> DispatchContext {
    let bus = Arc::new(FakeBus::accepting());
    let context = dispatcher(&world.backend, bus, world.clock.clone(), world.dispatch.routes.clone(), 1);
    let mut context = DispatchContext { outbox, ..context };
    context.settings.batch_max = 500;
    context
}

#[tokio::test]
async fn a_thousand_rows_cost_few_requests_and_statements() {
    let world = World::noting();
    fill(&world);
    let outbox = Counted::over(world.backend.outbox());
    let context = context(&world, outbox.clone());
    world.backend.noted();
    assert_eq!(dispatch::dispatch(&context).await.sent, ROWS);
    let (statements, calls) = (world.backend.noted(), outbox.calls.lock().unwrap().clone());
    let tally = tally(&statements);
    assert_eq!(outbox.calls("settle"), 2, "one a batch of 500: {calls:?}");
    // What is due before and after, each batch, and a look for more and for suspects.
    assert!(calls.values().sum::<usize>() <= 8, "{calls:?}");
    assert!(statements.len() <= 52, "{}: {tally:?}", statements.len());
}

#[tokio::test]
async fn a_booking_is_so_many_statements() {
    let world = World::noting();
    let client = world.client(1).await;
    world.book_month(client, 1, 100).await;
    world.backend.noted();
    world.book_month(client, 2, 100).await;
    let statements = world.backend.noted();
    assert!(statements.len() <= 11, "{statements:#?}");
}

#[tokio::test]
async fn an_idle_minute_is_so_many_statements() {
    let statements = Edge::over(World::noting()).await.idle_minute().await;
    assert!(statements.len() <= 100, "{}: {:#?}", statements.len(), tally(&statements));
}
