//! What a settle leaves for operators: attempts, failure groups and counts by minute.

use super::*;
use client_organizer::domain::{
    latency,
    outbox_failures::{DUPLICATE_ID, UNROUTED},
};

/// From the year 1000 until a test runs; for centuries its bucket is the same.
const MILLENNIUM_MS: i64 = 1_760_000_000_000 + 30_610_224_000_000;

fn refused(error: &str) -> Settlement {
    Settlement::Retry { delay_ms: 0, outcome: LastOutcome::Refused, error: error.to_owned(), suspect: false }
}

/// How many were counted in a bucket, over all minutes.
fn counted(backend: &impl Backend, name: &str, bucket: i64) -> i64 {
    let counts = format!("FROM MinuteCounts WHERE Name = '{name}' AND Bucket = {bucket} AND Instance = 'here'");
    number(backend, &format!("SELECT COALESCE(SUM(Count), 0) {counts}"))
}

fn counted_rows(backend: &impl Backend) -> i64 {
    number(backend, "SELECT COALESCE(SUM(Count), 0) FROM MinuteCounts")
}

fn attempts(backend: &impl Backend, id: &str, which: &str) -> i64 {
    let of_row = format!("Seq IN (SELECT Seq FROM OutboxMessages WHERE Id = '{id}') AND Instance = 'here'");
    number(backend, &format!("SELECT COUNT(*) FROM OutboxAttempts WHERE {of_row} AND {which}"))
}

async fn attempts_that_did_not_send_their_row_are_kept_up_to_twenty(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["m", "other"]);
    for turn in 0..25 {
        let (token, claimed) = claim(backend, BATCH).await;
        let settlement = if turn == 24 { release(0) } else { refused(&format!("busy, turn {turn}")) };
        settle(backend, token, &claimed, settlement).await;
    }
    for id in ["m", "other"] {
        assert_eq!(attempts(backend, id, "State = 0"), 20);
        assert_eq!(attempts(backend, id, "Outcome = 1 AND Error = 'busy, turn 4'"), 0, "the first ones are gone");
        assert_eq!(attempts(backend, id, "Outcome = 1 AND Error = 'busy, turn 5'"), 1);
        assert_eq!(attempts(backend, id, "Outcome IS NULL AND Error IS NULL"), 1, "put back untried");
    }
    let (token, claimed) = claim(backend, BATCH).await;
    settle(backend, token, &claimed, dead()).await;
    assert_eq!(attempts(backend, "m", "State = 3 AND Outcome = 2 AND Error = 'never'"), 1);
    backend.execute("UPDATE OutboxMessages SET State = 2, ProcessedOnUtc = OccurredOnUtc");
    let all = client_organizer::ports::retention::Prunable::FinishedRows { older_than_days: 0 };
    assert_eq!(backend.retention().prune(all, 10).await.unwrap(), 2);
    assert_eq!(number(backend, "SELECT COUNT(*) FROM OutboxAttempts"), 0, "they go with their row");
}

async fn failures_that_are_alike_are_one_group_until_the_row_is_sent(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["m1", "m2", "m3", "m4"]);
    let (token, claimed) = claim(backend, BATCH).await;
    let errors = ["the entity took 12 s", "the entity took 9 s", "access denied"];
    let mut rows: Vec<_> = claimed.rows.iter().zip(errors).map(|(row, error)| (row.seq, refused(error))).collect();
    rows.push((claimed.rows[3].seq, release(0)));
    settle_with(backend, token, &rows, BreakerChange::Leave).await;
    let group = "FROM FailureGroups WHERE Name = 'queue:mails' AND Class = 'refused'";
    assert_eq!(number(backend, &format!("SELECT COUNT(*) {group}")), 2);
    assert_eq!(
        backend.query(&format!("SELECT Error {group} AND SampleId = 'm2'")).as_deref(),
        Some("the entity took <n> s")
    );
    assert_eq!(column(backend, "m1", "Fingerprint"), column(backend, "m2", "Fingerprint"));
    assert_ne!(column(backend, "m1", "Fingerprint"), column(backend, "m3", "Fingerprint"));
    assert_eq!(column(backend, "m4", "Fingerprint"), None, "it was not tried");

    backend.advance_ms(60_000);
    let (token, claimed) = claim(backend, BATCH).await;
    let rows = [(claimed.rows[0].seq, Settlement::Sent), (claimed.rows[1].seq, release(0))];
    settle_with(backend, token, &rows, BreakerChange::Leave).await;
    assert_eq!(column(backend, "m1", "Fingerprint"), None, "sent");
    assert!(column(backend, "m2", "Fingerprint").is_some(), "put back untried: still that of its last failure");
    let rows = [(claimed.rows[2].seq, refused("access denied"))];
    settle_with(backend, token, &rows, BreakerChange::Leave).await;
    assert_eq!(number(backend, "SELECT COUNT(*) FROM FailureGroups"), 2);
    assert_eq!(
        backend.query(&format!("SELECT SampleId {group} AND LastSeenUtc > FirstSeenUtc")).as_deref(),
        Some("m3")
    );
}

