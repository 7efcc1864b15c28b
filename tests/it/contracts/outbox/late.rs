//! A late row: it commits after rows with a later Seq. An outbox that remembers how far it got would skip it.

use super::*;
use crate::support::operator;

/// Inserts a row for a destination and key; the function that is returned commits it.
fn slowly<'a>(backend: &'a impl Backend, destination: &str, key: &str, id: &str) -> Box<dyn FnOnce() + Send + 'a> {
    let columns = "Id, EventType, Destination, OrderingKey, Payload";
    backend.insert_slowly(columns, &format!("'{id}', 'Happened', '{destination}', '{key}', '1'"))
}

async fn sent(backend: &impl Backend) -> Vec<String> {
    let (token, claimed) = claim(backend, BATCH).await;
    settle(backend, token, &claimed, Settlement::Sent).await;
    ids(&claimed).into_iter().map(str::to_owned).collect()
}

async fn a_late_row_is_claimed_after_later_ones_were_sent(backend: &impl Backend) {
    let commit = slowly(backend, MAILS, "slow", "first");
    enqueue(backend, MAILS, Some("fast"), &["second"]);
    enqueue(backend, MAILS, None, &["third"]);
    assert_eq!(sent(backend).await, ["second", "third"], "no other key waits for it");
    assert_eq!(sent(backend).await, [""; 0]);
    commit();
    assert_eq!(due(backend, MAILS).await.unwrap().rows, 1);
    assert_eq!(sent(backend).await, ["first"]);
}

/// Whether the second row goes before the late one commits depends on the store's isolation; both orders are right.
async fn a_late_row_goes_before_the_waiting_rows_of_its_key(backend: &impl Backend) {
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

async fn a_late_row_is_routed_after_later_ones_were(backend: &impl Backend) {
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

async fn a_late_row_is_shown_to_operators_and_outlives_pruning(backend: &impl Backend) {
    let commit = slowly(backend, MAILS, "slow", "first");
    enqueue(backend, MAILS, Some("fast"), &["second"]);
    assert_eq!(sent(backend).await, ["second"]);
    let pruned = client_organizer::ports::retention::Prunable::FinishedRows { older_than_days: 0 };
    assert_eq!(backend.retention().prune(pruned, 100).await.unwrap(), 1);
    commit();
    let overview = operator::overview(&*backend.reports(), "mail:folder").await;
    assert_eq!(overview.destinations.iter().map(|one| one.pending).sum::<u64>(), 1);
    assert_eq!(sent(backend).await, ["first"]);
}

contract!(
    a_late_row_is_claimed_after_later_ones_were_sent,
    a_late_row_goes_before_the_waiting_rows_of_its_key,
    a_late_row_is_routed_after_later_ones_were,
    a_late_row_is_shown_to_operators_and_outlives_pruning,
);
