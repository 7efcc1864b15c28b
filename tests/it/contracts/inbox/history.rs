//! What the outcomes of mails leave for operators: attempts, failure groups and counts by minute.

use super::*;
use client_organizer::{
    domain::{delivery::LEASE_RAN_OUT, latency},
    ports::{inbox::Alike, retention::Prunable},
};

fn number(backend: &impl Backend, sql: &str) -> i64 {
    backend.query(sql).unwrap().parse().unwrap()
}

fn attempts(backend: &impl Backend, id: &str, which: &str) -> i64 {
    let of_mail = format!("Consumer = '{CONSUMER}' AND MessageId = '{id}' AND Instance = 'here'");
    number(backend, &format!("SELECT COUNT(*) FROM InboxAttempts WHERE {of_mail} AND {which}"))
}

/// How many were counted in a bucket, over all minutes.
fn counted(backend: &impl Backend, bucket: i64) -> i64 {
    let counts = format!("FROM MinuteCounts WHERE Name = '{PROVIDER}' AND Bucket = {bucket} AND Instance = 'here'");
    number(backend, &format!("SELECT COALESCE(SUM(Count), 0) {counts}"))
}

/// The class of the group that the mail is in now.
fn class(backend: &impl Backend, id: &str) -> Option<String> {
    let own = format!("(SELECT Fingerprint FROM InboxMessages WHERE MessageId = '{id}')");
    backend.query(&format!("SELECT Class FROM FailureGroups WHERE Name = '{PROVIDER}' AND Fingerprint = {own}"))
}

async fn every_outcome_of_a_mail_is_an_attempt_and_the_last_twenty_are_kept(backend: &impl Backend) {
    let work = ours(backend, "m").await;
    settle(backend, &work, &parked(0)).await;
    assert_eq!(class(backend, "m").as_deref(), Some("parked"));
    for _ in 0..22 {
        let work = take(backend, 1).await.remove(0);
        assert_eq!(settle(backend, &work, &doubt(Some(0))).await, Settled::Applied);
        assert_eq!(settle(backend, &work, &doubt(Some(0))).await, Settled::Applied, "its answer was lost");
    }
    assert_eq!(class(backend, "m").as_deref(), Some("in-doubt"));
    assert_eq!((attempts(backend, "m", "State = 4"), attempts(backend, "m", "State = 3")), (20, 0));
    assert_eq!(attempts(backend, "m", "Error = 'cut after DATA'"), 20);
    backend.advance_ms(100_000);
    let work = take(backend, 1).await.remove(0);
    settle(backend, &work, &sent()).await;
    assert_eq!(attempts(backend, "m", "State = 2 AND Reference = 'r-1' AND Error IS NULL"), 1);
    assert_eq!(attempts(backend, "m", "1 = 1"), 20);
    assert_eq!(class(backend, "m"), None, "sent");
    // A slow server adds its own time.
    let minutes = (latency::bucket(100_000), latency::bucket(1_000_000));
    let late = format!("SELECT SUM(Count) FROM MinuteCounts WHERE Bucket BETWEEN {} AND {}", minutes.0, minutes.1);
    assert_eq!((counted(backend, latency::FAILED), number(backend, &late)), (23, 1));
    assert_eq!(number(backend, "SELECT COUNT(*) FROM FailureGroups"), 2);

    let work = ours(backend, "r").await;
    settle(backend, &work, &refused()).await;
    assert_eq!((class(backend, "r").as_deref(), counted(backend, latency::GIVEN_UP)), (Some("refused"), 1));
    assert_eq!(attempts(backend, "r", "State = 5 AND Error = 'no such mailbox'"), 1);
    backend.advance_ms(86_400_000);
    assert_eq!(backend.retention().prune(Prunable::Tombstones { older_than_days: 1 }, 10).await.unwrap(), 2);
    assert_eq!(number(backend, "SELECT COUNT(*) FROM InboxAttempts"), 0, "they go with their mail");
}

