//! Batches as each kind of destination needs them: with sessions, partitioned, partitioned with duplicate detection.

use super::{Bench, PATIENCE, accepted, message, messages, read_back, reason, shaped};
use client_organizer::{adapters::servicebus::Shapes, domain::route::Destination, ports::bus::Outgoing};
use serde_json::{Value, json};
use std::collections::BTreeSet;

conformance!(amqp alone:
    many_messages_go_in_few_transfers,
    a_session_enabled_queue_takes_one_session_a_batch,
    a_partitioned_queue_takes_one_key_a_batch,
    a_partitioned_queue_that_drops_duplicates_takes_them_alone,
    an_unannounced_queue_with_sessions_is_reported_as_a_wrong_setting,
);

/// Messages of three keys in turn; every fourth has no key.
fn keyed(count: usize) -> Vec<Outgoing> {
    let mut batch = messages(count);
    for (n, message) in batch.iter_mut().enumerate() {
        message.ordering_key = (n % 4 != 3).then(|| format!("key-{}", n % 4));
    }
    batch
}

async fn to(on: &Bench, settings: Value, shapes: impl Fn(Vec<Destination>) -> Shapes) -> Bench {
    let other = on.to(settings).await;
    let destination = Destination::parse(&format!("queue:{}", other.entity)).unwrap();
    let bus = shaped(&on.broker.connection(on.door), on.door, PATIENCE, shapes(vec![destination]));
    Bench { bus, ..other }
}

fn texts(stored: &[Value], field: &str) -> BTreeSet<Option<String>> {
    stored.iter().map(|message| message[field].as_str().map(str::to_owned)).collect()
}

fn set(texts: &[Option<&str>]) -> BTreeSet<Option<String>> {
    texts.iter().map(|text| text.map(str::to_owned)).collect()
}

async fn many_messages_go_in_few_transfers(on: &Bench) {
    assert!(accepted(&on.publish(&keyed(1_000)).await));
    let stored = on.broker.stored(&on.entity).await;
    assert_eq!(stored.len(), 1_000);
    assert!(stored.iter().all(|message| message["batch"].as_u64() > Some(1)), "none went alone");
    assert_eq!(texts(&stored, "sessionId"), set(&[None]));
}

async fn a_session_enabled_queue_takes_one_session_a_batch(on: &Bench) {
    let sessions = |all| Shapes { sessions: all, ..Shapes::default() };
    let on = to(on, json!({"sessions": true}), sessions).await;
    assert!(accepted(&on.publish(&keyed(12)).await));
    let stored = on.broker.stored(&on.entity).await;
    let expected = [Some("key-0"), Some("key-1"), Some("key-2"), Some("m3"), Some("m7"), Some("m11")];
    assert_eq!(texts(&stored, "sessionId"), set(&expected), "the key, else the id");
    let received = read_back::receive(&on, 12).await;
    assert_eq!(texts(&received, "session"), set(&expected));
}

async fn a_partitioned_queue_takes_one_key_a_batch(on: &Bench) {
    let partitioned = |all| Shapes { partitioned: all, ..Shapes::default() };
    let on = to(on, json!({"partitioned": true}), partitioned).await;
    assert!(accepted(&on.publish(&keyed(12)).await));
    let stored = on.broker.stored(&on.entity).await;
    let expected = [Some("key-0"), Some("key-1"), Some("key-2"), Some("m3"), Some("m7"), Some("m11")];
    assert_eq!(texts(&stored, "partitionKey"), set(&expected));
    assert!(stored.iter().any(|message| message["batch"] == 3), "those of one key go together");
}

async fn a_partitioned_queue_that_drops_duplicates_takes_them_alone(on: &Bench) {
    let partitioned = |all| Shapes { partitioned: all, duplicate_detection: true, ..Shapes::default() };
    let on = to(on, json!({"partitioned": true, "duplicateDetection": true}), partitioned).await;
    assert!(accepted(&on.publish(&keyed(12)).await));
    let stored = on.broker.stored(&on.entity).await;
    assert_eq!(stored.len(), 12);
    assert!(stored.iter().all(|message| message["batch"] == 1));
}

async fn an_unannounced_queue_with_sessions_is_reported_as_a_wrong_setting(on: &Bench) {
    let on = on.to(json!({"sessions": true})).await;
    let outcomes = on.publish(&[message("one", "{}"), message("two", "{}")]).await;
    for outcome in &outcomes {
        assert!(reason(outcome).contains("ServiceBus__SessionDestinations"), "{outcome:?}");
    }
}
