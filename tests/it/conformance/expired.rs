//! Expired tokens: they are reported as expired, and no message is lost once a valid one is there.

use super::{Bench, PATIENCE, accepted, message, messages, reason};
use crate::support::broker::{Broker, KEY_NAME};
use client_organizer::domain::verdict::PublishOutcome;
use serde_json::json;

conformance!(
    a_signature_made_elsewhere_opens_its_entity,
    an_expired_signature_is_reported_and_nothing_is_sent,
    a_token_that_expires_on_the_way_does_not_blame_the_message,
);

/// In 2096; and in 2001.
const FAR: i64 = 4_000_000_000;
const OVER: i64 = 1_000_000_000;
const TWO_HOURS_MS: i64 = 7_200_000;

async fn a_signature_made_elsewhere_opens_its_entity(on: &Bench) {
    let signed = on.by(&on.broker.signature(on.door, &on.entity, FAR), PATIENCE);
    assert!(accepted(&signed.publish(&messages(2)).await));
    let other = on.by(&on.broker.signature(on.door, "another-queue", FAR), PATIENCE);
    let outcomes = other.publish(&messages(1)).await;
    assert!(matches!(outcomes[0], PublishOutcome::Blocked { .. }), "{outcomes:?}");
    assert!(reason(&outcomes[0]).contains(KEY_NAME), "{outcomes:?}");
}

async fn an_expired_signature_is_reported_and_nothing_is_sent(on: &Bench) {
    let over = on.by(&on.broker.signature(on.door, &on.entity, OVER), PATIENCE);
    for outcome in over.publish(&messages(2)).await {
        let spared = outcome == PublishOutcome::NotTried;
        let reported = reason(&outcome);
        assert!(spared || (reported.contains("2001-09-09") && reported.contains("set a new one")), "{outcome:?}");
    }
    assert_eq!(on.broker.reported(&on.entity).await["transfers"], 0);
}

async fn a_token_that_expires_on_the_way_does_not_blame_the_message(on: &Bench) {
    let Some(own) = Broker::start() else { return };
    let own: &'static Broker = Box::leak(Box::new(own));
    let on = Bench::new(own, on.door, json!({})).await;
    assert!(accepted(&on.publish(&messages(1)).await));
    own.command("clock", json!({"aheadMs": TWO_HOURS_MS})).await;
    let one = [message("later", "{}")];
    let first = on.publish(&one).await;
    assert!(matches!(first[0], PublishOutcome::Cut { .. } | PublishOutcome::Blocked { .. }), "{first:?}");
    // Our signature has expired on arrival: one of the clocks is wrong, and the reason reports both.
    let again = on.publish(&one).await;
    assert!(matches!(again[0], PublishOutcome::Blocked { .. }), "{again:?}");
    assert!(reason(&again[0]).contains("expired") && reason(&again[0]).contains(KEY_NAME), "{again:?}");
    own.command("clock", json!({"aheadMs": 0})).await;
    assert!(accepted(&on.publish(&one).await));
    assert_eq!(on.ids().await, ["m0", "later"]);
}
