//! The bytes of an AMQP batch, as other implementations read them: a new version of a library must not change them.

use crate::support::broker;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chrono::DateTime;
use client_organizer::{
    adapters::servicebus::{Shape, amqp_payload},
    domain::{ids::MessageId, message::Headers, timing::Timing},
    ports::bus::Outgoing,
};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path, process::Command};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn message(id: &str, body: &'static str) -> Outgoing {
    Outgoing {
        id: MessageId::parse(id).unwrap(),
        event_type: "FinancialRecordCreated".to_owned(),
        content_type: "application/cloudevents+json".to_owned(),
        body: Bytes::from_static(body.as_bytes()),
        ordering_key: Some("7/2026-03".to_owned()),
        headers: Headers(BTreeMap::from([("traceparent".to_owned(), PARENT.to_owned())])),
        timing: Timing::default(),
        occurred_on: DateTime::from_timestamp_millis(1_700_000_000_123).unwrap(),
    }
}

/// Sixteen bytes per line.
fn hex(bytes: &[u8]) -> String {
    let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    bytes.chunks(16).map(|chunk| line(chunk) + "\n").collect()
}

fn is_golden(name: &str, messages: &[Outgoing], shape: Shape) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name);
    let now = hex(&amqp_payload(messages, shape).unwrap());
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(now, golden, "{name}: have an independent AMQP library read these bytes before they become golden");
}

#[test]
fn a_batch_has_the_golden_bytes() {
    let messages = [message("m-1", r#"{"city":"Łódź"}"#), message("m-2", r#"{"crab":"🦀"}"#)];
    is_golden("amqp_batch.hex", &messages, Shape::default());
    is_golden("amqp_batch_of_a_session.hex", &messages, Shape { sessions: true, ..Shape::default() });
    is_golden("amqp_batch_of_a_partition.hex", &messages, Shape { partitioned: true, ..Shape::default() });
}

#[test]
fn what_one_message_of_a_batch_requests_does_not_apply_to_all() {
    let mut due = message("m-1", "{}");
    due.timing = Timing { live_ms: Some(1), not_before: DateTime::from_timestamp(1_800_000_000, 0) };
    let payload = amqp_payload(&[due, message("m-2", "{}")], Shape::default()).unwrap();
    let name = b"x-opt-scheduled-enqueue-time";
    assert_eq!(payload.windows(name.len()).filter(|bytes| bytes == name).count(), 1);
}

#[test]
fn a_single_message_has_the_golden_bytes() {
    is_golden("amqp_single.hex", &[message("m-1", r#"{"city":"Łódź"}"#)], Shape::default());
}

/// A golden file as Qpid Proton reads it. `None`: Proton is missing, and the skip was reported.
fn protons(form: &str, name: &str) -> Option<Vec<Value>> {
    broker::shared()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut python = Command::new(broker::made("python/bin/python"));
    let script = python.arg("-B").arg(root.join("tests/broker/decode.py")).arg(form);
    let output = script.arg(root.join("tests/it/golden").join(name)).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    Some(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn qpid_proton_reads_the_golden_bytes() {
    let expected = [("m-1", r#"{"city":"Łódź"}"#), ("m-2", r#"{"crab":"🦀"}"#)];
    let files = [
        ("single", "amqp_single.hex", None),
        ("batch", "amqp_batch.hex", None),
        ("batch", "amqp_batch_of_a_partition.hex", None),
        ("batch", "amqp_batch_of_a_session.hex", Some("7/2026-03")),
    ];
    for (form, name, session) in files {
        let Some(read) = protons(form, name) else { return };
        assert_eq!(read.len(), if form == "single" { 1 } else { 2 }, "{name}");
        for (message, (id, body)) in read.iter().zip(expected) {
            assert_eq!((&message["id"], &message["session"]), (&id.into(), &session.into()), "{name}");
            assert_eq!(STANDARD.decode(message["body"].as_str().unwrap()).unwrap(), body.as_bytes(), "{name}");
            assert_eq!(message["subject"], "FinancialRecordCreated");
            assert_eq!(message["contentType"], "application/cloudevents+json");
            assert_eq!(message["properties"]["orderingKey"], "7/2026-03", "{name}");
            assert_eq!(message["properties"]["traceparent"], PARENT, "{name}");
            assert_eq!(message["properties"]["Diagnostic-Id"], PARENT, "{name}");
        }
    }
}
