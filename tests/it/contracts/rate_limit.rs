//! The rate limit contract: no window holds more mails of a provider than its limit, over all processes.

use crate::support::{backend::Backend, operator};
use client_organizer::{
    domain::{
        delivery::{Delivery, MailState, MailWork, OnDoubt},
        ids::LeaseToken,
        mail_settlement::MailSettlement,
        outbox::{BreakerChange, Settled},
        rate_limit::{self, RateLimit},
        recipient::Addressee,
    },
    ports::{
        breaker::RateLimited,
        inbox::{Begun, Lease},
    },
};

contract!(
    a_rate_limited_mail_is_stored_and_goes_when_the_limit_allows_it,
    windows_of_a_rate_limit_slide,
    a_mail_counts_from_the_end_of_its_sending,
    a_mail_whose_sending_never_ended_counts_from_the_end_of_its_lease,
    a_mail_that_was_not_handed_over_does_not_count,
    a_status_query_does_not_count_as_a_mail,
    a_new_mail_waits_behind_those_that_wait,
    a_repeat_does_not_count,
    a_probe_is_rate_limited_too,
    all_processes_share_one_rate_limit,
    providers_do_not_share_a_rate_limit,
    a_raised_limit_counts_at_once,
    a_clock_that_was_set_back_delays_mails_by_minutes_only,
    attempts_older_than_every_window_are_deleted,
    status_queries_have_a_rate_limit_of_their_own,
    all_processes_share_the_rate_limit_of_status_queries,
);

const CONSUMER: &str = "SendEmail";
const PROVIDER: &str = "mail:acs";
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
/// Longer than the margin and a slow machine's pause between two steps; shorter than the windows under test.
const SOON_MS: i64 = 10_000;
const LEASE_MS: i64 = 300_000;

fn lease(per_minute: u32, per_hour: u32) -> Lease {
    let (token, provider) = (LeaseToken::fresh(), PROVIDER.to_owned());
    Lease { token, lease_ms: LEASE_MS, provider, rate_limit: RateLimit { per_minute, per_hour }, status_queries: false }
}

fn delivery(id: &str) -> Delivery {
    Delivery {
        message_id: id.to_owned(),
        body: id.as_bytes().to_vec(),
        delivery_count: 1,
        enqueued_on: None,
        traceparent: None,
    }
}

async fn begin(backend: &impl Backend, id: &str, lease: &Lease) -> Option<MailWork> {
    match backend.inbox().begin(CONSUMER, &delivery(id), &Addressee::default(), lease).await.unwrap() {
        Begun::Ours(work) => Some(work),
        Begun::Busy(MailState::Accepted) => None,
        other => panic!("{other:?}"),
    }
}

async fn take(backend: &impl Backend, lease: &Lease, rows_max: u32) -> Vec<MailWork> {
    backend.inbox().take_due(CONSUMER, lease, false, rows_max).await.unwrap()
}

fn sent() -> MailSettlement {
    MailSettlement::Sent { provider: PROVIDER.to_owned(), reference: String::new() }
}

async fn settle(backend: &impl Backend, work: &MailWork, settlement: &MailSettlement) {
    let settled =
        backend.inbox().settle(CONSUMER, &work.message_id, work.token, settlement, PROVIDER, true).await.unwrap();
    assert_eq!(settled, Settled::Applied);
}

/// Leases a mail and settles it as sent.
async fn send(backend: &impl Backend, id: &str, lease: &Lease) {
    let work = begin(backend, id, lease).await.unwrap();
    settle(backend, &work, &sent()).await;
}

async fn rate_limited(backend: &impl Backend) -> Option<RateLimited> {
    let rate_limited = backend.breakers().breaker(PROVIDER).await.unwrap().rate_limited;
    let reported = operator::overview(&*backend.reports(), PROVIDER).await.mails.rate_limited_until;
    assert_eq!(reported, rate_limited.map(|rate_limited| rate_limited.until), "an operator reads the same");
    rate_limited
}

fn ids(works: &[MailWork]) -> Vec<&str> {
    works.iter().map(|work| work.message_id.as_str()).collect()
}

