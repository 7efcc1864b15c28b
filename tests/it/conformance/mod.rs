//! What every transport of the bus promises, against an independent broker; each test is written once, for all.

use crate::support::broker::{self, Broker};
use client_organizer::{
    adapters::servicebus::{AmqpBus, AmqpOptions, ConnectionString, RestBus, RestOptions, Shapes},
    domain::{ids::MessageId, message::Headers, route::Destination, timing::Timing, verdict::PublishOutcome},
    ports::bus::{Bus, Outgoing},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Lists the tests: each an `async fn name(on: &Bench)`, for every transport, or for those of AMQP alone.
macro_rules! conformance {
    (amqp alone: $($name:ident),+ $(,)?) => {
        conformance!(@ amqp, [$($name),+]);
        conformance!(@ websocket, [$($name),+]);
    };
    ($($name:ident),+ $(,)? $(; amqp alone: $($more:ident),+ $(,)?)?) => {
        conformance!(@ rest, [$($name),+]);
        conformance!(@ amqp, [$($name,)+ $($($more),+)?]);
        conformance!(@ websocket, [$($name,)+ $($($more),+)?]);
    };
    (@ $door:ident, [$($name:ident),+ $(,)?]) => {
        mod $door {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let Some(broker) = crate::support::broker::shared() else { return };
                super::$name(&crate::conformance::Bench::new(broker, stringify!($door), serde_json::json!({})).await).await;
            })+
        }
    };
}

mod accepted;
mod refused;
mod lost;
mod expired;
mod rate_limits;
mod partial;
mod read_back;
mod shapes;

/// One entity of the broker, and a bus to it over one transport.
pub struct Bench {
    pub broker: &'static Broker,
    pub door: &'static str,
    pub entity: String,
    pub bus: Arc<dyn Bus>,
}

/// Far longer than anything here takes on a busy machine: reached only where an answer never comes.
const PATIENCE: Duration = Duration::from_secs(20);

impl Bench {
    pub async fn new(broker: &'static Broker, door: &'static str, settings: Value) -> Self {
        let entity = broker.create(settings).await;
        let bus = bus(&broker.connection(door), door, PATIENCE);
        Self { broker, door, entity, bus }
    }

    /// The same entity and transport, with another connection string and timeout.
    pub fn by(&self, connection: &str, timeout: Duration) -> Self {
        Self { bus: bus(connection, self.door, timeout), entity: self.entity.clone(), ..*self }
    }

    /// The same transport to another entity.
    pub async fn to(&self, settings: Value) -> Self {
        Self::new(self.broker, self.door, settings).await
    }

    pub async fn publish(&self, batch: &[Outgoing]) -> Vec<PublishOutcome> {
        let to = Destination::parse(&format!("queue:{}", self.entity)).unwrap();
        let outcomes = self.bus.publish(&to, batch, Instant::now() + PATIENCE).await;
        for outcome in &outcomes {
            let reported = reason(outcome);
            assert!(!broker::SECRETS.iter().any(|secret| reported.contains(secret)), "a secret is shown: {reported}");
            assert!(reported.is_empty() || reported.contains(&self.entity), "the entity is not named: {reported}");
        }
        outcomes
    }

    pub async fn plan(&self, faults: Value) {
        self.broker.plan(&self.entity, faults).await;
    }

    pub async fn ids(&self) -> Vec<String> {
        self.broker.ids(&self.entity).await
    }
}

pub fn bus(connection: &str, door: &str, timeout: Duration) -> Arc<dyn Bus> {
    shaped(connection, door, timeout, Shapes::default())
}

pub fn shaped(connection: &str, door: &str, timeout: Duration, shapes: Shapes) -> Arc<dyn Bus> {
    made(connection, door, timeout, Duration::from_mins(4), shapes)
}

/// A link is used again if it was last used no longer than `idle_max` ago.
pub fn idling(connection: &str, door: &str, idle_max: Duration) -> Arc<dyn Bus> {
    made(connection, door, PATIENCE, idle_max, Shapes::default())
}

fn made(connection: &str, door: &str, timeout: Duration, idle_max: Duration, shapes: Shapes) -> Arc<dyn Bus> {
    let connection = ConnectionString::parse(connection).unwrap();
    match door {
        "rest" => Arc::new(RestBus::new(connection, RestOptions { timeout, concurrency: 4 }).unwrap()),
        "amqp" | "websocket" => {
            let websocket = door == "websocket";
            let options = AmqpOptions { timeout, concurrency: 4, idle_max, websocket, gateway: None, shapes };
            Arc::new(AmqpBus::new(connection, options).unwrap())
        }
        other => panic!("there is no transport {other}"),
    }
}

pub fn message(id: &str, body: &str) -> Outgoing {
    Outgoing {
        id: MessageId::parse(id).unwrap(),
        event_type: "FinancialRecordCreated".to_owned(),
        content_type: "application/cloudevents+json".to_owned(),
        body: body.to_owned().into(),
        ordering_key: Some("17/2026-03".to_owned()),
        headers: Headers(BTreeMap::from([(
            "traceparent".to_owned(),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
        )])),
        timing: Timing::default(),
        occurred_on: chrono::DateTime::from_timestamp_millis(1_790_000_000_123).unwrap(),
    }
}

/// `m0`, `m1`, …
pub fn messages(count: usize) -> Vec<Outgoing> {
    (0..count).map(|n| message(&format!("m{n}"), &json!({"n": n}).to_string())).collect()
}

pub fn accepted(outcomes: &[PublishOutcome]) -> bool {
    outcomes.iter().all(|outcome| *outcome == PublishOutcome::Accepted)
}

/// The reason of an outcome, as a person reads it.
pub fn reason(outcome: &PublishOutcome) -> &str {
    outcome.reason()
}

/// Whether it was stored is unknown, so it is sent again.
pub fn unknown(outcome: &PublishOutcome) -> bool {
    matches!(outcome, PublishOutcome::Cut { .. } | PublishOutcome::TimedOut { .. })
}
