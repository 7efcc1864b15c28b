//! Connections that end and answers that never come: nothing is wrongly called accepted, and nothing hangs.

use super::{Bench, PATIENCE, accepted, bus, idling, message, messages, reason, unknown};
use crate::support::{broker::Broker, proxy::Proxy};
use client_organizer::domain::{route::Destination, verdict::PublishOutcome};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

conformance!(
    a_message_cut_before_it_was_stored_is_unknown_and_is_sent_again,
    a_message_cut_after_it_was_stored_is_unknown_and_is_sent_again_under_the_same_id,
    a_detach_or_a_close_loses_nothing,
    an_idle_link_that_the_broker_detached_is_replaced_unnoticed,
    an_answer_that_never_comes_ends_with_the_timeout,
    a_publish_past_its_deadline_tries_nothing,
    a_restarted_broker_is_reached_again,
    a_connection_that_went_silent_is_dropped_after_the_timeout,
    a_name_that_now_leads_to_another_address_is_followed,
    where_no_broker_listens_the_reason_names_it_and_the_rest_is_not_tried,
    ; amqp alone:
    a_closed_bus_ends_its_connection_properly_and_can_connect_again,
    an_idle_connection_that_went_silent_is_not_used,
);

async fn a_message_cut_before_it_was_stored_is_unknown_and_is_sent_again(on: &Bench) {
    on.plan(json!(["cut-before"])).await;
    let outcomes = on.publish(&messages(1)).await;
    assert!(unknown(&outcomes[0]), "{outcomes:?}");
    assert!(on.ids().await.is_empty());
    assert!(accepted(&on.publish(&messages(1)).await));
    assert_eq!(on.ids().await, ["m0"]);
}

