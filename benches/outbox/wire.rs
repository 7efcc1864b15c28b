//! The broker's queue, and the program's own AMQP sender to it.

use crate::{
    backlog::{ENTITY, QUEUE},
    support::broker::Broker,
};
use client_organizer::{
    adapters::servicebus::{AmqpBus, AmqpOptions, ConnectionString, RestBus, RestOptions, Shapes},
    config::Settings,
    domain::{ids::MessageId, route::Destination, timing::Timing, verdict::PublishOutcome},
    ports::bus::{Bus, Outgoing},
};
use rusqlite::{Connection, Row};
use serde_json::json;
use std::{collections::BTreeMap, path::Path, time::Duration};
use tokio::time::Instant;

/// A new and empty queue, in the earlier one's place, that answers a transfer so late and counts what arrives.
pub async fn queue(broker: &Broker, latency_ms: u32) {
    broker.command("create", json!({"name": ENTITY, "latencyMs": latency_ms, "tally": true})).await;
}

/// Different messages that arrived since the queue was made, and repeats of them.
pub async fn arrived(broker: &Broker) -> (u64, u64) {
    let counted = broker.command("count", json!({"name": ENTITY})).await;
    (counted["distinct"].as_u64().unwrap(), counted["repeats"].as_u64().unwrap())
}

/// With the settings' defaults.
pub fn bus(broker: &Broker) -> AmqpBus {
    let settings = Settings::read(&BTreeMap::new()).unwrap().bus;
    let options = AmqpOptions {
        timeout: Duration::from_millis(settings.timeout_ms),
        concurrency: settings.concurrency_max as usize,
        idle_max: Duration::from_millis(settings.idle_ms),
        websocket: false,
        gateway: None,
        shapes: Shapes { duplicate_detection: settings.duplicate_window_ms > 0, ..Shapes::default() },
    };
    AmqpBus::new(ConnectionString::parse(&broker.connection("amqp")).unwrap(), options).unwrap()
}

/// One request a message.
pub fn rest_bus(broker: &Broker) -> RestBus {
    let settings = Settings::read(&BTreeMap::new()).unwrap().bus;
    let timeout = Duration::from_millis(settings.timeout_ms);
    let options = RestOptions { timeout, concurrency: settings.concurrency_max as usize };
    RestBus::new(ConnectionString::parse(&broker.connection("rest")).unwrap(), options).unwrap()
}

pub async fn publish(bus: &dyn Bus, messages: &[Outgoing]) {
    let to = Destination::parse(QUEUE).unwrap();
    let outcomes = bus.publish(&to, messages, Instant::now() + Duration::from_mins(1)).await;
    assert!(outcomes.iter().all(|outcome| *outcome == PublishOutcome::Accepted), "{outcomes:?}");
}

/// The columns of which `message` makes one.
pub const COLUMNS: &str = "Seq, Id, EventType, ContentType, Payload, OrderingKey, Headers";

pub fn message(row: &Row<'_>) -> rusqlite::Result<(i64, Outgoing)> {
    let message = Outgoing {
        id: MessageId::parse(&row.get::<_, String>(1)?).unwrap(),
        event_type: row.get(2)?,
        content_type: row.get(3)?,
        body: row.get::<_, String>(4)?.into(),
        ordering_key: row.get(5)?,
        headers: serde_json::from_str(&row.get::<_, String>(6)?).unwrap(),
        timing: Timing::default(),
        occurred_on: chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
    };
    Ok((row.get(0)?, message))
}

/// The due rows of a file as messages, by `Seq`.
pub fn messages(path: &Path) -> Vec<Outgoing> {
    let connection = Connection::open(path).unwrap();
    let sql = format!("SELECT {COLUMNS} FROM OutboxMessages WHERE State < 2 ORDER BY Seq");
    let mut statement = connection.prepare(&sql).unwrap();
    statement.query_map([], message).unwrap().map(|row| row.unwrap().1).collect()
}
