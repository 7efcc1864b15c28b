//! The speed of each transport to the bus: `cargo bench --bench bus`, against the tests' broker (`tests/broker/prepare`).
//!
//! Prints messages per second on loopback and with a broker that answers 5 ms late: one by one, many under way, in batches,
//! over REST; and how much faster batches are than single sends.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on should say where")]

#[path = "../tests/it/support/mod.rs"]
#[allow(dead_code, reason = "the tests use the rest of it")]
mod support;

use client_organizer::{
    adapters::servicebus::{AmqpBus, AmqpOptions, ConnectionString, RestBus, RestOptions, Shapes},
    domain::{ids::MessageId, message::Headers, route::Destination, timing::Timing, verdict::PublishOutcome},
    ports::bus::{Bus, Outgoing},
};
use serde_json::json;
use std::time::Duration;
use support::broker::Broker;
use tokio::time::Instant;

const BODY_BYTES: usize = 512;
const TIMEOUT: Duration = Duration::from_secs(30);
const LATE_MS: u32 = 5;
const BATCH: usize = 100;
/// The broker's limit for a transfer: some 100 of our messages.
const BATCH_BYTES_MAX: u32 = 96_000;

#[tokio::main]
async fn main() {
    let Some(broker) = Broker::start() else { return };
    println!("messages per second, of {BODY_BYTES} bytes; cores: {}", std::thread::available_parallelism().unwrap());
    for latency_ms in [0, LATE_MS] {
        println!("the broker answers after {latency_ms} ms:");
        let rounds = if latency_ms == 0 { 10 } else { 1 };
        let on = Bench { broker: &broker, latency_ms };
        let single = on.amqp("AMQP, one by one", 400 * rounds, 1, 1, Alone::Yes).await;
        on.amqp("AMQP, 64 single sends under way", 2_000 * rounds, 2_000, 64, Alone::Yes).await;
        let batched = on.amqp("AMQP, batches of 100, one by one", 10_000 * rounds, BATCH, 1, Alone::No).await;
        on.amqp("AMQP, batches of some 100, 16 under way", 20_000 * rounds, 2_000, 16, Alone::No).await;
        on.rest("REST, one by one", 400 * rounds, 1, 1).await;
        on.rest("REST, 16 under way", 2_000 * rounds, 500, 16).await;
        println!("  batches of 100 by single sends: {:.0}x (goal at {LATE_MS} ms: 60x)", batched / single);
    }
}

/// Whether each message takes a transfer of its own.
#[derive(PartialEq)]
enum Alone {
    Yes,
    No,
}

struct Bench<'a> {
    broker: &'a Broker,
    latency_ms: u32,
}

impl Bench<'_> {
    async fn amqp(&self, what: &str, count: usize, at_once: usize, concurrency: usize, alone: Alone) -> f64 {
        let to = self.queue().await;
        // A partitioned entity with duplicate detection refuses batches, so every message goes alone.
        let partitioned = if alone == Alone::Yes { vec![to.clone()] } else { vec![] };
        let shapes = Shapes { partitioned, duplicate_detection: true, ..Shapes::default() };
        let (timeout, idle_max) = (TIMEOUT, Duration::from_mins(4));
        let options = AmqpOptions { timeout, concurrency, idle_max, websocket: false, gateway: None, shapes };
        let bus = AmqpBus::new(self.connection("amqp"), options).unwrap();
        self.measure(what, &bus, &to, count, at_once).await
    }

    async fn rest(&self, what: &str, count: usize, at_once: usize, concurrency: usize) -> f64 {
        let to = self.queue().await;
        let bus = RestBus::new(self.connection("rest"), RestOptions { timeout: TIMEOUT, concurrency }).unwrap();
        self.measure(what, &bus, &to, count, at_once).await
    }

    fn connection(&self, door: &str) -> ConnectionString {
        ConnectionString::parse(&self.broker.connection(door)).unwrap()
    }

    async fn queue(&self) -> Destination {
        let settings = json!({"latencyMs": self.latency_ms, "maxMessageSize": BATCH_BYTES_MAX});
        Destination::parse(&format!("queue:{}", self.broker.create(settings).await)).unwrap()
    }

    /// Publishes `at_once` messages at a time on an open connection.
    async fn measure(&self, what: &str, bus: &dyn Bus, to: &Destination, count: usize, at_once: usize) -> f64 {
        let messages: Vec<Outgoing> = (0..count).map(message).collect();
        publish(bus, to, &[message(count)]).await;
        let began = Instant::now();
        for some in messages.chunks(at_once) {
            publish(bus, to, some).await;
        }
        let rate = f64::from(u32::try_from(count).unwrap()) / began.elapsed().as_secs_f64();
        let counted = self.broker.command("count", json!({"name": to.entity()})).await;
        assert_eq!(counted["distinct"], count + 1, "{what}: all arrived");
        println!("  {what}: {rate:.0}");
        bus.close().await;
        rate
    }
}

async fn publish(bus: &dyn Bus, to: &Destination, batch: &[Outgoing]) {
    let outcomes = bus.publish(to, batch, Instant::now() + TIMEOUT).await;
    assert!(outcomes.iter().all(|outcome| *outcome == PublishOutcome::Accepted), "{outcomes:?}");
}

fn message(n: usize) -> Outgoing {
    Outgoing {
        id: MessageId::parse(&format!("m{n}")).unwrap(),
        event_type: "FinancialRecordCreated".to_owned(),
        content_type: "application/cloudevents+json".to_owned(),
        body: "x".repeat(BODY_BYTES).into(),
        ordering_key: None,
        headers: Headers::default(),
        timing: Timing::default(),
        occurred_on: chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
    }
}