async fn a_minute_counts_what_was_settled_and_a_repeat_counts_nothing(backend: &impl Backend) {
    let ids = ["m1", "m2", "m3", "m4", "m5", "m6"];
    enqueue(backend, MAILS, None, &ids);
    let tomorrow = backend.plus_ms("OccurredOnUtc", 86_400_000);
    backend.execute(&format!("UPDATE OutboxMessages SET OccurredOnUtc = {tomorrow} WHERE Id = 'm6'"));
    let year_1000 = backend.at_ms(-30_610_224_000_000);
    backend.execute(&format!("UPDATE OutboxMessages SET OccurredOnUtc = {year_1000} WHERE Id = 'm5'"));
    let (token, claimed) = claim(backend, BATCH).await;
    backend.advance_ms(100_000);
    let blocked = Settlement::Release { delay_ms: 0, outcome: Some(LastOutcome::Blocked), error: None, suspect: false };
    let ends = [Settlement::Sent, refused("x"), dead(), blocked, Settlement::Sent, Settlement::Sent];
    let rows: Vec<_> = claimed.rows.iter().map(|row| row.seq).zip(ends).collect();
    for _ in 0..2 {
        assert_eq!(settle_with(backend, token, &rows, BreakerChange::Leave).await, [Settled::Applied; 6]);
    }
    assert_eq!(counted(backend, MAILS, latency::bucket(100_000)), 1);
    assert_eq!(counted(backend, MAILS, latency::FAILED), 2);
    assert_eq!(counted(backend, MAILS, latency::GIVEN_UP), 1);
    assert_eq!(counted(backend, MAILS, 0), 1, "an event of tomorrow, by its writer's clock, took no time");
    let millennium = number(backend, "SELECT MAX(Bucket) FROM MinuteCounts");
    assert_eq!(millennium, latency::bucket(MILLENNIUM_MS), "and one of the year 1000 a thousand years");
    assert_eq!(counted_rows(backend), 6);
    assert_eq!(number(backend, "SELECT COUNT(DISTINCT MinuteUtc) FROM MinuteCounts"), 1);

    enqueue(backend, MAILS, None, &["n1", "n2"]);
    let (token, claimed) = claim(backend, BATCH).await;
    let untried: Vec<_> = claimed.rows.iter().map(|row| (row.seq, release(0))).collect();
    settle_with(backend, token, &untried, BreakerChange::Leave).await;
    settle_with(backend, LeaseToken::fresh(), &untried, BreakerChange::Leave).await;
    assert_eq!(counted_rows(backend), 6, "nothing was tried");
}

async fn a_row_that_dies_without_a_settle_has_an_attempt_and_a_group(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["killer"]);
    backend.execute("UPDATE OutboxMessages SET Claims = 4");
    claim(backend, ClaimMode::Suspect).await;
    backend.advance_ms(LEASE_MS + 1);
    assert_eq!(claim(backend, BATCH).await.1.set_dead, 1);
    enqueue(backend, "nowhere", None, &["typo"]);
    assert_eq!(backend.outbox().dead_letter("nowhere", "is invalid", 10).await.unwrap(), 1);
    enqueue(backend, MAILS, None, &["twin"]);
    enqueue(backend, "", None, &["twin", "to nobody"]);
    backend.execute("UPDATE OutboxMessages SET EventType = 'Unheard' WHERE Id = 'to nobody'");
    let routes = routes(&[("Happened", &[AUDIT]), ("Unheard", &[])]);
    assert_eq!(backend.outbox().route(&routes, 10).await.unwrap().duplicates, 1);

    for (id, name, class, error) in [
        ("killer", MAILS, "unknown", "claimed <n> times"),
        ("typo", "nowhere", "permanent", "is invalid"),
        ("twin", UNROUTED, "permanent", DUPLICATE_ID),
    ] {
        let died = format!("FROM OutboxMessages o WHERE o.Id = '{id}' AND o.State = 3");
        let own = format!("SELECT COUNT(*) FROM OutboxAttempts WHERE State = 3 AND Seq IN (SELECT o.Seq {died})");
        assert_eq!(number(backend, &format!("{own} AND Error = (SELECT o.LastError {died})")), 1, "{id}");
        let group = format!("FROM FailureGroups WHERE SampleId = '{id}' AND Name = '{name}' AND Class = '{class}'");
        let text = backend.query(&format!("SELECT Error {group}")).unwrap();
        assert!(text.starts_with(error), "{id}: {text}");
        let groups = format!("{group} AND Fingerprint = (SELECT o.Fingerprint {died})");
        assert_eq!(number(backend, &format!("SELECT COUNT(*) {groups}")), 1, "{id}");
        assert_eq!(counted(backend, name, latency::GIVEN_UP), 1, "{id}");
    }
    assert_eq!(number(backend, "SELECT COUNT(*) FROM OutboxAttempts"), 3);
    assert_eq!(column(backend, "to nobody", "Fingerprint"), None, "discarded as the settings say");
}

contract!(
    attempts_that_did_not_send_their_row_are_kept_up_to_twenty,
    failures_that_are_alike_are_one_group_until_the_row_is_sent,
    a_minute_counts_what_was_settled_and_a_repeat_counts_nothing,
    a_row_that_dies_without_a_settle_has_an_attempt_and_a_group,
);
