//! The breaker contract: a failure that one process meets stops all of them, and one probe at a time tries again.

use super::outbox::{
    AUDIT, BATCH, CLAIMS_MAX, LEASE_MS, MAILS, claim, claim_at, due, enqueue, ids, number, open, settle_with, to,
};
use crate::support::backend::{Backend, SqliteBackend};
use client_organizer::{
    adapters::sqlite::Sqlite,
    domain::{
        ids::LeaseToken,
        outbox::{BreakerChange, Claim, ClaimMode, Settled, Settlement},
    },
    ports::{
        breaker::Breakers,
        outbox::{Breaker, Outbox},
    },
};

const OPEN_MS: i64 = 300_000;
/// Later than every clock of a test.
const FAR_MS: i64 = 9_999_999_999_999;

async fn opened(backend: &impl Backend) {
    backend.breakers().change(MAILS, LeaseToken::fresh(), &open(OPEN_MS)).await.unwrap();
}

async fn state(backend: &impl Backend) -> (Breaker, u32) {
    let state = backend.breakers().breaker(MAILS).await.unwrap();
    (state.breaker, state.failures)
}

async fn take(backend: &impl Backend) -> Option<LeaseToken> {
    let token = LeaseToken::fresh();
    backend.breakers().take_probe(MAILS, token, LEASE_MS).await.unwrap().then_some(token)
}

fn is_open(breaker: Breaker) -> bool {
    matches!(breaker, Breaker::Open { .. })
}

async fn a_breaker_not_seen_before_is_closed_and_gets_a_row(backend: &impl Backend) {
    assert_eq!(state(backend).await, (Breaker::Closed, 0));
    assert_eq!(number(backend, "SELECT count(*) FROM Destinations"), 1);
    backend.breakers().change("mail:folder", LeaseToken::fresh(), &open(OPEN_MS)).await.unwrap();
    let mail = backend.breakers().breaker("mail:folder").await.unwrap();
    assert!(is_open(mail.breaker), "opening one that has no row yet opens it: {mail:?}");
}

async fn an_open_breaker_lets_nothing_through_until_a_probe_is_due(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["m"]);
    opened(backend).await;
    assert!(claim(backend, BATCH).await.1.rows.is_empty());
    assert_eq!(take(backend).await, None, "too early");
    backend.advance_ms(OPEN_MS + 1);
    assert_eq!(state(backend).await, (Breaker::ProbeDue, 1));
    assert!(claim(backend, BATCH).await.1.rows.is_empty(), "its time being up closes nothing");
    assert!(claim(backend, ClaimMode::Suspect).await.1.rows.is_empty());
    assert!(claim(backend, ClaimMode::Probe).await.1.rows.is_empty(), "not without the probe");
}

async fn exactly_one_takes_the_probe(backend: &impl Backend) {
    opened(backend).await;
    backend.advance_ms(OPEN_MS + 1);
    let (a, b, c) = tokio::join!(take(backend), take(backend), take(backend));
    assert_eq!([a, b, c].iter().flatten().count(), 1);
    assert!(is_open(state(backend).await.0), "while it is out, nobody else is due");
}

async fn one_probe_takes_one_row_and_closes_it(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["m1", "m2"]);
    backend.execute("UPDATE OutboxMessages SET Claims = 3 WHERE Id = 'm1'");
    opened(backend).await;
    backend.advance_ms(OPEN_MS + 1);
    let token = take(backend).await.unwrap();
    let claimed = claim_at(&*backend.outbox(), MAILS, token, ClaimMode::Probe).await;
    assert_eq!((ids(&claimed), claimed.breaker_failures), (vec!["m1"], 1), "a suspect is as good as any");
    let sent = [(claimed.rows[0].seq, Settlement::Sent)];
    assert_eq!(settle_with(backend, token, &sent, BreakerChange::Close).await, [Settled::Applied]);
    assert_eq!(state(backend).await, (Breaker::Closed, 0));
    let (_, claimed) = claim(backend, BATCH).await;
    assert_eq!((ids(&claimed), claimed.breaker_failures), (vec!["m2"], 0));
}

async fn a_failed_probe_opens_it_again_and_counts(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["m"]);
    opened(backend).await;
    for failures in 2..5 {
        backend.advance_ms(LEASE_MS * 2);
        let token = take(backend).await.unwrap();
        let claimed = claim_at(&*backend.outbox(), MAILS, token, ClaimMode::Probe).await;
        let back = Settlement::Release { delay_ms: 1, outcome: None, error: None, suspect: false };
        settle_with(backend, token, &[(claimed.rows[0].seq, back)], open(LEASE_MS * 2)).await;
        let (breaker, counted) = state(backend).await;
        assert!(is_open(breaker));
        assert_eq!(counted, failures);
        assert_eq!(number(backend, "SELECT count(*) FROM Destinations WHERE ProbeToken IS NULL"), 1, "its probe ended");
    }
}

