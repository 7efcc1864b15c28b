//! Connections that end and answers that never come: nothing is called accepted that is not, and nothing hangs.

use super::{Bench, accepted, bus, message, messages, unknown};
use crate::support::broker::Broker;
use client_organizer::domain::{route::Destination, verdict::PublishOutcome};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

conformance!(
    cut_before_it_was_stored_it_is_unknown_and_goes_again,
    cut_after_it_was_stored_it_is_unknown_and_goes_again_under_the_same_id,
    a_detach_or_a_close_loses_nothing,
    an_idle_link_that_was_let_go_is_replaced_unnoticed,
    an_answer_that_never_comes_ends_with_the_timeout,
    a_deadline_that_is_over_tries_nothing,
    a_broker_that_was_restarted_is_found_again,
);

async fn cut_before_it_was_stored_it_is_unknown_and_goes_again(on: &Bench) {
    on.plan(json!(["cut-before"])).await;
    let outcomes = on.publish(&messages(1)).await;
    assert!(unknown(&outcomes[0]), "{outcomes:?}");
    assert!(on.ids().await.is_empty());
    assert!(accepted(&on.publish(&messages(1)).await));
    assert_eq!(on.ids().await, ["m0"]);
}

async fn cut_after_it_was_stored_it_is_unknown_and_goes_again_under_the_same_id(on: &Bench) {
    on.plan(json!(["cut-after"])).await;
    let outcomes = on.publish(&messages(1)).await;
    assert!(unknown(&outcomes[0]), "{outcomes:?}");
    assert_eq!(on.ids().await, ["m0"], "it was stored, and nobody told");
    assert!(accepted(&on.publish(&messages(1)).await));
    assert_eq!(on.ids().await, ["m0", "m0"]);
}

async fn a_detach_or_a_close_loses_nothing(on: &Bench) {
    for (n, fault) in ["detach-before", "detach-after", "close-after"].into_iter().enumerate() {
        on.plan(json!([fault])).await;
        let one = [message(&format!("{fault}-{n}"), "{}")];
        let first = on.publish(&one).await;
        assert!(!accepted(&first), "{fault}: {first:?}");
        assert!(!matches!(first[0], PublishOutcome::Permanent { .. }), "{fault} is no fault of the message: {first:?}");
        let again = on.publish(&one).await;
        assert!(accepted(&again), "{fault}: {again:?}");
        assert!(on.ids().await.contains(&one[0].id.as_str().to_owned()));
    }
}

async fn an_idle_link_that_was_let_go_is_replaced_unnoticed(on: &Bench) {
    assert!(accepted(&on.publish(&messages(1)).await));
    on.broker.tell("detach", json!({"name": on.entity})).await;
    let after = on.publish(&[message("after", "{}")]).await;
    assert!(accepted(&after), "{after:?}");
    assert_eq!(on.ids().await, ["m0", "after"]);
}

async fn an_answer_that_never_comes_ends_with_the_timeout(on: &Bench) {
    on.plan(json!(["never"])).await;
    let hasty = bus(&on.broker.connection(on.door), on.door, Duration::from_millis(800));
    let to = Destination::parse(&format!("queue:{}", on.entity)).unwrap();
    let outcomes = hasty.publish(&to, &messages(1), Instant::now() + super::PATIENCE).await;
    assert!(matches!(outcomes.as_slice(), [PublishOutcome::TimedOut { .. }]), "{outcomes:?}");
    assert!(accepted(&on.publish(&messages(1)).await));
}

async fn a_deadline_that_is_over_tries_nothing(on: &Bench) {
    let to = Destination::parse(&format!("queue:{}", on.entity)).unwrap();
    let outcomes = on.bus.publish(&to, &messages(3), Instant::now()).await;
    assert_eq!(outcomes.len(), 3);
    assert!(!outcomes.contains(&PublishOutcome::Accepted), "{outcomes:?}");
    assert!(on.ids().await.is_empty());
}

async fn a_broker_that_was_restarted_is_found_again(on: &Bench) {
    let Some(own) = Broker::start() else { return };
    let own: &'static Broker = Box::leak(Box::new(own));
    let on = Bench::new(own, on.door, json!({})).await;
    assert!(accepted(&on.publish(&messages(1)).await));
    own.tell("restart", json!({"ms": 10})).await;
    // A pooled connection may be found dead by the first message; that message is not lost, and the next finds a new one.
    let one = [message("after", "{}")];
    let first = on.publish(&one).await;
    if !accepted(&first) {
        assert!(!matches!(first[0], PublishOutcome::Permanent { .. }), "{first:?}");
        assert!(accepted(&on.publish(&one).await));
    }
    assert!(on.ids().await.contains(&"after".to_owned()));
}
