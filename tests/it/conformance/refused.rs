//! What the broker refuses: blamed on the message or on the destination, and reported without a key.

use super::{Bench, PATIENCE, accepted, message, messages, reason};
use crate::support::broker::{KEY, KEY_NAME, WRONG_KEY};
use client_organizer::domain::verdict::PublishOutcome;
use serde_json::json;

conformance!(
    a_failure_of_the_destination_blames_no_message,
    a_refused_message_is_blamed_alone,
    a_message_that_is_too_large_fails_alone_whatever_it_is_sent_with,
    a_full_and_a_disabled_queue_are_reported_as_such,
    a_queue_that_is_not_there_is_named,
    a_wrong_key_is_reported_with_the_remedy_and_without_the_key,
    ; amqp alone:
    what_detaches_the_link_in_mid_send_is_reported_with_its_remedy,
);

const DESTINATIONS: [&str; 7] = [
    "com.microsoft:server-busy",
    "amqp:resource-limit-exceeded",
    "amqp:unauthorized-access",
    "amqp:not-found",
    "com.microsoft:entity-disabled",
    "com.microsoft:timeout",
    "amqp:internal-error",
];

async fn a_failure_of_the_destination_blames_no_message(on: &Bench) {
    for condition in DESTINATIONS {
        on.plan(json!([{"reject": condition}])).await;
        let outcomes = on.publish(&messages(1)).await;
        let [PublishOutcome::Blocked { after_ms, .. }] = outcomes.as_slice() else {
            panic!("{condition}: {outcomes:?}")
        };
        assert!(reason(&outcomes[0]).contains("127.0.0.1"), "the namespace is named: {outcomes:?}");
        if condition == "com.microsoft:server-busy" {
            assert_eq!(*after_ms, Some(10_000), "it asks for a pause");
        }
    }
    assert!(on.ids().await.is_empty(), "nothing was stored");
    assert!(accepted(&on.publish(&messages(1)).await), "and it goes on once it is over");
}

async fn a_refused_message_is_blamed_alone(on: &Bench) {
    let outcomes = on.publish(&[message("bad", "poison"), message("good", "{}")]).await;
    assert!(matches!(outcomes[0], PublishOutcome::Permanent { .. }), "{outcomes:?}");
    assert_eq!(outcomes[1], PublishOutcome::Accepted);
    assert_eq!(on.ids().await, ["good"]);
}

async fn a_message_that_is_too_large_fails_alone_whatever_it_is_sent_with(on: &Bench) {
    let on = on.to(json!({"maxMessageSize": 65_536})).await;
    let large = message("large", &"x".repeat(70_000));
    let alone = on.publish(std::slice::from_ref(&large)).await;
    assert!(matches!(alone.as_slice(), [PublishOutcome::Permanent { .. }]), "{alone:?}");
    let among = on.publish(&[message("a", "{}"), large, message("b", "{}")]).await;
    assert!(matches!(among[1], PublishOutcome::Permanent { .. }), "{among:?}");
    assert!(accepted(&[among[0].clone(), among[2].clone()]), "{among:?}");
    let mut ids = on.ids().await;
    ids.sort();
    assert_eq!(ids, ["a", "b"]);
}

async fn a_full_and_a_disabled_queue_are_reported_as_such(on: &Bench) {
    let full = on.to(json!({"quota": 2})).await;
    assert!(accepted(&full.publish(&messages(2)).await));
    let disabled = on.to(json!({"disabled": true})).await;
    for on in [&full, &disabled] {
        let outcomes = on.publish(&[message("one-more", "{}")]).await;
        assert!(matches!(outcomes.as_slice(), [PublishOutcome::Blocked { .. }]), "{outcomes:?}");
    }
    assert_eq!(full.ids().await.len(), 2);
}

async fn a_queue_that_is_not_there_is_named(on: &Bench) {
    let nowhere = Bench { entity: "no-such-queue".to_owned(), bus: on.bus.clone(), ..*on };
    let outcomes = nowhere.publish(&messages(2)).await;
    let reported = blocked(&outcomes);
    assert!(reported.contains("no-such-queue") && reported.contains("create it"), "{reported}");
}

/// As for a queue that is deleted, disabled or closed to us while its link is open. Whether a message was stored is unknown,
/// but not where there is no queue.
async fn what_detaches_the_link_in_mid_send_is_reported_with_its_remedy(on: &Bench) {
    for (condition, remedy) in [
        ("amqp:not-found", "create it"),
        ("com.microsoft:entity-disabled", "enable it"),
        ("amqp:unauthorized-access", "Send"),
        ("amqp:resource-limit-exceeded", "full"),
    ] {
        on.plan(json!([{"detach": condition}])).await;
        let outcomes = on.publish(&messages(2)).await;
        for outcome in &outcomes {
            assert!(reason(outcome).contains(condition) && reason(outcome).contains(remedy), "{outcomes:?}");
            match (condition, outcome) {
                ("amqp:not-found", PublishOutcome::Blocked { .. }) => {}
                (other, PublishOutcome::Cut { .. }) if other != "amqp:not-found" => {}
                _ => panic!("{condition}: {outcomes:?}"),
            }
        }
    }
    assert!(accepted(&on.publish(&messages(2)).await), "and it goes on once it is over");
}

async fn a_wrong_key_is_reported_with_the_remedy_and_without_the_key(on: &Bench) {
    let wrong = on.broker.connection(on.door).replace(KEY, WRONG_KEY);
    let outcomes = on.by(&wrong, PATIENCE).publish(&messages(2)).await;
    let reported = blocked(&outcomes);
    assert!(reported.contains(KEY_NAME) && reported.contains("Send"), "{reported}");
    assert!(on.ids().await.is_empty());
}

/// The reason of two messages to a destination that accepts none: at least one has it; the other may not be tried.
fn blocked(outcomes: &[PublishOutcome]) -> &str {
    assert_eq!(outcomes.len(), 2);
    let spared =
        |outcome: &PublishOutcome| matches!(outcome, PublishOutcome::Blocked { .. } | PublishOutcome::NotTried);
    assert!(outcomes.iter().all(spared), "{outcomes:?}");
    let reported = outcomes.iter().find(|outcome| matches!(outcome, PublishOutcome::Blocked { .. }));
    reason(reported.unwrap_or_else(|| panic!("{outcomes:?}")))
}
