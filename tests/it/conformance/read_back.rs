//! What was sent, as Microsoft's SDK for Python receives it.

use super::{Bench, accepted, message};
use crate::support::broker::made;
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::DateTime;
use client_organizer::domain::timing::Timing;
use serde_json::Value;
use std::{path::PathBuf, process::Command};

conformance!(amqp alone: microsofts_sdk_receives_what_was_sent);

const BODIES: [&str; 4] =
    ["{}", "{\"name\":\"Zażółć gęślą jaźń\"}", "{\"crab\":\"🦀\"}", "{\"nul\":\"\\u0000\",\"quote\":\"\\\"\"}"];

async fn microsofts_sdk_receives_what_was_sent(on: &Bench) {
    assert!(accepted(&on.publish(&[message("alone", BODIES[1])]).await));
    let mut together: Vec<_> =
        BODIES.iter().enumerate().map(|(n, body)| message(&format!("together-{n}"), body)).collect();
    together[1].timing = Timing { live_ms: Some(90_500), not_before: DateTime::from_timestamp(1_800_000_000, 0) };
    assert!(accepted(&on.publish(&together).await));
    let mut received = receive(on, 1 + BODIES.len()).await;
    received.sort_by_key(|one| one["id"].as_str().unwrap().to_owned());
    let expected: Vec<(String, &str)> = std::iter::once(("alone".to_owned(), BODIES[1]))
        .chain(BODIES.iter().enumerate().map(|(n, body)| (format!("together-{n}"), *body)))
        .collect();
    assert_eq!(received.len(), expected.len());
    for (one, (id, body)) in received.iter().zip(expected) {
        assert_eq!(one["id"], id);
        assert_eq!(STANDARD.decode(one["body"].as_str().unwrap()).unwrap(), body.as_bytes(), "{id}");
        assert_eq!(one["session"], Value::Null);
        assert_eq!(
            (&one["subject"], &one["contentType"]),
            (&"FinancialRecordCreated".into(), &"application/cloudevents+json".into())
        );
        let timed = id == "together-1";
        assert_eq!(one["liveMs"].as_f64(), timed.then_some(90_500.0), "{id}");
        assert_eq!(one["enqueueAt"].as_str(), timed.then_some("2027-01-15T08:00:00+00:00"), "{id}");
        assert_eq!(one["properties"]["orderingKey"], "17/2026-03");
        for name in ["traceparent", "Diagnostic-Id"] {
            assert_eq!(one["properties"][name], "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "{name}");
        }
    }
}

pub async fn receive(on: &Bench, wanted: usize) -> Vec<Value> {
    let connection = on.broker.connection("amqp");
    let (entity, script) =
        (on.entity.clone(), PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/broker/receive.py"));
    let output = tokio::task::spawn_blocking(move || {
        let mut python = Command::new(made("python/bin/python"));
        python.arg("-B").arg(script).args([connection, entity, wanted.to_string()]).output().unwrap()
    });
    let output = output.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
