//! The inbox contract: one holder at a time, nothing is lost, and a mail known to be sent is not sent again.

mod history;

use crate::support::{backend::Backend, operator};
use client_organizer::{
    domain::{
        client::Email,
        delivery::{Delivery, MailState, MailWork, OnDoubt},
        ids::LeaseToken,
        mail_settlement::MailSettlement,
        operations::{MailFilter, MailLine},
        outbox::{BreakerChange, Settled},
        rate_limit::RateLimit,
        recipient::{Addressee, RecipientKey},
    },
    ports::{
        inbox::{Begun, Doubted, Lease},
        operations::PageRequest,
    },
};

contract!(
    a_mail_held_for_a_person_is_due_no_more_and_counts_no_further_doubt,
    one_of_many_parallel_deliveries_gets_the_lease,
    a_message_that_can_never_be_mailed_is_stored_and_a_known_one_is_not_changed,
    a_mail_whose_lease_ran_out_is_in_doubt_and_due_where_doubts_are_resent,
    a_mail_whose_lease_ran_out_is_held_where_a_person_decides,
    expired_leases_become_doubts_in_bounded_steps,
    the_trace_of_a_message_stays_with_its_mail,
    a_late_outcome_ends_the_doubt_while_no_other_leased_the_mail,
    a_late_doubt_is_not_counted_twice,
    results_of_status_queries_are_remembered_until_the_next_doubt,
    a_late_outcome_is_lost_once_another_leased_the_mail,
    a_stopped_provider_gets_nothing_and_nothing_is_lost,
    only_the_holder_of_the_probe_passes_an_open_breaker,
    a_pause_of_the_provider_with_an_end_needs_nobody_to_end_it,
    a_later_delivery_leases_a_mail_that_waited,
    a_parked_mail_is_due_only_after_its_delay,
    due_mails_are_leased_oldest_first_and_bounded,
    the_recipients_clock_starts_at_its_first_failure,
    time_without_an_attempt_does_not_count_against_the_recipient,
    a_tombstone_recognises_a_repeat_when_the_body_is_gone,
    a_repeated_outcome_is_applied_once,
    a_refused_mail_keeps_its_body_and_is_never_due,
    consumers_do_not_see_each_other,
    the_client_of_a_mail_is_remembered_when_its_content_is_erased,
);

const CONSUMER: &str = "SendEmail";
const PROVIDER: &str = "mail:folder";
/// Much longer than a slow machine's pause between two steps of a test.
const LEASE_MS: i64 = 600_000;

fn delivery(id: &str) -> Delivery {
    let body = format!("body of {id} \u{1f980}").into_bytes();
    Delivery { message_id: id.to_owned(), body, delivery_count: 1, enqueued_on: None, traceparent: None }
}

fn key() -> RecipientKey {
    RecipientKey::new("a key of the tests")
}

