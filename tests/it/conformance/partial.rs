//! Faults that hit one of several transfers in flight: each message has its own outcome, and accepted means stored.

use super::{Bench, accepted, message, messages, reason, unknown};
use client_organizer::{domain::verdict::PublishOutcome, ports::bus::Outgoing};
use serde_json::{Value, json};
use std::collections::BTreeSet;

conformance!(
    a_cut_of_one_of_several_transfers_loses_no_message,
    the_rest_is_not_sent_to_a_failing_destination,
    a_released_message_is_sent_again,
    a_throttled_destination_reports_its_pause,
    a_size_that_only_the_broker_knows_is_the_messages_fault,
    ; amqp alone:
    a_batch_that_is_too_large_for_the_broker_goes_in_halves,
);

/// Some 300 bytes each on the wire; the link has credit for only a few dozen of them.
const SMALL: u32 = 8_192;
const MANY: usize = 200;

async fn a_cut_of_one_of_several_transfers_loses_no_message(on: &Bench) {
    for fault in ["cut-before", "cut-after", "detach-before", "detach-after", "close-before", "close-after"] {
        let on = on.to(json!({"maxMessageSize": SMALL})).await;
        on.plan(json!([null, null, fault])).await;
        let batch = messages(MANY);
        let outcomes = on.publish(&batch).await;
        assert_eq!(outcomes.len(), MANY);
        let stored: BTreeSet<String> = on.ids().await.into_iter().collect();
        let mut left: Vec<Outgoing> = Vec::new();
        for (message, outcome) in batch.iter().zip(&outcomes) {
            match outcome {
                PublishOutcome::Accepted => assert!(stored.contains(message.id.as_str()), "{fault}: {}", message.id),
                PublishOutcome::Permanent { .. } => panic!("{fault}: {outcome:?}"),
                _ => left.push(message.clone()),
            }
        }
        assert!(!left.is_empty(), "{fault} was not reported");
        assert!(accepted(&on.publish(&left).await), "{fault}");
        assert_eq!(on.ids().await.into_iter().collect::<BTreeSet<_>>().len(), MANY, "{fault}");
    }
}

async fn the_rest_is_not_sent_to_a_failing_destination(on: &Bench) {
    let on = on.to(json!({"maxMessageSize": SMALL})).await;
    on.plan(json!([{"reject": "com.microsoft:server-busy"}])).await;
    let outcomes = on.publish(&messages(MANY)).await;
    assert!(outcomes.iter().any(|outcome| matches!(outcome, PublishOutcome::Blocked { .. })), "{outcomes:?}");
    let fine = |outcome: &PublishOutcome| {
        matches!(outcome, PublishOutcome::Blocked { .. } | PublishOutcome::NotTried | PublishOutcome::Accepted)
    };
    assert!(outcomes.iter().all(fine), "{outcomes:?}");
    let transfers = on.broker.reported(&on.entity).await["transfers"].as_u64().unwrap();
    // Four in flight, and one more for each that was answered before the refused one; over REST, where answers
    // come in any order, some more.
    assert!(transfers <= if on.door == "rest" { MANY as u64 / 2 } else { 7 }, "{transfers}");
    assert_eq!(on.ids().await.len(), outcomes.iter().filter(|outcome| **outcome == PublishOutcome::Accepted).count());
}

async fn a_released_message_is_sent_again(on: &Bench) {
    for fault in ["release", "modify"] {
        on.plan(json!([fault])).await;
        let one = [message(fault, "{}")];
        let first = on.publish(&one).await;
        assert!(!accepted(&first) && !unknown(&first[0]), "{fault}: it is known not to be stored: {first:?}");
        assert!(!matches!(first[0], PublishOutcome::Permanent { .. }), "{fault}: {first:?}");
        assert!(accepted(&on.publish(&one).await), "{fault}");
    }
    assert_eq!(on.ids().await, ["release", "modify"]);
}

async fn a_throttled_destination_reports_its_pause(on: &Bench) {
    let words = "The request was terminated because the namespace office is being throttled. Error code : 50009. \
                 Please wait 2 seconds and try again.";
    on.plan(json!([{"reject": "com.microsoft:server-busy", "description": words}])).await;
    let outcomes = on.publish(&messages(1)).await;
    assert!(matches!(outcomes[0], PublishOutcome::Blocked { after_ms: Some(2_000), .. }), "{outcomes:?}");
    assert!(reason(&outcomes[0]).contains("50009"), "{outcomes:?}");
}

fn too_large(batches: bool) -> Value {
    json!([{"reject": "amqp:link:message-size-exceeded", "batches": batches}])
}

async fn a_size_that_only_the_broker_knows_is_the_messages_fault(on: &Bench) {
    on.plan(too_large(false)).await;
    let outcomes = on.publish(&messages(1)).await;
    assert!(matches!(outcomes[0], PublishOutcome::Permanent { .. }), "{outcomes:?}");
    assert!(on.ids().await.is_empty());
}

async fn a_batch_that_is_too_large_for_the_broker_goes_in_halves(on: &Bench) {
    on.plan(too_large(true)).await;
    assert!(accepted(&on.publish(&messages(10)).await));
    let stored = on.broker.stored(&on.entity).await;
    assert_eq!(stored.iter().map(|message| message["batch"].as_u64().unwrap()).collect::<Vec<_>>(), [5; 10]);
}