async fn a_rate_limited_mail_is_stored_and_goes_when_the_limit_allows_it(backend: &impl Backend) {
    for id in ["a", "b"] {
        send(backend, id, &lease(2, 0)).await;
    }
    assert_eq!(rate_limited(backend).await, None, "nobody waits yet");
    for id in ["c", "d", "e"] {
        assert_eq!(begin(backend, id, &lease(2, 0)).await, None);
    }
    assert_eq!(take(backend, &lease(2, 0), 10).await, []);
    let reported = rate_limited(backend).await.unwrap();
    assert!((MINUTE_MS - SOON_MS..=MINUTE_MS + SOON_MS).contains(&reported.in_ms), "{reported:?}");
    let repeat = backend.inbox().begin(CONSUMER, &delivery("a"), &Addressee::default(), &lease(2, 0)).await.unwrap();
    assert_eq!(repeat, Begun::Done(MailState::Sent));
    assert!(rate_limited(backend).await.is_some(), "a repeat of a sent mail changes nothing for those that wait");
    backend.advance_ms(MINUTE_MS - SOON_MS);
    assert_eq!(take(backend, &lease(2, 0), 10).await, []);
    backend.advance_ms(2 * SOON_MS);
    let waiting = backend.breakers().breaker(PROVIDER).await.unwrap().rate_limited;
    assert_eq!(waiting.map(|reported| reported.in_ms), Some(0), "they may go, and wait until they are leased");
    assert_eq!(ids(&take(backend, &lease(2, 0), 10).await), ["c", "d"], "oldest first");
    assert_eq!(take(backend, &lease(2, 0), 10).await, [], "and no more than the limit allows");
}

/// A window that starts anew each hour would allow a hundred at the end of one hour and a hundred more a moment later.
async fn windows_of_a_rate_limit_slide(backend: &impl Backend) {
    send(backend, "a", &lease(0, 3)).await;
    backend.advance_ms(HOUR_MS - 2 * SOON_MS);
    for id in ["b", "c"] {
        send(backend, id, &lease(0, 3)).await;
    }
    assert_eq!(begin(backend, "d", &lease(0, 3)).await, None);
    backend.advance_ms(3 * SOON_MS);
    assert_eq!(ids(&take(backend, &lease(0, 3), 10).await), ["d"], "one has left the hour");
    assert_eq!(begin(backend, "e", &lease(0, 3)).await, None);
    assert!(rate_limited(backend).await.unwrap().in_ms > HOUR_MS - 4 * SOON_MS, "both limits are reported");
}

async fn a_mail_counts_from_the_end_of_its_sending(backend: &impl Backend) {
    let work = begin(backend, "a", &lease(1, 0)).await.unwrap();
    backend.advance_ms(MINUTE_MS + SOON_MS);
    assert_eq!(begin(backend, "b", &lease(1, 0)).await, None, "it may be sent just now");
    settle(backend, &work, &sent()).await;
    backend.advance_ms(MINUTE_MS - SOON_MS);
    settle(backend, &work, &sent()).await;
    assert_eq!(take(backend, &lease(1, 0), 1).await, []);
    backend.advance_ms(2 * SOON_MS);
    assert_eq!(ids(&take(backend, &lease(1, 0), 1).await), ["b"], "a repeated settlement prolongs nothing");
}

async fn a_mail_whose_sending_never_ended_counts_from_the_end_of_its_lease(backend: &impl Backend) {
    begin(backend, "a", &lease(1, 0)).await.unwrap();
    backend.advance_ms(LEASE_MS + SOON_MS);
    let doubted = backend.inbox().expire(CONSUMER, PROVIDER, OnDoubt::Resend, 10).await.unwrap();
    assert_eq!(doubted[0].message_id, "a");
    assert_eq!(take(backend, &lease(1, 0), 1).await, [], "its sender may have sent it at the lease's very end");
    backend.advance_ms(MINUTE_MS);
    assert_eq!(ids(&take(backend, &lease(1, 0), 1).await), ["a"]);
}

async fn a_mail_that_was_not_handed_over_does_not_count(backend: &impl Backend) {
    let work = begin(backend, "a", &lease(1, 1)).await.unwrap();
    let refused = MailSettlement::Refused { reason: "no letter".to_owned() };
    for _ in 0..2 {
        let settled = backend.inbox().settle(CONSUMER, "a", work.token, &refused, PROVIDER, false).await.unwrap();
        assert_eq!(settled, Settled::Applied);
    }
    assert!(begin(backend, "b", &lease(1, 1)).await.is_some());
}

async fn a_status_query_does_not_count_as_a_mail(backend: &impl Backend) {
    let querying = || Lease { status_queries: true, ..lease(1, 0) };
    let work = begin(backend, "doubt", &querying()).await.unwrap();
    assert_eq!(begin(backend, "waits", &querying()).await, None);
    settle(backend, &work, &MailSettlement::InDoubt { delay_ms: Some(0), reason: "cut".to_owned() }).await;
    let asked = take(backend, &querying(), 10).await;
    assert_eq!(ids(&asked), ["doubt"]);
    let unknown = MailSettlement::StillInDoubt { delay_ms: 0, reason: "not found".to_owned(), not_found: true };
    backend.inbox().settle(CONSUMER, "doubt", asked[0].token, &unknown, PROVIDER, false).await.unwrap();
    let again = take(backend, &querying(), 10).await;
    assert_eq!(ids(&again), ["doubt"]);
    backend.inbox().settle(CONSUMER, "doubt", again[0].token, &unknown, PROVIDER, false).await.unwrap();
    assert_eq!(take(backend, &querying(), 10).await, [], "now it would be sent again, which counts");
    backend.advance_ms(MINUTE_MS + SOON_MS);
    assert_eq!(ids(&take(backend, &querying(), 10).await), ["waits"]);
}

