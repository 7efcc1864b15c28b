//! The properties of queues and topics, as read from an independent broker and from the local queue.

use crate::support::{
    backend::memory,
    broker::{self, Broker},
};
use client_organizer::{
    adapters::{
        clock::SystemClock,
        servicebus::{ConnectionString, Management},
    },
    domain::{
        entity::{Entity, EntityState, Seen},
        route::{Destination, EntityKind},
    },
    local::{
        events::EventSink,
        queue::{Queue, QueueOptions},
    },
    ports::entities::Entities,
};
use serde_json::{Value, json};
use std::{path::PathBuf, process::Command, sync::Arc, time::Duration};
use tokio::net::TcpListener;

fn at(text: &str) -> Destination {
    Destination::parse(text).unwrap()
}

fn management(connection: &str) -> Management {
    Management::new(ConnectionString::parse(connection).unwrap(), Duration::from_secs(20)).unwrap()
}

async fn look(broker: &Broker, text: &str) -> Seen {
    management(&broker.connection("rest")).look(&at(text)).await
}

fn found(seen: Seen) -> Entity {
    match seen {
        Seen::Found(entity) => *entity,
        other => panic!("{other:?}"),
    }
}

/// Every property differs from its default.
fn unusual() -> Value {
    json!({
        "duplicateDetection": true, "window": "PT20S", "sessions": true, "partitioned": true, "lock": "PT30S",
        "maxDeliveryCount": 7, "life": "P1DT12H", "maxMessageSize": 1_048_576, "disabled": true,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_properties_of_a_queue_are_read_and_a_missing_queue_is_reported() {
    let Some(broker) = broker::shared() else { return };
    let queue = found(look(broker, &format!("queue:{}", broker.create(unusual()).await)).await);
    assert_eq!((queue.kind, queue.duplicate_window_ms), (EntityKind::Queue, Some(20_000)));
    assert!(queue.sessions && queue.partitioned);
    assert_eq!((queue.lock_ms, queue.deliveries_max), (Some(30_000), Some(7)));
    assert_eq!((queue.life_ms, queue.message_bytes_max), (129_600_000, Some(1_048_576)));
    assert_eq!((queue.state, queue.dead_letters), (EntityState::Disabled, Some(0)));
    let topic = broker.create(json!({"topic": true, "subscriptions": 0})).await;
    let topic = found(look(broker, &format!("topic:{topic}")).await);
    assert_eq!((topic.kind, topic.subscriptions), (EntityKind::Topic, Some(0)));
    for name in ["queue:nobody", "queue:gone-before"] {
        assert_eq!(look(broker, name).await, Seen::Missing, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_right_to_look_the_missing_claim_is_named_and_no_key_is_shown() {
    let Some(broker) = broker::shared() else { return };
    let queue = broker.create(json!({"manage": false})).await;
    let Seen::Unknown { why } = look(broker, &format!("queue:{queue}")).await else { panic!() };
    assert!(why.contains("Manage claim") && why.contains(broker::KEY_NAME) && why.contains(&queue), "{why}");
    assert!(!why.contains(&broker::KEY[..8]), "{why}");
}

/// The description is written from public pages; this is how Microsoft's own client reads it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn microsofts_sdk_reads_the_brokers_queues_alike() {
    let Some(broker) = broker::shared() else { return };
    let queue = broker.create(unusual()).await;
    let connection = broker.connection("rest");
    let ask = |queue: String| {
        let connection = connection.clone();
        tokio::task::spawn_blocking(move || {
            let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/broker/administer.py");
            let mut python = Command::new(broker::made("python/bin/python"));
            let output = python.arg("-B").arg(script).args([connection, queue]).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            serde_json::from_slice::<Value>(&output.stdout).unwrap()
        })
    };
    let expected = json!({
        "duplicates": true, "windowS": 20.0, "lockS": 30.0, "lifeS": 129_600.0, "deliveries": 7, "sessions": true,
        "partitioned": true, "messageKb": 1024, "status": "Disabled", "dead": 0,
    });
    assert_eq!(ask(queue).await.unwrap(), expected);
    assert_eq!(ask("nobody".to_owned()).await.unwrap(), Value::Null);
}

#[tokio::test]
async fn a_bus_that_does_not_answer_is_reported_away_after_a_bounded_wait() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    for (port, timeout) in [(port, Duration::from_millis(200)), (1, Duration::from_secs(20))] {
        let text = format!(
            "Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=k;SharedAccessKey=s3cret;UseDevelopmentEmulator=true"
        );
        let management = Management::new(ConnectionString::parse(&text).unwrap(), timeout).unwrap();
        let Seen::Away { why } = management.look(&at("queue:mails")).await else { panic!() };
        assert!(why.contains("127.0.0.1") && why.contains("mails") && !why.contains("s3cret"), "{why}");
    }
}

#[tokio::test]
async fn the_local_queue_reports_its_properties() {
    let folder = tempfile::tempdir_in(memory()).unwrap();
    let options = QueueOptions {
        topics: ["audit".to_owned()].into(),
        duplicate_detection: Some(Duration::from_secs(45)),
        max_delivery_count: 3,
        ..QueueOptions::at(&folder.path().join("queues.db"), ["Email".to_owned(), "audit".to_owned()])
    };
    let clock = Arc::new(SystemClock);
    let queue = Queue::open(&options, clock.clone(), EventSink::silent(clock)).await.unwrap();
    let management = management(&queue.connection_string());
    let running = tokio::spawn(queue.run());
    let email = found(management.look(&at("queue:email")).await);
    assert_eq!((email.kind, email.duplicate_window_ms), (EntityKind::Queue, Some(45_000)));
    assert_eq!((email.lock_ms, email.deliveries_max), (Some(60_000), Some(3)));
    assert_eq!((email.message_bytes_max, email.dead_letters), (Some(262_144), Some(0)));
    assert_eq!(found(management.look(&at("topic:audit")).await).kind, EntityKind::Topic);
    assert_eq!(management.look(&at("queue:nobody")).await, Seen::Missing);
    running.abort();
}