async fn a_mail_that_only_waits_keeps_its_last_failure(backend: &impl Backend) {
    let work = ours(backend, "m").await;
    settle(backend, &work, &doubt(Some(0))).await;
    let inbox = backend.inbox();
    for settlement in [
        MailSettlement::Parked { delay_ms: 0, reason: "waits".to_owned(), recipient_failed: false },
        MailSettlement::StillInDoubt { delay_ms: 0, reason: "too young".to_owned(), not_found: false },
    ] {
        let work = take(backend, 1).await.remove(0);
        inbox.settle(CONSUMER, "m", work.token, &settlement, PROVIDER, false).await.unwrap();
    }
    assert_eq!((attempts(backend, "m", "1 = 1"), counted(backend, latency::FAILED)), (1, 1));
    assert_eq!(class(backend, "m").as_deref(), Some("in-doubt"));
    assert_eq!(number(backend, "SELECT COUNT(*) FROM FailureGroups"), 1);
    let work = take(backend, 1).await.remove(0);
    let held = MailSettlement::Held { reason: "a person decides".to_owned() };
    inbox.settle(CONSUMER, "m", work.token, &held, PROVIDER, false).await.unwrap();
    assert_eq!((attempts(backend, "m", "State = 4 AND Error = 'a person decides'"), counted(backend, -1)), (1, 1));
}

async fn a_mails_time_begins_when_the_queue_got_it(backend: &impl Backend) {
    let enqueued = |ms: i64| chrono::DateTime::from_timestamp_millis(ms);
    let year_1000 = Delivery { enqueued_on: enqueued(-30_610_224_000_000), ..delivery("old") };
    let begun = backend.inbox().begin(CONSUMER, &year_1000, &addressee(), &lease()).await.unwrap();
    let Begun::Ours(work) = begun else { panic!("{begun:?}") };
    settle(backend, &work, &sent()).await;
    assert_eq!(counted(backend, latency::bucket(1_760_000_000_000 + 30_610_224_000_000)), 1, "a thousand years");
    // The host cuts the time to the second.
    let begun = backend.inbox().begin(CONSUMER, &delivery("cut"), &addressee(), &lease()).await.unwrap();
    let Begun::Ours(work) = begun else { panic!("{begun:?}") };
    let cut = backend.plus_ms("ReceivedOnUtc", -900);
    backend.execute(&format!("UPDATE InboxMessages SET EnqueuedOnUtc = {cut} WHERE MessageId = 'cut'"));
    settle(backend, &work, &sent()).await;
    let quick = format!("SELECT SUM(Count) FROM MinuteCounts WHERE Bucket BETWEEN 0 AND {}", latency::bucket(800));
    assert_eq!(number(backend, &quick), 1, "the part of a second before it was received does not count");
    let at = backend.at_ms(1_700_000_000_123);
    let odd = Delivery { enqueued_on: enqueued(1_700_000_000_123), ..delivery("odd") };
    for _ in 0..2 {
        backend
            .inbox()
            .refuse(CONSUMER, PROVIDER, &odd, &addressee(), "it is for <anna@example.pl>, no")
            .await
            .unwrap();
    }
    let stored = format!("SELECT COUNT(*) FROM InboxMessages WHERE MessageId = 'odd' AND EnqueuedOnUtc = {at}");
    assert_eq!(number(backend, &stored), 1);
    assert_eq!(
        (attempts(backend, "odd", "State = 5"), counted(backend, latency::GIVEN_UP)),
        (1, 1),
        "a repeat is none"
    );
    assert_eq!(class(backend, "odd").as_deref(), Some("refused"));
    let text = backend.query("SELECT Error FROM FailureGroups WHERE SampleId = 'odd'").unwrap();
    assert_eq!(text, "it is for <<address>>, no");
}

async fn mails_whose_lease_ran_out_are_one_group(backend: &impl Backend) {
    let late = [ours(backend, "a").await, ours(backend, "b").await];
    backend.advance_ms(LEASE_MS + 1);
    assert_eq!(expire(backend, OnDoubt::Hold).await, ["a", "b"]);
    for id in ["a", "b"] {
        assert_eq!(attempts(backend, id, &format!("State = 4 AND Error = '{LEASE_RAN_OUT}'")), 1);
        assert_eq!(class(backend, id).as_deref(), Some("in-doubt"));
    }
    assert_eq!((number(backend, "SELECT COUNT(*) FROM FailureGroups"), counted(backend, latency::FAILED)), (1, 2));
    assert_eq!(settle(backend, &late[0], &sent()).await, Settled::Applied);
    assert_eq!((class(backend, "a"), attempts(backend, "a", "1 = 1")), (None, 2), "its late outcome ends the doubt");
}