async fn a_new_mail_waits_behind_those_that_wait(backend: &impl Backend) {
    send(backend, "a", &lease(1, 0)).await;
    assert_eq!(begin(backend, "b", &lease(1, 0)).await, None);
    backend.advance_ms(MINUTE_MS + SOON_MS);
    assert_eq!(begin(backend, "c", &lease(1, 0)).await, None, "the limit allows one, and b is first");
    assert!(begin(backend, "b", &lease(1, 0)).await.is_none(), "c waits too: RetryEmail knows the order");
    assert_eq!(ids(&take(backend, &lease(1, 0), 10).await), ["b"]);
    backend.advance_ms(LEASE_MS + MINUTE_MS + SOON_MS);
    assert_eq!(ids(&take(backend, &lease(1, 0), 10).await), ["c"]);
}

async fn a_repeat_does_not_count(backend: &impl Backend) {
    send(backend, "a", &lease(2, 0)).await;
    for _ in 0..3 {
        let known = backend.inbox().begin(CONSUMER, &delivery("a"), &Addressee::default(), &lease(2, 0)).await.unwrap();
        assert_eq!(known, Begun::Done(MailState::Sent));
    }
    assert!(begin(backend, "b", &lease(2, 0)).await.is_some());
}

async fn a_probe_is_rate_limited_too(backend: &impl Backend) {
    send(backend, "a", &lease(1, 0)).await;
    let open = BreakerChange::Open { for_ms: 0, reason: "503".to_owned() };
    backend.breakers().change(PROVIDER, LeaseToken::fresh(), &open).await.unwrap();
    assert_eq!(begin(backend, "b", &lease(1, 0)).await, None);
    let probe = lease(1, 0);
    let taken = async || backend.inbox().take_due(CONSUMER, &probe, true, 1).await.unwrap();
    assert!(backend.breakers().take_probe(PROVIDER, probe.token, LEASE_MS).await.unwrap());
    assert_eq!(taken().await, []);
    backend.advance_ms(MINUTE_MS + SOON_MS);
    assert_eq!(ids(&taken().await), ["b"]);
}

async fn all_processes_share_one_rate_limit(backend: &impl Backend) {
    let handles = [backend.inbox(), backend.inbox(), backend.others().inbox, backend.others().inbox];
    let tasks: Vec<_> = (0..32)
        .map(|n| {
            let inbox = handles[n % handles.len()].clone();
            let (message, nobody) = (delivery(&format!("m{n}")), Addressee::default());
            tokio::spawn(async move { inbox.begin(CONSUMER, &message, &nobody, &lease(0, 5)).await.unwrap() })
        })
        .collect();
    let mut ours = 0;
    for task in tasks {
        ours += u32::from(matches!(task.await.unwrap(), Begun::Ours(_)));
    }
    assert_eq!(ours, 5);
    backend.advance_ms(HOUR_MS + LEASE_MS + SOON_MS);
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let inbox = handles[n % handles.len()].clone();
            tokio::spawn(async move { inbox.take_due(CONSUMER, &lease(0, 5), false, 4).await.unwrap() })
        })
        .collect();
    let mut taken = Vec::new();
    for task in tasks {
        taken.extend(task.await.unwrap().into_iter().map(|work| work.message_id));
    }
    // A claimer that meets another's lock may find nothing for now.
    taken.extend(take(backend, &lease(0, 5), 10).await.into_iter().map(|work| work.message_id));
    let all = taken.len();
    taken.sort();
    taken.dedup();
    assert_eq!((taken.len(), all), (5, 5), "{taken:?}");
}

async fn providers_do_not_share_a_rate_limit(backend: &impl Backend) {
    send(backend, "a", &lease(1, 0)).await;
    let other = Lease { provider: "mail:smtp".to_owned(), ..lease(1, 0) };
    assert!(begin(backend, "b", &other).await.is_some());
    assert_eq!(begin(backend, "c", &lease(1, 0)).await, None);
}

async fn a_raised_limit_counts_at_once(backend: &impl Backend) {
    send(backend, "a", &lease(0, 1)).await;
    assert_eq!(begin(backend, "b", &lease(0, 1)).await, None);
    assert!(rate_limited(backend).await.is_some());
    assert_eq!(ids(&take(backend, &lease(0, 2), 10).await), ["b"]);
    assert_eq!(rate_limited(backend).await, None);
    assert_eq!(begin(backend, "c", &lease(0, 2)).await, None);
    assert_eq!(ids(&take(backend, &lease(0, 0), 10).await), ["c"]);
}