async fn a_message_cut_after_it_was_stored_is_unknown_and_is_sent_again_under_the_same_id(on: &Bench) {
    on.plan(json!(["cut-after"])).await;
    let outcomes = on.publish(&messages(1)).await;
    assert!(unknown(&outcomes[0]), "{outcomes:?}");
    assert_eq!(on.ids().await, ["m0"], "it was stored, and the answer was lost");
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

async fn an_idle_link_that_the_broker_detached_is_replaced_unnoticed(on: &Bench) {
    assert!(accepted(&on.publish(&messages(1)).await));
    on.broker.command("detach", json!({"name": on.entity})).await;
    // The link is gone once our side has received the detach; wait for that.
    let to = Destination::parse(&format!("queue:{}", on.entity)).unwrap();
    on.bus.reach(&to, Instant::now() + super::PATIENCE).await;
    let after = on.publish(&[message("after", "{}")]).await;
    assert!(accepted(&after), "{after:?}");
    assert_eq!(on.ids().await, ["m0", "after"]);
}

async fn an_answer_that_never_comes_ends_with_the_timeout(on: &Bench) {
    on.plan(json!(["never"])).await;
    let hasty = bus(&on.broker.connection(on.door), on.door, Duration::from_millis(2_500));
    let to = Destination::parse(&format!("queue:{}", on.entity)).unwrap();
    let outcomes = hasty.publish(&to, &messages(1), Instant::now() + super::PATIENCE).await;
    assert!(matches!(outcomes.as_slice(), [PublishOutcome::TimedOut { .. }]), "{outcomes:?}");
    assert!(accepted(&on.publish(&messages(1)).await));
}

async fn a_publish_past_its_deadline_tries_nothing(on: &Bench) {
    let to = Destination::parse(&format!("queue:{}", on.entity)).unwrap();
    let outcomes = on.bus.publish(&to, &messages(3), Instant::now()).await;
    assert_eq!(outcomes.len(), 3);
    assert!(!outcomes.contains(&PublishOutcome::Accepted), "{outcomes:?}");
    assert!(on.ids().await.is_empty());
}

async fn a_restarted_broker_is_reached_again(on: &Bench) {
    let Some(own) = Broker::start() else { return };
    let own: &'static Broker = Box::leak(Box::new(own));
    let on = Bench::new(own, on.door, json!({})).await;
    assert!(accepted(&on.publish(&messages(1)).await));
    own.command("restart", json!({"ms": 10})).await;
    // The first message may find its pooled connection dead; it is not lost, and the next one gets a new connection.
    let one = [message("after", "{}")];
    let first = on.publish(&one).await;
    if !accepted(&first) {
        assert!(!matches!(first[0], PublishOutcome::Permanent { .. }), "{first:?}");
        assert!(accepted(&on.publish(&one).await));
    }
    assert!(on.ids().await.contains(&"after".to_owned()));
}

impl Bench {
    /// The same entity, reached through the test's proxy.
    fn through(&self, proxy: &Proxy, timeout: Duration) -> Self {
        let port = self.broker.port(self.door).to_string();
        self.by(&self.broker.connection(self.door).replace(&port, &proxy.port.to_string()), timeout)
    }
}

/// The silent connection uses it up in full; nothing else comes near it.
const SHORT: Duration = Duration::from_secs(4);

async fn a_connection_that_went_silent_is_dropped_after_the_timeout(on: &Bench) {
    let proxy = Proxy::to(on.broker.port(on.door)).await;
    let on = on.through(&proxy, SHORT);
    assert!(accepted(&on.publish(&messages(1)).await));
    proxy.swallow();
    let one = [message("after", "{}")];
    let outcomes = on.publish(&one).await;
    assert!(matches!(outcomes.as_slice(), [PublishOutcome::TimedOut { .. }]), "{outcomes:?}");
    assert!(accepted(&on.publish(&one).await), "on a new connection");
    assert_eq!(proxy.connections(), 2);
    assert_eq!(on.ids().await, ["m0", "after"]);
}

/// As after a failover, when the namespace's name answers with another address.
async fn a_name_that_now_leads_to_another_address_is_followed(on: &Bench) {
    let Some(elsewhere) = Broker::start() else { return };
    elsewhere.command("create", json!({"name": on.entity})).await;
    let Some(own) = Broker::start() else { return };
    own.command("create", json!({"name": on.entity})).await;
    let proxy = Proxy::to(own.port(on.door)).await;
    let on = on.through(&proxy, PATIENCE);
    assert!(accepted(&on.publish(&messages(1)).await));
    proxy.lead_to(elsewhere.port(on.door));
    own.command("cut", json!({})).await;
    let one = [message("after", "{}")];
    let first = on.publish(&one).await;
    if !accepted(&first) {
        assert!(unknown(&first[0]), "{first:?}");
        assert!(accepted(&on.publish(&one).await));
    }
    assert_eq!(elsewhere.ids(&on.entity).await, ["after"]);
}

async fn a_closed_bus_ends_its_connection_properly_and_can_connect_again(on: &Bench) {
    assert!(accepted(&on.publish(&messages(1)).await));
    on.bus.close().await;
    assert_eq!(on.broker.reported(&on.entity).await["goodbyes"], 1);
    assert!(accepted(&on.publish(&messages(1)).await));
    assert_eq!(on.broker.reported(&on.entity).await["links"], 2);
}

async fn an_idle_connection_that_went_silent_is_not_used(on: &Bench) {
    let proxy = Proxy::to(on.broker.port(on.door)).await;
    let port = on.broker.port(on.door).to_string();
    let connection = on.broker.connection(on.door).replace(&port, &proxy.port.to_string());
    let on = Bench { bus: idling(&connection, on.door, Duration::ZERO), entity: on.entity.clone(), ..*on };
    assert!(accepted(&on.publish(&messages(1)).await));
    proxy.swallow();
    assert!(accepted(&on.publish(&[message("after", "{}")]).await), "it would have waited for the timeout");
    assert_eq!(proxy.connections(), 2);
}

async fn where_no_broker_listens_the_reason_names_it_and_the_rest_is_not_tried(on: &Bench) {
    let nobody = on.broker.connection(on.door).replace(&on.broker.port(on.door).to_string(), "1");
    let outcomes = on.by(&nobody, PATIENCE).publish(&messages(20)).await;
    let spared =
        |outcome: &PublishOutcome| matches!(outcome, PublishOutcome::Blocked { .. } | PublishOutcome::NotTried);
    assert!(outcomes.iter().all(spared), "nothing was sent, and no message is to blame: {outcomes:?}");
    let reported = reason(&outcomes[0]);
    assert!(
        reported.contains("127.0.0.1:1") && reported.contains("refused") && reported.contains("the Endpoint right?"),
        "{reported}"
    );
}
