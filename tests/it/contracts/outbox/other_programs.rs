//! Rows inserted by other programs: defaults fill what they leave out, CHECKs refuse impossible values, and odd
//! values do not stop other rows.

use super::*;
use crate::support::backend::SqliteBackend;

async fn a_plain_insert_of_three_columns_is_claimed_like_any_other(backend: &impl Backend) {
    backend.execute("INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('e', 'Happened', '{\"n\":1}')");
    backend.outbox().route(&routes(&[("Happened", &[MAILS])]), 100).await.unwrap();
    let (token, claimed) = claim(backend, BATCH).await;
    let row = &claimed.rows[0];
    assert_eq!(
        (row.id.as_str(), row.event_type.as_str(), row.payload.as_slice()),
        ("e", "Happened", &b"{\"n\":1}"[..])
    );
    assert_eq!((row.content_type.as_str(), row.headers.as_str()), ("application/json", "{}"));
    assert_eq!((row.ordering_key.as_deref(), row.claims, row.retry_count), (None, 1, 0));
    assert_eq!((row.last_outcome, row.last_attempt_on), (None, None));
    assert!(row.occurred_on.timestamp() > 1_700_000_000, "when it was inserted: {}", row.occurred_on);
    assert_eq!(settle(backend, token, &claimed, Settlement::Sent).await, [Settled::Applied]);
}

contract!(a_plain_insert_of_three_columns_is_claimed_like_any_other);

/// Only SQLite stores bytes as text, and times that no calendar has.
#[tokio::test]
async fn bytes_that_are_not_utf8_and_absurd_numbers_do_not_fail_the_claim() {
    let backend = SqliteBackend::new();
    enqueue(&backend, MAILS, None, &["bytes", "past", "future", "counts", "neighbour"]);
    let set = |id: &str, what: &str| backend.execute(&format!("UPDATE OutboxMessages SET {what} WHERE Id = '{id}'"));
    let odd = "CAST(x'61ff' AS TEXT)";
    set("bytes", &format!("Payload = {odd}, Headers = {odd}, ContentType = {odd}, OrderingKey = {odd}"));
    set("past", "OccurredOnUtc = -9223372036854775808, DueAt = -9223372036854775808");
    set("future", "OccurredOnUtc = 9223372036854775807, LastAttemptOnUtc = 9223372036854775807");
    set("counts", "RetryCount = 9223372036854775807");
    let (token, claimed) = claim(&backend, BATCH).await;
    assert_eq!(ids(&claimed), ["past", "bytes", "future", "counts", "neighbour"]);
    assert_eq!(claimed.rows[1].payload, b"a\xff");
    assert!(claimed.rows[3].retry_count + 1 > 1_000_000, "it can be counted on");
    let settled = settle(&backend, token, &claimed, retry(i64::MAX)).await;
    assert_eq!(settled, [Settled::Applied; 5]);

    enqueue(&backend, MAILS, None, &["claims"]);
    set("claims", "Claims = 9223372036854775807");
    assert_eq!(ids(&claim(&backend, ClaimMode::Suspect).await.1), ["claims"]);
}

#[tokio::test]
async fn a_row_whose_destination_is_not_utf8_is_dead_lettered() {
    let backend = SqliteBackend::new();
    enqueue(&backend, "?", None, &["odd"]);
    backend.execute("UPDATE OutboxMessages SET Destination = CAST(x'713aff' AS TEXT)");
    let due = all_due(&backend).await;
    assert_eq!(backend.outbox().dead_letter(&due[0].destination, "no destination", 100).await.unwrap(), 1);
    assert_eq!(all_due(&backend).await, []);
}

/// On a connection of its own: the refusal is an error of that insert, and names the constraint.
#[tokio::test]
async fn an_impossible_row_is_refused_at_the_insert() {
    let backend = SqliteBackend::new();
    let other = rusqlite::Connection::open(&backend.options.path).unwrap();
    let refused = |columns: &str, values: &str| {
        let sql = format!("INSERT INTO OutboxMessages (EventType, Payload, {columns}) VALUES ('E', '{{}}', {values})");
        let why = other.execute(&sql, []).expect_err(&sql).to_string();
        assert!(why.contains("CHECK constraint failed"), "{sql}: {why}");
    };
    let long = "x".repeat(129);
    refused("Id", "''");
    refused("Id", &format!("'{long}'"));
    refused("Id, OrderingKey", &format!("'a', '{long}'"));
    refused("Id, State", "'a', 5");
    refused("Id, State", "'a', -1");
    refused("Id, State", "'a', 1");
    refused("Id, State", "'a', 2");
    refused("Id, LastOutcome", "'a', 6");
    assert_eq!(number(&backend, "SELECT count(*) FROM OutboxMessages"), 0);
}