async fn a_refusal_that_is_taken_back_is_no_failure_of_the_mail(backend: &impl Backend) {
    for n in 0..5 {
        let to = format!(r#"{{"data":{{"clientId":{n},"recipient":"r{n}@example.pl"}}}}"#);
        let id = format!("m{n}");
        let addressee = key().addressee(to.as_bytes());
        let begun = backend.inbox().begin(CONSUMER, &delivery(&id), &addressee, &lease()).await.unwrap();
        let Begun::Ours(work) = begun else { panic!("{begun:?}") };
        let alike = Alike { provider: PROVIDER.to_owned(), fingerprint: "f".to_owned(), delay_ms: 1_000 };
        let (inbox, refused) = (backend.inbox(), refused());
        let settle = || inbox.settle_alike(CONSUMER, &id, work.token, &refused, &alike);
        let back = if n == 4 { 5 } else { 0 };
        assert_eq!(settle().await.unwrap(), (Settled::Applied, back), "{n}");
        // Its answer was lost: the repeat knows that it was taken back, and counts no further attempt.
        assert_eq!(settle().await.unwrap(), (Settled::Applied, back.min(1)), "{n}");
    }
    let back = number(backend, "SELECT COUNT(*) FROM InboxMessages WHERE State = 0");
    assert!(back > 0);
    let accepted = "SELECT COUNT(*) FROM InboxMessages WHERE State = 0 AND Fingerprint IS NULL";
    assert_eq!(number(backend, accepted), back);
    assert!(number(backend, "SELECT COUNT(*) FROM InboxAttempts WHERE State = 0") >= back);
    assert_eq!(number(backend, "SELECT COUNT(*) FROM InboxAttempts WHERE State = 5"), 5);
}

async fn a_kind_of_refusal_is_forgotten_with_the_next_outcome(backend: &impl Backend) {
    let alike = Alike { provider: PROVIDER.to_owned(), fingerprint: "f".to_owned(), delay_ms: 1_000 };
    for n in 0..5 {
        let to = format!(r#"{{"data":{{"clientId":{n},"recipient":"r{n}@example.pl"}}}}"#);
        let id = format!("m{n}");
        let addressee = key().addressee(to.as_bytes());
        let begun = backend.inbox().begin(CONSUMER, &delivery(&id), &addressee, &lease()).await.unwrap();
        let Begun::Ours(work) = begun else { panic!("{begun:?}") };
        let settled = backend.inbox().settle_alike(CONSUMER, &id, work.token, &refused(), &alike).await.unwrap();
        assert_eq!(settled, (Settled::Applied, 0), "{n}");
        if n == 0 {
            operator::resend(&*backend.remedies(), &id).await;
            let again = take(backend, 1).await.remove(0);
            assert_eq!(settle(backend, &again, &refused()).await, Settled::Applied);
        }
    }
    assert_eq!(number(backend, "SELECT COUNT(*) FROM InboxMessages WHERE State = 5"), 5);
}

async fn attempts_of_an_erased_mail_are_deleted_with_its_personal_data(backend: &impl Backend) {
    for id in ["leaving", "staying"] {
        let work = ours(backend, id).await;
        settle(backend, &work, &parked(0)).await;
        let work = take(backend, 1).await.remove(0);
        settle(backend, &work, &sent()).await;
    }
    backend.execute("UPDATE InboxMessages SET Subject = 'clients/1' WHERE MessageId = 'leaving'");
    backend.execute(
        "INSERT INTO Erasures (Subject, OnUtc) SELECT Subject, ReceivedOnUtc FROM InboxMessages WHERE MessageId = 'leaving'",
    );
    let erased = backend.retention().prune(Prunable::ErasedMails { older_than_days: 30 }, 10).await.unwrap();
    assert_eq!((erased, attempts(backend, "leaving", "1 = 1"), attempts(backend, "staying", "1 = 1")), (1, 0, 2));
}

contract!(
    every_outcome_of_a_mail_is_an_attempt_and_the_last_twenty_are_kept,
    a_mail_that_only_waits_keeps_its_last_failure,
    a_mails_time_begins_when_the_queue_got_it,
    mails_whose_lease_ran_out_are_one_group,
    a_refusal_that_is_taken_back_is_no_failure_of_the_mail,
    a_kind_of_refusal_is_forgotten_with_the_next_outcome,
    attempts_of_an_erased_mail_are_deleted_with_its_personal_data,
);