async fn an_abandoned_probe_can_be_taken_after_its_lease(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["m"]);
    opened(backend).await;
    backend.advance_ms(OPEN_MS + 1);
    let lost = take(backend).await.unwrap();
    backend.advance_ms(LEASE_MS + 1);
    let next = take(backend).await.unwrap();
    assert!(claim_at(&*backend.outbox(), MAILS, lost, ClaimMode::Probe).await.rows.is_empty(), "no longer its probe");
    assert_eq!(ids(&claim_at(&*backend.outbox(), MAILS, next, ClaimMode::Probe).await), ["m"]);
}

async fn a_probe_that_finds_nothing_is_given_back_by_its_holder_only(backend: &impl Backend) {
    opened(backend).await;
    backend.advance_ms(OPEN_MS + 1);
    let token = take(backend).await.unwrap();
    backend.breakers().give_back_probe(MAILS, LeaseToken::fresh()).await.unwrap();
    assert_eq!(take(backend).await, None);
    backend.breakers().give_back_probe(MAILS, token).await.unwrap();
    assert_eq!(state(backend).await, (Breaker::ProbeDue, 1));
    assert!(take(backend).await.is_some());
}

async fn only_the_probes_holder_closes(backend: &impl Backend) {
    opened(backend).await;
    backend.breakers().change(MAILS, LeaseToken::fresh(), &BreakerChange::Close).await.unwrap();
    assert!(is_open(state(backend).await.0), "a batch sent before it opened proves nothing");
    backend.advance_ms(OPEN_MS + 1);
    let token = take(backend).await.unwrap();
    backend.breakers().change(MAILS, LeaseToken::fresh(), &BreakerChange::Close).await.unwrap();
    assert!(is_open(state(backend).await.0));
    backend.breakers().change(MAILS, token, &BreakerChange::Close).await.unwrap();
    assert_eq!(state(backend).await, (Breaker::Closed, 0));
    assert_eq!(backend.query("SELECT Reason FROM Destinations"), None);
}

async fn a_second_report_of_the_same_outage_neither_counts_nor_shortens(backend: &impl Backend) {
    let breakers = backend.breakers();
    breakers.change(MAILS, LeaseToken::fresh(), &open(50_000)).await.unwrap();
    breakers.change(MAILS, LeaseToken::fresh(), &open(1_000)).await.unwrap();
    backend.advance_ms(2_000);
    let (breaker, failures) = state(backend).await;
    assert!(is_open(breaker));
    assert_eq!(failures, 1);
    breakers.change(MAILS, LeaseToken::fresh(), &open(900_000)).await.unwrap();
    backend.advance_ms(800_000);
    assert!(is_open(state(backend).await.0), "the longest wait wins");

    backend.advance_ms(200_000);
    let probe = take(backend).await.unwrap();
    breakers.change(MAILS, LeaseToken::fresh(), &open(1_000)).await.unwrap();
    breakers.change(MAILS, probe, &BreakerChange::Close).await.unwrap();
    assert_eq!(state(backend).await.0, Breaker::Closed, "nor does it take the probe from its holder");
}

async fn a_paused_destination_is_not_probed(backend: &impl Backend) {
    opened(backend).await;
    backend.execute(&format!("UPDATE Destinations SET PausedUntilUtc = {}", backend.at_ms(FAR_MS)));
    backend.advance_ms(OPEN_MS + 1);
    assert_eq!(take(backend).await, None);
    assert!(backend.breakers().breaker(MAILS).await.unwrap().paused);
}

async fn a_pause_with_an_end_needs_nobody_to_end_it(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["m"]);
    opened(backend).await;
    backend.advance_ms(OPEN_MS + 1);
    let until = backend.plus_ms("OpenUntil", 600_000);
    backend.execute(&format!("UPDATE Destinations SET PausedOnUtc = OpenUntil, PausedUntilUtc = {until}"));
    assert_eq!(take(backend).await, None);
    assert!(due(backend, MAILS).await.unwrap().paused);
    assert!(claim(backend, BATCH).await.1.rows.is_empty());

    backend.advance_ms(600_000);
    assert!(!backend.breakers().breaker(MAILS).await.unwrap().paused);
    assert!(!due(backend, MAILS).await.unwrap().paused);
    let probe = take(backend).await.unwrap();
    assert_eq!(claim_at(&*backend.outbox(), MAILS, probe, ClaimMode::Probe).await.rows.len(), 1);
}

