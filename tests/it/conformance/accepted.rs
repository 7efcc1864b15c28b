//! Accepted means stored: each message once and unchanged, with one outcome per message, in order.

use super::{Bench, accepted, message, messages};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::DateTime;
use client_organizer::domain::verdict::PublishOutcome;
use serde_json::json;

conformance!(
    an_accepted_message_is_stored_unchanged,
    a_hundred_messages_have_a_hundred_outcomes_in_order,
    an_id_seen_before_is_accepted_and_dropped,
    an_empty_batch_has_no_outcomes,
    each_message_has_its_own_due_time_and_time_to_live,
);

async fn an_accepted_message_is_stored_unchanged(on: &Bench) {
    let body = "{\"name\":\"Zażółć gęślą jaźń 🦀\"}";
    assert!(accepted(&on.publish(&[message("m1", body)]).await));
    let stored = on.broker.stored(&on.entity).await;
    let [one] = stored.as_slice() else { panic!("{stored:?}") };
    assert_eq!((&one["messageId"], &one["subject"]), (&json!("m1"), &json!("FinancialRecordCreated")));
    assert!(one["contentType"].as_str().unwrap().starts_with("application/cloudevents+json"));
    assert_eq!(STANDARD.decode(one["body"].as_str().unwrap()).unwrap(), body.as_bytes());
    assert_eq!(one["sessionId"], json!(null), "the queue has no sessions");
    let application = one["application"].as_object().unwrap();
    let property = |name: &str| {
        application.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str().unwrap())
    };
    assert_eq!(property("orderingKey"), Some("17/2026-03"));
    assert_eq!(property("eventType"), Some("FinancialRecordCreated"));
    assert_eq!(property("Diagnostic-Id"), property("traceparent"));
    assert_eq!(property("traceparent"), Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
}

async fn a_hundred_messages_have_a_hundred_outcomes_in_order(on: &Bench) {
    let mut batch = messages(100);
    for n in [0, 41, 42, 99] {
        batch[n] = message(&format!("m{n}"), "poison");
    }
    let outcomes = on.publish(&batch).await;
    assert_eq!(outcomes.len(), 100);
    for (n, outcome) in outcomes.iter().enumerate() {
        match n {
            0 | 41 | 42 | 99 => assert!(matches!(outcome, PublishOutcome::Permanent { .. }), "{n}: {outcome:?}"),
            _ => assert_eq!(*outcome, PublishOutcome::Accepted, "{n}"),
        }
    }
    let mut stored = on.ids().await;
    stored.sort_by_key(|id| id[1..].parse::<usize>().unwrap());
    let expected: Vec<String> = (0..100).filter(|n| ![0, 41, 42, 99].contains(n)).map(|n| format!("m{n}")).collect();
    assert_eq!(stored, expected);
}

async fn an_id_seen_before_is_accepted_and_dropped(on: &Bench) {
    let on = on.to(json!({"duplicateDetection": true})).await;
    for _ in 0..2 {
        assert!(accepted(&on.publish(&messages(3)).await));
    }
    assert_eq!(on.ids().await.len(), 3);
}

async fn an_empty_batch_has_no_outcomes(on: &Bench) {
    assert!(on.publish(&[]).await.is_empty());
}

async fn each_message_has_its_own_due_time_and_time_to_live(on: &Bench) {
    let mut batch = messages(3);
    batch[1].timing.live_ms = Some(1_500);
    batch[2].timing.not_before = DateTime::from_timestamp_millis(1_800_000_000_000);
    assert!(accepted(&on.publish(&batch).await));
    let mut stored = on.broker.stored(&on.entity).await;
    stored.sort_by_key(|one| one["messageId"].as_str().unwrap().to_owned());
    let reported: Vec<_> = stored.iter().map(|one| (one["ttlMs"].as_i64(), one["enqueueAt"].as_i64())).collect();
    assert_eq!(reported, [(None, None), (Some(1_500), None), (None, Some(1_800_000_000_000))]);
}
