//! Leases: who may settle, what a settle leaves behind, and how much a claim may lease.

use super::*;
use client_organizer::ports::outbox::Breaker;

async fn a_lost_lease_cannot_settle(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["m"]);
    let (a, claimed_by_a) = claim(backend, BATCH).await;
    backend.advance_ms(LEASE_MS + 1);
    let (b, claimed_by_b) = claim(backend, BATCH).await;
    assert_eq!(ids(&claimed_by_b), ["m"]);

    for settlement in [Settlement::Sent, retry(1_000), release(1_000), dead()] {
        let late = [(claimed_by_a.rows[0].seq, settlement)];
        assert_eq!(settle_with(backend, a, &late, open(5_000)).await, [Settled::LeaseLost], "while B holds it");
        assert_eq!(counts(backend, "m"), [1, 0, 2]);
    }
    assert_eq!(settle(backend, b, &claimed_by_b, Settlement::Sent).await, [Settled::Applied]);
    let late = [(claimed_by_a.rows[0].seq, retry(1_000))];
    assert_eq!(settle_with(backend, a, &late, open(5_000)).await, [Settled::LeaseLost], "after B settled it");
    assert_eq!(counts(backend, "m"), [2, 0, 0]);
    assert_eq!(column(backend, "m", "LastError"), None);
    let state = backend.breakers().breaker(MAILS).await.unwrap();
    assert_eq!((state.breaker, state.failures), (Breaker::Closed, 0), "nor does it open the breaker");
}

async fn a_row_whose_lease_is_lost_does_not_affect_the_others(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["m1", "m2"]);
    let (a, claimed) = claim(backend, BATCH).await;
    backend.advance_ms(LEASE_MS + 1);
    let (_, taken_over) = claim(backend, ClaimMode::Batch { rows_max: 1, bytes_max: 1_000 }).await;
    assert_eq!(ids(&taken_over), ["m1"]);
    let settled = settle(backend, a, &claimed, Settlement::Sent).await;
    assert_eq!(settled, [Settled::LeaseLost, Settled::Applied]);
    assert_eq!(counts(backend, "m2")[0], 2);
}

async fn a_repeated_settle_is_applied_and_counts_nothing_twice(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["sent", "put back"]);
    let (token, claimed) = claim(backend, BATCH).await;
    let rows = [(claimed.rows[0].seq, Settlement::Sent), (claimed.rows[1].seq, retry(30_000))];
    let first = settle_with(backend, token, &rows, open(50_000)).await;
    let accepted_on = backend.query("SELECT LastAcceptedOnUtc FROM Destinations");
    assert!(accepted_on.is_some());
    backend.advance_ms(10_000);
    let again = settle_with(backend, token, &rows, open(50_000)).await;

    assert_eq!((first, again), (vec![Settled::Applied; 2], vec![Settled::Applied; 2]));
    assert_eq!(counts(backend, "put back"), [0, 1, 0], "one retry");
    assert_eq!(backend.query("SELECT LastAcceptedOnUtc FROM Destinations"), accepted_on);
    let state = backend.breakers().breaker(MAILS).await.unwrap();
    assert_eq!(state.failures, 1);
    let Breaker::Open { for_ms } = state.breaker else { panic!("{state:?}") };
    assert!(for_ms <= 40_000, "the outage was not prolonged by the repeat: {for_ms}");
}

async fn an_expired_lease_that_nobody_claimed_can_still_be_settled(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["m"]);
    let (token, claimed) = claim(backend, BATCH).await;
    backend.advance_ms(LEASE_MS + 1);
    assert_eq!(settle(backend, token, &claimed, Settlement::Sent).await, [Settled::Applied]);
    assert_eq!(counts(backend, "m"), [2, 0, 0]);
}

async fn a_leased_row_is_not_claimed_again_until_its_lease_ends(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["m"]);
    claim(backend, BATCH).await;
    assert!(claim(backend, BATCH).await.1.rows.is_empty());
    assert_eq!(due(backend, MAILS).await, None);
    backend.advance_ms(LEASE_MS + 1);
    assert_eq!(due(backend, MAILS).await.unwrap().rows, 1);
    let (_, again) = claim(backend, BATCH).await;
    assert_eq!((again.rows[0].id.as_str(), again.rows[0].claims), ("m", 2));
}

async fn a_sent_row_keeps_its_time_and_nothing_of_earlier_failures(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["m"]);
    let (token, claimed) = claim(backend, BATCH).await;
    assert_eq!(claimed.last_accepted_on, None);
    settle(backend, token, &claimed, retry(1_000)).await;
    assert_eq!(column(backend, "m", "LastError").as_deref(), Some("not now"));
    backend.advance_ms(1_000);
    let (token, claimed) = claim(backend, BATCH).await;
    assert_eq!(claimed.last_accepted_on, None, "a refusal is no acceptance");
    assert_eq!(claimed.rows[0].retry_count, 1);
    assert_eq!(claimed.rows[0].last_outcome, Some(LastOutcome::Refused));
    assert!(claimed.rows[0].last_attempt_on.is_some());
    settle(backend, token, &claimed, Settlement::Sent).await;
    assert_eq!(column(backend, "m", "LastError"), None);
    assert!(column(backend, "m", "ProcessedOnUtc").is_some());
    enqueue(backend, MAILS, None, &["next"]);
    assert!(claim(backend, BATCH).await.1.last_accepted_on.is_some());
}