async fn a_breaker_knows_since_when_it_is_open(backend: &impl Backend) {
    opened(backend).await;
    let since = || backend.query("SELECT OpenedOnUtc FROM Destinations WHERE Name = 'queue:mails'");
    let first = since();
    assert!(first.is_some());
    for _ in 0..2 {
        backend.advance_ms(OPEN_MS + 1);
        let probe = take(backend).await.unwrap();
        backend.breakers().change(MAILS, probe, &open(OPEN_MS)).await.unwrap();
    }
    assert_eq!(since(), first, "kept over the probes that failed");
    backend.advance_ms(OPEN_MS + 1);
    let probe = take(backend).await.unwrap();
    backend.breakers().change(MAILS, probe, &BreakerChange::Close).await.unwrap();
    assert_eq!(since(), None);
    opened(backend).await;
    assert!(since() > first);
}

async fn each_destination_has_a_breaker_of_its_own(backend: &impl Backend) {
    enqueue(backend, AUDIT, None, &["a"]);
    opened(backend).await;
    assert_eq!(due(backend, AUDIT).await.unwrap().breaker, Breaker::Closed);
    assert_eq!(ids(&claim_at(&*backend.outbox(), AUDIT, LeaseToken::fresh(), BATCH).await), ["a"]);
}

contract!(
    a_breaker_not_seen_before_is_closed_and_gets_a_row,
    an_open_breaker_lets_nothing_through_until_a_probe_is_due,
    exactly_one_takes_the_probe,
    one_probe_takes_one_row_and_closes_it,
    a_failed_probe_opens_it_again_and_counts,
    an_abandoned_probe_can_be_taken_after_its_lease,
    a_probe_that_finds_nothing_is_given_back_by_its_holder_only,
    only_the_probes_holder_closes,
    a_second_report_of_the_same_outage_neither_counts_nor_shortens,
    a_paused_destination_is_not_probed,
    a_pause_with_an_end_needs_nobody_to_end_it,
    a_breaker_knows_since_when_it_is_open,
    each_destination_has_a_breaker_of_its_own,
);

/// Two handles on one database, each with its own connections, as two processes have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_breaker_opened_by_one_process_stops_another_and_a_probe_by_either_closes_it() {
    let backend = SqliteBackend::new();
    let (one, other) = (backend.db.clone(), Sqlite::open(backend.options.clone()).unwrap());
    enqueue(&backend, MAILS, None, &["m1", "m2"]);
    let token = LeaseToken::fresh();
    let first = claim_at(&one, MAILS, token, ClaimMode::Batch { rows_max: 1, bytes_max: 1_000 }).await;
    let back = Settlement::Release { delay_ms: 0, outcome: None, error: None, suspect: false };
    settle_with(&backend, token, &[(first.rows[0].seq, back)], open(OPEN_MS)).await;
    assert!(claim_at(&other, MAILS, LeaseToken::fresh(), BATCH).await.rows.is_empty(), "the other is stopped");

    backend.advance_ms(OPEN_MS + 1);
    let [a, b] = [LeaseToken::fresh(), LeaseToken::fresh()];
    let (by_one, by_other) = tokio::join!(one.take_probe(MAILS, a, LEASE_MS), other.take_probe(MAILS, b, LEASE_MS));
    assert!(by_one.unwrap() != by_other.unwrap(), "exactly one takes the probe");
    let holder = if number(&backend, &format!("SELECT count(*) FROM Destinations WHERE ProbeToken = '{a}'")) == 1 {
        (&one, a)
    } else {
        (&other, b)
    };
    let claim = Claim {
        destination: to(MAILS),
        mode: ClaimMode::Probe,
        token: holder.1,
        lease_ms: LEASE_MS,
        claims_max: CLAIMS_MAX,
    };
    let claimed = holder.0.claim(&claim).await.unwrap();
    assert_eq!(claimed.rows.len(), 1);
    let sent = [(claimed.rows[0].seq, Settlement::Sent)];
    settle_with(&backend, holder.1, &sent, BreakerChange::Close).await;
    for handle in [&one, &other] {
        assert_eq!(handle.breaker(MAILS).await.unwrap().breaker, Breaker::Closed);
    }
    assert_eq!(claim_at(&other, MAILS, LeaseToken::fresh(), BATCH).await.rows.len(), 1);
}
