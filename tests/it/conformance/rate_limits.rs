//! A throttled destination slows every instance: the stored breaker passes the broker's answer to the others.

use super::{Bench, PATIENCE, bus};
use crate::support::{
    backend::{Backend, SqliteBackend},
    fakes::FakeClock,
    world::{dispatcher, routes},
};
use client_organizer::flows::dispatch::{DispatchContext, dispatch};
use serde_json::{Value, json};
use std::sync::Arc;

conformance!(a_throttled_destination_slows_every_instance_and_recovers);

const ROWS: usize = 40;
/// So long that the delays of a busy machine do not matter.
const PAUSE_S: u32 = 3_600;
const NEARLY_MS: i64 = 3_000_000;
const REST_MS: i64 = 700_000;

/// Two instances, each with connections of its own, on one store.
struct Instances<'a> {
    on: &'a Bench,
    store: SqliteBackend,
    both: [DispatchContext; 2],
}

impl<'a> Instances<'a> {
    fn start(on: &'a Bench) -> Self {
        let store = SqliteBackend::new();
        let to = format!("queue:{}", on.entity);
        let both = [1, 2].map(|seed| {
            let bus = bus(&on.broker.connection(on.door), on.door, PATIENCE);
            let routes = routes(&[("FinancialRecordCreated", &[&to])]);
            let mut context = dispatcher(&store, bus, Arc::new(FakeClock::new()), routes, seed);
            // So short that only the pause that the broker names is waited for.
            context.settings.policy.breaker_base_ms = 1;
            context.settings.policy.breaker_max_ms = 1;
            context
        });
        Self { on, store, both }
    }

    /// Runs both, one after the other; returns how many transfers that took.
    async fn transfers(&self) -> u64 {
        let before = self.reported("transfers").await;
        for context in &self.both {
            let report = dispatch(context).await;
            assert_eq!((report.retried, report.dead, report.store_error), (0, 0, None));
        }
        self.reported("transfers").await - before
    }

    async fn reported(&self, what: &str) -> u64 {
        self.on.broker.reported(&self.on.entity).await[what].as_u64().unwrap()
    }

    fn column(&self, sql: &str) -> Option<String> {
        self.store.query(sql)
    }
}

fn busy(seconds: u32) -> Value {
    let words = format!("The request was terminated. Error code : 50009. Please wait {seconds} seconds and try again.");
    json!({"reject": "com.microsoft:server-busy", "description": words})
}

async fn a_throttled_destination_slows_every_instance_and_recovers(on: &Bench) {
    let on = Instances::start(on);
    for n in 0..ROWS {
        let values = format!("('r{n}', 'FinancialRecordCreated', '{{}}')");
        on.store.execute(&format!("INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES {values}"));
    }
    on.on.plan(json!([busy(PAUSE_S)])).await;
    let at_first = on.transfers().await;
    assert!((1..ROWS as u64 / 2).contains(&at_first), "what the first had under way, no more: {at_first}");
    let reason = on.column("SELECT Reason FROM Destinations WHERE OpenUntil IS NOT NULL").unwrap();
    assert!(reason.contains("throttled") && reason.contains(&on.on.entity), "{reason}");

    on.store.advance_ms(NEARLY_MS);
    assert_eq!(on.transfers().await, 0, "nobody comes before the pause is over");

    // Still throttled: one message of one instance shows it.
    on.on.plan(json!([busy(PAUSE_S)])).await;
    on.store.advance_ms(REST_MS);
    assert_eq!(on.transfers().await, 1);
    on.store.advance_ms(NEARLY_MS);
    assert_eq!(on.transfers().await, 0, "the probe's answer counts for both");

    on.store.advance_ms(REST_MS);
    on.transfers().await;
    // A row that a probe put off is due a little later.
    on.store.advance_ms(NEARLY_MS + REST_MS);
    on.transfers().await;
    let mut ids = on.on.ids().await;
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), ROWS);
    assert_eq!(on.column("SELECT COUNT(*) FROM OutboxMessages WHERE State <> 2").as_deref(), Some("0"));
    assert_eq!(on.column("SELECT MAX(RetryCount) FROM OutboxMessages").as_deref(), Some("0"), "no retry is burnt");
    assert_eq!(on.column("SELECT COUNT(*) FROM Destinations WHERE OpenUntil IS NOT NULL").as_deref(), Some("0"));
}