async fn a_release_uses_no_retry_and_forgets_nothing(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["m"]);
    let (token, claimed) = claim(backend, BATCH).await;
    settle(backend, token, &claimed, release(0)).await;
    assert_eq!(counts(backend, "m"), [0, 0, 0]);
    assert_eq!(column(backend, "m", "LastAttemptOnUtc"), None, "it was not tried");

    let (token, claimed) = claim(backend, BATCH).await;
    let (outcome, error) = (Some(LastOutcome::Blocked), Some("503".to_owned()));
    settle(backend, token, &claimed, Settlement::Release { delay_ms: 0, outcome, error, suspect: false }).await;
    let (token, claimed) = claim(backend, BATCH).await;
    let tried_on = claimed.rows[0].last_attempt_on;
    assert!(tried_on.is_some());
    backend.advance_ms(5_000);
    settle(backend, token, &claimed, release(0)).await;
    let (_, claimed) = claim(backend, BATCH).await;
    let row = &claimed.rows[0];
    assert_eq!((row.retry_count, row.claims), (0, 1));
    assert_eq!((row.last_outcome, row.last_attempt_on), (Some(LastOutcome::Blocked), tried_on));
    assert_eq!(column(backend, "m", "LastError").as_deref(), Some("503"));
}

async fn a_dead_row_counts_its_retry_as_settled_and_is_claimed_no_more(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["counted", "not counted"]);
    let (token, claimed) = claim(backend, BATCH).await;
    let error = "x".repeat(100_000);
    let uncounted = Settlement::Dead { outcome: LastOutcome::Permanent, error, count_retry: false };
    let rows = [(claimed.rows[0].seq, dead()), (claimed.rows[1].seq, uncounted)];
    settle_with(backend, token, &rows, BreakerChange::Leave).await;
    assert_eq!(counts(backend, "counted"), [3, 1, 0]);
    assert_eq!(counts(backend, "not counted"), [3, 0, 0]);
    let kept = column(backend, "not counted", "LastError").unwrap();
    assert!(kept.len() < 5_000, "a chatty broker cannot fill the disk: {}", kept.len());
    backend.advance_ms(LEASE_MS * 100);
    assert!(claim(backend, BATCH).await.1.rows.is_empty());
}

async fn a_claim_is_bounded_by_rows(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["m1", "m2", "m3"]);
    let two = ClaimMode::Batch { rows_max: 2, bytes_max: 1_000_000 };
    assert_eq!(ids(&claim(backend, two).await.1), ["m1", "m2"]);
    assert_eq!(ids(&claim(backend, two).await.1), ["m3"]);
}

async fn a_claim_is_bounded_by_bytes_but_takes_at_least_one(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["m1", "m2", "m3"]);
    let big = "ż".repeat(600);
    backend.execute(&format!("UPDATE OutboxMessages SET Payload = '{big}'"));
    let of = |bytes_max| ClaimMode::Batch { rows_max: 100, bytes_max };
    assert_eq!(ids(&claim(backend, of(2_399)).await.1), ["m1"], "two rows have 2 × (1,200 + 2) bytes");
    assert_eq!(ids(&claim(backend, of(10)).await.1), ["m2"]);
    assert_eq!(ids(&claim(backend, of(10)).await.1), ["m3"]);
}

async fn claimed_rows_are_ordered_by_due_time_then_seq(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["late", "early", "early too"]);
    let (token, claimed) = claim(backend, BATCH).await;
    let rows =
        [(claimed.rows[0].seq, retry(2_000)), (claimed.rows[1].seq, retry(1_000)), (claimed.rows[2].seq, retry(1_000))];
    settle_with(backend, token, &rows, BreakerChange::Leave).await;
    assert!(claim(backend, BATCH).await.1.rows.is_empty(), "none is due");
    backend.advance_ms(5_000);
    assert_eq!(ids(&claim(backend, BATCH).await.1), ["early", "early too", "late"]);
}

contract!(
    a_lost_lease_cannot_settle,
    a_row_whose_lease_is_lost_does_not_affect_the_others,
    a_repeated_settle_is_applied_and_counts_nothing_twice,
    an_expired_lease_that_nobody_claimed_can_still_be_settled,
    a_leased_row_is_not_claimed_again_until_its_lease_ends,
    a_sent_row_keeps_its_time_and_nothing_of_earlier_failures,
    a_release_uses_no_retry_and_forgets_nothing,
    a_dead_row_counts_its_retry_as_settled_and_is_claimed_no_more,
    a_claim_is_bounded_by_rows,
    a_claim_is_bounded_by_bytes_but_takes_at_least_one,
    claimed_rows_are_ordered_by_due_time_then_seq,
);