async fn a_clock_that_was_set_back_delays_mails_by_minutes_only(backend: &impl Backend) {
    backend.advance_ms(24 * HOUR_MS);
    send(backend, "a", &lease(1, 0)).await;
    backend.advance_ms(-24 * HOUR_MS);
    assert_eq!(begin(backend, "b", &lease(1, 0)).await, None);
    // No lease is longer than ten minutes, so nothing can have been sent later than in ten minutes.
    backend.advance_ms(11 * MINUTE_MS + SOON_MS);
    assert_eq!(ids(&take(backend, &lease(1, 0), 10).await), ["b"]);
}

async fn attempts_older_than_every_window_are_deleted(backend: &impl Backend) {
    for id in ["a", "b"] {
        send(backend, id, &lease(30, 100)).await;
    }
    let kept = || backend.query("SELECT count(*) FROM MailAttempts");
    assert_eq!(kept().as_deref(), Some("2"));
    backend.advance_ms(HOUR_MS + SOON_MS);
    send(backend, "c", &lease(30, 100)).await;
    assert_eq!(kept().as_deref(), Some("1"));
    take(backend, &lease(0, 0), 1).await;
    send(backend, "d", &lease(0, 0)).await;
    assert_eq!(kept().as_deref(), Some("1"), "without a limit nothing is written down");
}

fn queries(token: LeaseToken, per_minute: u32, per_hour: u32) -> Lease {
    Lease { token, provider: rate_limit::of_queries(PROVIDER), ..lease(per_minute, per_hour) }
}

async fn status_queries_have_a_rate_limit_of_their_own(backend: &impl Backend) {
    let querying = Lease { status_queries: true, ..lease(1, 0) };
    let work = begin(backend, "doubt", &querying).await.unwrap();
    settle(backend, &work, &MailSettlement::InDoubt { delay_ms: Some(0), reason: "cut".to_owned() }).await;
    let work = take(backend, &Lease { token: LeaseToken::fresh(), ..querying }, 1).await.remove(0);
    let may_query = async |id: &str, lease: &Lease| backend.inbox().take_query(id, lease).await.unwrap();
    let first = queries(work.token, 2, 0);
    for _ in 0..3 {
        assert_eq!(may_query("doubt", &first).await, None, "a repeat has its place");
    }
    assert_eq!(may_query("other", &queries(LeaseToken::fresh(), 2, 0)).await, None);
    let shown = operator::overview(&*backend.reports(), PROVIDER).await.destinations;
    assert_eq!(shown, [], "no destination that is always ready");
    assert_eq!(may_query("doubt", &first).await, None, "also where no more have one");
    let full = may_query("third", &queries(LeaseToken::fresh(), 2, 0)).await.unwrap();
    assert!((LEASE_MS + MINUTE_MS - SOON_MS..=LEASE_MS + MINUTE_MS + SOON_MS).contains(&full), "{full}");
    assert_eq!(may_query("third", &queries(LeaseToken::fresh(), 0, 0)).await, None, "no limit, nothing to wait for");

    // The first query ends with its answer, and counts for a minute from then on.
    let unknown = MailSettlement::StillInDoubt { delay_ms: HOUR_MS, reason: "not found".to_owned(), not_found: true };
    settle(backend, &work, &unknown).await;
    let left = may_query("third", &queries(LeaseToken::fresh(), 2, 0)).await.unwrap();
    assert!((MINUTE_MS - SOON_MS..=MINUTE_MS + SOON_MS).contains(&left), "{left}");
    backend.advance_ms(MINUTE_MS + SOON_MS);
    assert!(begin(backend, "mail", &lease(1, 0)).await.is_some(), "queries do not count as mails");
    assert_eq!(may_query("third", &queries(LeaseToken::fresh(), 2, 0)).await, None, "nor mails of queries");
    let hour = may_query("fourth", &queries(LeaseToken::fresh(), 0, 3)).await.unwrap();
    assert!(hour > HOUR_MS - 2 * (MINUTE_MS + SOON_MS), "{hour}");
}

async fn all_processes_share_the_rate_limit_of_status_queries(backend: &impl Backend) {
    let handles = [backend.inbox(), backend.inbox(), backend.others().inbox, backend.others().inbox];
    let tasks: Vec<_> = (0..32)
        .map(|n| {
            let inbox = handles[n % handles.len()].clone();
            let lease = queries(LeaseToken::fresh(), 0, 5);
            tokio::spawn(async move { inbox.take_query(&format!("m{n}"), &lease).await.unwrap() })
        })
        .collect();
    let mut asked = 0;
    for task in tasks {
        asked += u32::from(task.await.unwrap().is_none());
    }
    assert_eq!(asked, 5);
}