fn addressee() -> Addressee {
    key().addressee(br#"{"data":{"clientId":17,"recipient":"anna@example.pl"}}"#)
}

fn lease() -> Lease {
    Lease {
        token: LeaseToken::fresh(),
        lease_ms: LEASE_MS,
        provider: PROVIDER.to_owned(),
        rate_limit: RateLimit::default(),
        status_queries: false,
    }
}

async fn begin(backend: &impl Backend, id: &str) -> Begun {
    backend.inbox().begin(CONSUMER, &delivery(id), &addressee(), &lease()).await.unwrap()
}

async fn ours(backend: &impl Backend, id: &str) -> MailWork {
    match begin(backend, id).await {
        Begun::Ours(work) => work,
        other => panic!("{other:?}"),
    }
}

async fn take(backend: &impl Backend, rows_max: u32) -> Vec<MailWork> {
    backend.inbox().take_due(CONSUMER, &lease(), false, rows_max).await.unwrap()
}

async fn settle(backend: &impl Backend, work: &MailWork, settlement: &MailSettlement) -> Settled {
    backend.inbox().settle(CONSUMER, &work.message_id, work.token, settlement, PROVIDER, true).await.unwrap()
}

async fn expire(backend: &impl Backend, on_doubt: OnDoubt) -> Vec<String> {
    expire_some(backend, on_doubt, 100).await
}

async fn expire_some(backend: &impl Backend, on_doubt: OnDoubt, rows_max: u32) -> Vec<String> {
    let doubted = backend.inbox().expire(CONSUMER, PROVIDER, on_doubt, rows_max).await.unwrap();
    doubted.into_iter().map(|one| one.message_id).collect()
}

async fn mail(backend: &impl Backend, id: &str) -> MailLine {
    operator::mail(&*backend.reports(), id).await
}

fn sent() -> MailSettlement {
    MailSettlement::Sent { provider: PROVIDER.to_owned(), reference: "r-1".to_owned() }
}

fn parked(delay_ms: i64) -> MailSettlement {
    MailSettlement::Parked { delay_ms, reason: "mailbox full".to_owned(), recipient_failed: true }
}

fn refused() -> MailSettlement {
    MailSettlement::Refused { reason: "no such mailbox".to_owned() }
}

fn doubt(delay_ms: Option<i64>) -> MailSettlement {
    MailSettlement::InDoubt { delay_ms, reason: "cut after DATA".to_owned() }
}

fn ids(works: &[MailWork]) -> Vec<&str> {
    works.iter().map(|work| work.message_id.as_str()).collect()
}

async fn results_of_status_queries_are_remembered_until_the_next_doubt(backend: &impl Backend) {
    let work = ours(backend, "m").await;
    assert_eq!((work.doubted_on, work.not_found), (None, 0));
    assert_eq!(settle(backend, &work, &doubt(Some(0))).await, Settled::Applied);
    let leased = take(backend, 1).await.remove(0);
    let since = leased.doubted_on.unwrap();
    assert_eq!((leased.doubts, leased.not_found), (1, 0));
    let unknown =
        |not_found| MailSettlement::StillInDoubt { delay_ms: 60_000, reason: "not found".to_owned(), not_found };
    assert_eq!(settle(backend, &leased, &unknown(true)).await, Settled::Applied);
    assert_eq!(settle(backend, &leased, &unknown(true)).await, Settled::Applied, "its answer was lost");
    assert!(take(backend, 1).await.is_empty(), "not before its delay");
    backend.advance_ms(60_000);

    // The process dies during the status query: the doubt stays the same.
    assert_eq!(take(backend, 1).await.remove(0).not_found, 1);
    backend.advance_ms(LEASE_MS + 1);
    expire(backend, OnDoubt::Resend).await;
    let leased = take(backend, 1).await.remove(0);
    assert_eq!((leased.doubted_on, leased.not_found), (Some(since), 1));
    assert_eq!(settle(backend, &leased, &unknown(true)).await, Settled::Applied);

    // Another run parked it, and it may still be sent; a lease that runs out after that is a new doubt.
    backend.advance_ms(60_000);
    let cleared = take(backend, 1).await.remove(0);
    assert_eq!(cleared.not_found, 2);
    let back = MailSettlement::Parked { delay_ms: 0, reason: "waits".to_owned(), recipient_failed: false };
    settle(backend, &cleared, &back).await;
    assert_eq!(take(backend, 1).await.remove(0).not_found, 2);
    backend.advance_ms(LEASE_MS + 1);
    expire(backend, OnDoubt::Resend).await;
    let again = take(backend, 1).await.remove(0);
    assert!(again.not_found == 0 && again.doubted_on.unwrap() > since, "{again:?}");
    assert!(again.doubted_on.unwrap() <= again.now);
}

async fn one_of_many_parallel_deliveries_gets_the_lease(backend: &impl Backend) {
    let handles = [backend.inbox(), backend.inbox(), backend.others().inbox, backend.others().inbox];
    let tasks: Vec<_> = (0..32)
        .map(|n| {
            let inbox = handles[n % handles.len()].clone();
            tokio::spawn(async move { inbox.begin(CONSUMER, &delivery("m"), &addressee(), &lease()).await.unwrap() })
        })
        .collect();
    let mut held = 0;
    for task in tasks {
        match task.await.unwrap() {
            Begun::Ours(work) => {
                held += 1;
                assert_eq!((work.body, work.attempts, work.doubts), (delivery("m").body, 1, 0));
            }
            other => assert_eq!(other, Begun::Busy(MailState::Sending)),
        }
    }
    assert_eq!(held, 1);
    assert_eq!(mail(backend, "m").await.deliveries, 32);
}

async fn a_message_that_can_never_be_mailed_is_stored_and_a_known_one_is_not_changed(backend: &impl Backend) {
    let refuse =
        async |id| backend.inbox().refuse(CONSUMER, PROVIDER, &delivery(id), &addressee(), "not ours").await.unwrap();
    refuse("bad").await;
    refuse("bad").await;
    let row = mail(backend, "bad").await;
    assert_eq!((row.state, row.deliveries, row.last_error.as_deref()), (MailState::Refused, 2, Some("not ours")));
    assert_eq!(begin(backend, "bad").await, Begun::Done(MailState::Refused));

    let work = ours(backend, "good").await;
    refuse("good").await;
    assert_eq!(mail(backend, "good").await.state, MailState::Sending);
    assert_eq!(settle(backend, &work, &sent()).await, Settled::Applied);
}

async fn a_mail_whose_lease_ran_out_is_in_doubt_and_due_where_doubts_are_resent(backend: &impl Backend) {
    let first = ours(backend, "m").await;
    backend.advance_ms(LEASE_MS / 2);
    assert_eq!(expire(backend, OnDoubt::Resend).await, [""; 0], "its lease still runs");
    backend.advance_ms(LEASE_MS / 2);
    assert_eq!(begin(backend, "m").await, Begun::Busy(MailState::Sending), "a repeat decides nothing");
    assert_eq!(take(backend, 10).await, [], "a lease is no due mail");
    assert_eq!(expire(backend, OnDoubt::Resend).await, ["m"]);
    assert_eq!(expire(backend, OnDoubt::Resend).await, [""; 0]);
    let row = mail(backend, "m").await;
    assert_eq!((row.state, row.doubts), (MailState::InDoubt, 1));
    assert!(row.last_error.unwrap().contains("lease ran out"));
    assert_eq!(begin(backend, "m").await, Begun::Done(MailState::InDoubt));

    let again = take(backend, 10).await;
    assert_eq!(ids(&again), ["m"]);
    assert_eq!((again[0].attempts, again[0].doubts, &again[0].body), (2, 1, &first.body));
}

async fn a_mail_whose_lease_ran_out_is_held_where_a_person_decides(backend: &impl Backend) {
    ours(backend, "m").await;
    backend.advance_ms(LEASE_MS);
    assert_eq!(expire(backend, OnDoubt::Hold).await, ["m"]);
    backend.advance_ms(1_000 * LEASE_MS);
    assert_eq!(take(backend, 10).await, []);
    assert_eq!(expire(backend, OnDoubt::Resend).await, [""; 0]);
    let row = mail(backend, "m").await;
    assert_eq!((row.state, row.due_at), (MailState::InDoubt, None));
}

async fn expired_leases_become_doubts_in_bounded_steps(backend: &impl Backend) {
    for id in ["a", "b", "c"] {
        ours(backend, id).await;
        backend.advance_ms(1);
    }
    backend.advance_ms(LEASE_MS);
    let step = async || expire_some(backend, OnDoubt::Resend, 2).await;
    assert_eq!(step().await, ["a", "b"]);
    assert_eq!(step().await, ["c"]);
}

async fn the_trace_of_a_message_stays_with_its_mail(backend: &impl Backend) {
    let trace = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    let traced = Delivery { traceparent: trace.clone(), ..delivery("t") };
    let begun = backend.inbox().begin(CONSUMER, &traced, &addressee(), &lease()).await.unwrap();
    assert!(matches!(begun, Begun::Ours(work) if work.traceparent == trace));
    backend.advance_ms(LEASE_MS + 1);
    let doubted = backend.inbox().expire(CONSUMER, PROVIDER, OnDoubt::Resend, 1).await.unwrap();
    assert_eq!(doubted, [Doubted { message_id: "t".to_owned(), traceparent: trace.clone() }]);
    assert_eq!(take(backend, 1).await.remove(0).traceparent, trace);
    // A refused one may be resent.
    let refused = Delivery { message_id: "r".to_owned(), ..traced };
    backend.inbox().refuse(CONSUMER, PROVIDER, &refused, &addressee(), "unreadable").await.unwrap();
    assert_eq!(backend.query("SELECT Traceparent FROM InboxMessages WHERE MessageId = 'r'"), trace);
}

async fn a_late_outcome_ends_the_doubt_while_no_other_leased_the_mail(backend: &impl Backend) {
    for (id, finished, state) in
        [("s", sent(), MailState::Sent), ("p", parked(1), MailState::Parked), ("r", refused(), MailState::Refused)]
    {
        let work = ours(backend, id).await;
        backend.advance_ms(LEASE_MS);
        expire(backend, OnDoubt::Hold).await;
        assert_eq!(settle(backend, &work, &finished).await, Settled::Applied);
        assert_eq!(mail(backend, id).await.state, state);
    }
}

async fn a_late_doubt_is_not_counted_twice(backend: &impl Backend) {
    let work = ours(backend, "m").await;
    backend.advance_ms(LEASE_MS);
    expire(backend, OnDoubt::Hold).await;
    assert_eq!(settle(backend, &work, &doubt(Some(0))).await, Settled::Applied);
    let row = mail(backend, "m").await;
    assert_eq!((row.doubts, row.due_at), (1, None));
}

async fn a_late_outcome_is_lost_once_another_leased_the_mail(backend: &impl Backend) {
    let first = ours(backend, "m").await;
    backend.advance_ms(LEASE_MS);
    expire(backend, OnDoubt::Resend).await;
    let second = take(backend, 1).await.remove(0);
    for late in [sent(), parked(0), refused(), doubt(None)] {
        assert_eq!(settle(backend, &first, &late).await, Settled::LeaseLost, "{late:?}");
    }
    assert_eq!(mail(backend, "m").await.state, MailState::Sending);
    assert_eq!(settle(backend, &second, &sent()).await, Settled::Applied);
    assert_eq!(settle(backend, &first, &sent()).await, Settled::LeaseLost, "the other's outcome is not ours");
}

async fn a_stopped_provider_gets_nothing_and_nothing_is_lost(backend: &impl Backend) {
    backend.breakers().breaker(PROVIDER).await.unwrap();
    let on_its_way = ours(backend, "on-its-way").await;
    operator::pause(&*backend.remedies(), PROVIDER).await;
    assert_eq!(begin(backend, "on-its-way").await, Begun::Busy(MailState::Sending), "its holder keeps it");
    assert_eq!(settle(backend, &on_its_way, &sent()).await, Settled::Applied);
    assert_eq!(begin(backend, "paused").await, Begun::Busy(MailState::Accepted));
    assert_eq!(begin(backend, "paused").await, Begun::Busy(MailState::Accepted));
    assert_eq!(take(backend, 10).await, []);
    operator::resume(&*backend.remedies(), PROVIDER).await;
    backend.advance_ms(1);

    let open = BreakerChange::Open { for_ms: 1_000, reason: "503".to_owned() };
    backend.breakers().change(PROVIDER, LeaseToken::fresh(), &open).await.unwrap();
    assert_eq!(begin(backend, "open").await, Begun::Busy(MailState::Accepted));
    backend.advance_ms(1_000);
    assert_eq!(begin(backend, "due").await, Begun::Busy(MailState::Accepted), "a probe is RetryEmail's");
    assert_eq!(take(backend, 10).await, []);

    operator::resume(&*backend.remedies(), PROVIDER).await;
    let works = take(backend, 10).await;
    assert_eq!(ids(&works), ["paused", "open", "due"]);
    assert_eq!((works[0].attempts, &works[0].body), (1, &delivery("paused").body));
    assert_eq!(mail(backend, "paused").await.deliveries, 2);
}

async fn only_the_holder_of_the_probe_passes_an_open_breaker(backend: &impl Backend) {
    let breakers = backend.breakers();
    breakers.breaker(PROVIDER).await.unwrap();
    let open = BreakerChange::Open { for_ms: 1_000, reason: "503".to_owned() };
    breakers.change(PROVIDER, LeaseToken::fresh(), &open).await.unwrap();
    begin(backend, "m").await;
    backend.advance_ms(1_000);
    let (holder, other) = (lease(), lease());
    assert!(breakers.take_probe(PROVIDER, holder.token, LEASE_MS).await.unwrap());
    let inbox = backend.inbox();
    for (lease, probe) in [(&other, true), (&other, false), (&holder, false)] {
        assert_eq!(inbox.take_due(CONSUMER, lease, probe, 1).await.unwrap(), []);
    }
    operator::pause(&*backend.remedies(), PROVIDER).await;
    assert_eq!(inbox.take_due(CONSUMER, &holder, true, 1).await.unwrap(), [], "a pause stops probes too");
    backend.execute("UPDATE Destinations SET PausedUntilUtc = NULL");
    assert_eq!(ids(&inbox.take_due(CONSUMER, &holder, true, 1).await.unwrap()), ["m"]);
}

async fn a_pause_of_the_provider_with_an_end_needs_nobody_to_end_it(backend: &impl Backend) {
    ours(backend, "first").await;
    backend.breakers().breaker(PROVIDER).await.unwrap();
    let until = backend.plus_ms("(SELECT ReceivedOnUtc FROM InboxMessages WHERE MessageId = 'first')", LEASE_MS);
    backend.execute(&format!("UPDATE Destinations SET PausedUntilUtc = {until} WHERE Name = '{PROVIDER}'"));
    assert_eq!(begin(backend, "m").await, Begun::Busy(MailState::Accepted));
    assert_eq!(take(backend, 10).await, []);
    backend.advance_ms(LEASE_MS);
    assert_eq!(ids(&take(backend, 10).await), ["m"]);
    assert!(matches!(begin(backend, "new").await, Begun::Ours(_)));
}

async fn a_later_delivery_leases_a_mail_that_waited(backend: &impl Backend) {
    backend.breakers().breaker(PROVIDER).await.unwrap();
    operator::pause(&*backend.remedies(), PROVIDER).await;
    begin(backend, "m").await;
    operator::resume(&*backend.remedies(), PROVIDER).await;
    let work = ours(backend, "m").await;
    assert_eq!((work.attempts, &work.body), (1, &delivery("m").body));
    assert_eq!(mail(backend, "m").await.deliveries, 2);
    assert_eq!(take(backend, 1).await, []);
    assert_eq!(settle(backend, &work, &sent()).await, Settled::Applied);
}

async fn a_mail_held_for_a_person_is_due_no_more_and_counts_no_further_doubt(backend: &impl Backend) {
    let work = ours(backend, "m").await;
    let held = MailSettlement::Held { reason: "may have been sent 3 times".to_owned() };
    assert_eq!(settle(backend, &work, &held).await, Settled::Applied);
    backend.advance_ms(24 * 3_600_000);
    assert_eq!(take(backend, 1).await, []);
    let row = mail(backend, "m").await;
    assert_eq!((row.state, row.due_at, row.doubts), (MailState::InDoubt, None, 0));
}

async fn a_parked_mail_is_due_only_after_its_delay(backend: &impl Backend) {
    let work = ours(backend, "m").await;
    assert_eq!(settle(backend, &work, &parked(600_000)).await, Settled::Applied);
    backend.advance_ms(300_000);
    assert_eq!(begin(backend, "m").await, Begun::Done(MailState::Parked));
    assert_eq!(take(backend, 1).await, []);
    backend.advance_ms(300_000);
    assert_eq!(ids(&take(backend, 1).await), ["m"]);
}

async fn due_mails_are_leased_oldest_first_and_bounded(backend: &impl Backend) {
    for (id, delay_ms) in [("late", 3_000_000), ("early", 1_000_000), ("middle", 2_000_000), ("not-yet", 9_000_000)] {
        let work = ours(backend, id).await;
        settle(backend, &work, &parked(delay_ms)).await;
    }
    backend.advance_ms(4_000_000);
    let works = take(backend, 2).await;
    assert_eq!(ids(&works), ["early", "middle"]);
    assert_eq!(ids(&take(backend, 10).await), ["late"], "what is leased is not taken twice");
    for work in &works {
        assert_eq!(settle(backend, work, &sent()).await, Settled::Applied, "one token, each mail its own outcome");
    }
}

async fn the_recipients_clock_starts_at_its_first_failure(backend: &impl Backend) {
    let work = ours(backend, "m").await;
    assert_eq!(work.first_transient_on, None);
    let providers_own = MailSettlement::Parked { delay_ms: 0, reason: "503".to_owned(), recipient_failed: false };
    settle(backend, &work, &providers_own).await;
    let work = take(backend, 1).await.remove(0);
    assert_eq!(work.first_transient_on, None, "the provider's failure is not the recipient's");
    settle(backend, &work, &parked(3_600_000)).await;
    backend.advance_ms(3_600_000);
    let second = take(backend, 1).await.remove(0);
    assert!(failing_ms(&second) >= 3_500_000, "{second:?}");
    settle(backend, &second, &parked(3_600_000)).await;
    backend.advance_ms(3_600_000);
    assert!(failing_ms(&take(backend, 1).await[0]) >= 7_000_000, "it does not start again");
}

fn failing_ms(work: &MailWork) -> i64 {
    (work.now - work.first_transient_on.unwrap()).num_milliseconds()
}

async fn time_without_an_attempt_does_not_count_against_the_recipient(backend: &impl Backend) {
    let work = ours(backend, "m").await;
    settle(backend, &work, &parked(600_000)).await;
    // The provider was away for three days, or its rate limit was used up.
    backend.advance_ms(72 * 3_600_000);
    let again = take(backend, 1).await.remove(0);
    assert!((540_000..=660_000).contains(&failing_ms(&again)), "{} ms", failing_ms(&again));
}

async fn a_tombstone_recognises_a_repeat_when_the_body_is_gone(backend: &impl Backend) {
    let work = ours(backend, "m").await;
    settle(backend, &work, &sent()).await;
    assert_eq!(backend.query("SELECT Body FROM InboxMessages"), None);
    assert_eq!(backend.query("SELECT Provider FROM InboxMessages").as_deref(), Some(PROVIDER));
    assert_eq!(backend.query("SELECT Reference FROM InboxMessages").as_deref(), Some("r-1"));
    backend.advance_ms(300 * 86_400_000);
    assert_eq!(begin(backend, "m").await, Begun::Done(MailState::Sent));
    assert_eq!(backend.query("SELECT Body FROM InboxMessages"), None, "a repeat does not bring it back");
    assert_eq!(take(backend, 1).await, []);
    let row = mail(backend, "m").await;
    assert_eq!((row.deliveries, row.attempts), (2, 1));
    assert!(row.finished_on.is_some());
}

async fn a_repeated_outcome_is_applied_once(backend: &impl Backend) {
    for (id, finished) in [("s", sent()), ("p", parked(60_000)), ("r", refused()), ("d", doubt(None))] {
        let work = ours(backend, id).await;
        assert_eq!(settle(backend, &work, &finished).await, Settled::Applied);
        let once = mail(backend, id).await;
        backend.advance_ms(1_000);
        assert_eq!(settle(backend, &work, &finished).await, Settled::Applied, "its answer may have been lost");
        assert_eq!(mail(backend, id).await, once, "and nothing is done twice");
    }
    let nobody = LeaseToken::fresh();
    assert_eq!(
        backend.inbox().settle(CONSUMER, "s", nobody, &sent(), PROVIDER, true).await.unwrap(),
        Settled::LeaseLost
    );
    assert_eq!(
        backend.inbox().settle(CONSUMER, "unknown", nobody, &sent(), PROVIDER, true).await.unwrap(),
        Settled::LeaseLost
    );
}

async fn a_refused_mail_keeps_its_body_and_is_never_due(backend: &impl Backend) {
    let work = ours(backend, "m").await;
    settle(backend, &work, &refused()).await;
    backend.advance_ms(86_400_000);
    assert_eq!(take(backend, 1).await, []);
    assert_eq!(begin(backend, "m").await, Begun::Done(MailState::Refused));
    let row = mail(backend, "m").await;
    assert_eq!((row.due_at, row.last_error.as_deref()), (None, Some("no such mailbox")));
    assert!(row.finished_on.is_some());
    assert_eq!(backend.query("SELECT count(Body) FROM InboxMessages").as_deref(), Some("1"));
}

async fn consumers_do_not_see_each_other(backend: &impl Backend) {
    ours(backend, "m").await;
    let other = backend.inbox().begin("Audit", &delivery("m"), &addressee(), &lease()).await.unwrap();
    assert!(matches!(other, Begun::Ours(_)), "{other:?}");
    backend.advance_ms(LEASE_MS);
    assert_eq!(expire(backend, OnDoubt::Resend).await, ["m"]);
    assert_eq!(ids(&take(backend, 10).await), ["m"]);
    assert_eq!(backend.query("SELECT State FROM InboxMessages WHERE Consumer = 'Audit'").as_deref(), Some("1"));
}

async fn the_client_of_a_mail_is_remembered_when_its_content_is_erased(backend: &impl Backend) {
    let find = async |consumer: &str, address: &str| {
        let recipient_hash = Some(key().hash(&Email::parse(address).unwrap()).as_str().to_owned());
        let filter = MailFilter { recipient_hash, ..MailFilter::default() };
        let page = PageRequest { before: None, limit: 10 };
        let rows = backend.reports().mails(consumer, &filter, &page).await.unwrap();
        rows.items.into_iter().map(|row| row.message_id).collect::<Vec<_>>()
    };
    let work = ours(backend, "sent").await;
    assert_eq!(settle(backend, &work, &sent()).await, Settled::Applied);
    backend.advance_ms(1);
    backend.inbox().refuse(CONSUMER, PROVIDER, &delivery("refused"), &addressee(), "not ours").await.unwrap();
    backend.advance_ms(1);
    let nobody = key().addressee(b"no JSON");
    backend.inbox().begin(CONSUMER, &delivery("of nobody"), &nobody, &lease()).await.unwrap();

    assert_eq!(backend.query("SELECT Body FROM InboxMessages WHERE MessageId = 'sent'"), None);
    assert_eq!(find(CONSUMER, "Anna@Example.PL").await, ["refused", "sent"], "newest first, in any spelling");
    assert_eq!(find(CONSUMER, "hanna@example.pl").await, [""; 0]);
    assert_eq!(find("Audit", "anna@example.pl").await, [""; 0], "of this consumer alone");
    let left = "SELECT count(*) FROM InboxMessages WHERE Subject = 'clients/17' AND RecipientHash NOT LIKE '%anna%'";
    assert_eq!(backend.query(left).as_deref(), Some("2"));
}
