//! A row with an earlier Seq that commits later: the classic hole of outboxes that remember how far they got.

use super::*;

/// Of one destination and key.
fn slowly<'a>(backend: &'a impl Backend, destination: &str, key: &str, id: &str) -> Box<dyn FnOnce() + Send + 'a> {
    let columns = "Id, EventType, Destination, OrderingKey, Payload";
    backend.insert_slowly(columns, &format!("'{id}', 'Happened', '{destination}', '{key}', '1'"))
}

async fn sent(backend: &impl Backend) -> Vec<String> {
    let (token, claimed) = claim(backend, BATCH).await;
    settle(backend, token, &claimed, Settlement::Sent).await;
    ids(&claimed).into_iter().map(str::to_owned).collect()
}

async fn it_is_claimed_after_later_ones_were_sent(backend: &impl Backend) {
    let commit = slowly(backend, MAILS, "slow", "first");
    enqueue(backend, MAILS, Some("fast"), &["second"]);
    enqueue(backend, MAILS, None, &["third"]);
    assert_eq!(sent(backend).await, ["second", "third"], "nobody waits for it");
    assert_eq!(sent(backend).await, [""; 0]);
    commit();
    assert_eq!(due(backend, MAILS).await.unwrap().rows, 1);
    assert_eq!(sent(backend).await, ["first"]);
}

/// Whether the second goes before it committed depends on what the store lets us see; it can be no later than it says.
async fn it_goes_before_all_of_its_key_that_wait(backend: &impl Backend) {
    let commit = slowly(backend, MAILS, "k", "first");
    enqueue(backend, MAILS, Some("k"), &["second"]);
    let mut order = sent(backend).await;
    assert!(order.is_empty() || order == ["second"], "{order:?}");
    enqueue(backend, MAILS, Some("k"), &["third"]);
    commit();
    for _ in 0..3 {
        order.extend(sent(backend).await);
    }
    let waited: &[&str] = &["first", "second", "third"];
    let passed: &[&str] = &["second", "first", "third"];
    assert!(order == waited || order == passed, "{order:?}");
}

async fn it_is_routed_after_later_ones_were(backend: &impl Backend) {
    let both = routes(&[("Happened", &[MAILS, AUDIT])]);
    let commit = slowly(backend, "", "slow", "first");
    enqueue(backend, "", Some("fast"), &["second"]);
    assert_eq!(backend.outbox().route(&both, 100).await.unwrap().routed, 1);
    assert_eq!(sent(backend).await, ["second"]);
    commit();
    assert!(backend.outbox().waiting(&both).await.unwrap().unrouted);
    assert_eq!(backend.outbox().route(&both, 100).await.unwrap().routed, 1);
    assert_eq!(sent(backend).await, ["first"]);
    assert_eq!(number(backend, "SELECT count(*) FROM OutboxMessages WHERE Destination = ''"), 0);
}

async fn it_is_seen_by_operators_and_outlives_pruning(backend: &impl Backend) {
    let commit = slowly(backend, MAILS, "slow", "first");
    enqueue(backend, MAILS, Some("fast"), &["second"]);
    assert_eq!(sent(backend).await, ["second"]);
    let pruned = client_organizer::ports::retention::Prunable::FinishedRows { older_than_days: 0 };
    assert_eq!(backend.retention().prune(pruned, 100).await.unwrap(), 1);
    commit();
    let status = backend.ops().status(&[]).await.unwrap();
    assert_eq!(status.destinations.iter().map(|one| one.pending).sum::<u64>(), 1);
    assert_eq!(sent(backend).await, ["first"]);
}

contract!(
    it_is_claimed_after_later_ones_were_sent,
    it_goes_before_all_of_its_key_that_wait,
    it_is_routed_after_later_ones_were,
    it_is_seen_by_operators_and_outlives_pruning,
);
