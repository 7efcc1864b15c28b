//! The rate limit of a provider in the flows: how fast a backlog drains, and what the queue and an operator see of it.

use crate::support::{
    backend::Backend,
    edge::Edge,
    fakes::{FakeClock, FakeMailer},
    host::executable,
    operator,
    queue_message::{body, delivery, envelope},
    world::{LEASE_MS, World, run_dry},
};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use client_organizer::{
    domain::{
        delivery::{MailOutcome, MailStatus},
        ids::LeaseToken,
        outbox::BreakerChange,
        rate_limit::RateLimit,
    },
    flows::{mailing::NotifyReport, notify, retry_mails},
    ports::{
        clock::Clock,
        mailer::{Letter, Mailer, StatusQueries},
    },
};
use std::{
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

const ACS: RateLimit = RateLimit { per_minute: 30, per_hour: 100 };
const PROVIDER: &str = "mail:fake";
const ANNA: &str = "anna@example.pl";
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

fn rate_limited(rate_limit: RateLimit) -> World {
    let mut world = World::new();
    world.notify.settings.rate_limit = rate_limit;
    world
}

async fn deliver(world: &World, id: &str) -> NotifyReport {
    notify::take_in(&world.notify, delivery(id, &body(id, ANNA, world.clock.now()))).await.unwrap()
}

/// Enforces a rate limit as a provider does: in sliding windows, on the clock that the test moves. Counts refusals.
fn strict(
    rate_limit: RateLimit,
    clock: Arc<FakeClock>,
    refused: Arc<AtomicU32>,
) -> impl FnMut(&Letter) -> MailOutcome + Send {
    let mut taken: Vec<DateTime<Utc>> = Vec::new();
    move |_| {
        let now = clock.now();
        for (mails, window) in
            [(rate_limit.per_minute, TimeDelta::minutes(1)), (rate_limit.per_hour, TimeDelta::hours(1))]
        {
            let recent: Vec<_> = taken.iter().filter(|at| **at > now - window).collect();
            let mails = usize::try_from(mails).unwrap();
            if mails > 0 && recent.len() >= mails {
                refused.fetch_add(1, Ordering::Relaxed);
                let wait = *recent[recent.len() - mails] + window - now;
                return MailOutcome::Provider {
                    after_ms: Some(wait.num_milliseconds() + 1),
                    reason: "429".into(),
                    of_mail: false,
                };
            }
        }
        taken.push(now);
        MailOutcome::Accepted { reference: "ok".into() }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_drain_a_backlog_within_the_rate_limit_and_nothing_is_refused() {
    let mut world = rate_limited(ACS);
    // Runs end instead of waiting: the test moves the clock.
    world.notify.settings.run_ms = 300;
    let refused = Arc::new(AtomicU32::new(0));
    world.mailer.behave(strict(ACS, world.clock.clone(), refused.clone()));
    let ids: Vec<String> = (0..250).map(|n| format!("m{n:03}")).collect();
    for id in &ids {
        assert!(matches!(deliver(&world, id).await, NotifyReport::Sent | NotifyReport::Accepted));
    }
    let other = world.beside();
    let mut minutes = 0;
    while world.mailer.sent().len() < ids.len() {
        assert!(minutes < 3 * 60, "{} of 250 after three hours", world.mailer.sent().len());
        tokio::join!(run_dry(&world.notify), run_dry(&other));
        world.advance_ms(MINUTE_MS);
        minutes += 1;
    }
    assert!((2 * 60..=2 * 60 + 20).contains(&minutes), "{minutes} min for 250 mails at 100 an hour");
    assert_eq!(refused.load(Ordering::Relaxed), 0, "never more than its limit");
    let mut sent = world.mailer.sent();
    sent.sort();
    assert_eq!(sent, ids, "each once");
}

#[tokio::test]
async fn a_run_waits_for_the_rate_limit_while_it_may_run() {
    let world = rate_limited(RateLimit { per_minute: 1, per_hour: 0 });
    assert_eq!(deliver(&world, "a").await, NotifyReport::Sent);
    assert_eq!(deliver(&world, "b").await, NotifyReport::Accepted);
    let report = world.run_retry().await;
    assert_eq!((report.taken, report.out_of_time), (0, false));
    assert!(report.rate_limited_until.is_some(), "a limit that lasts longer than the run is reported");
    world.advance_ms(MINUTE_MS - 1_000);
    let report = world.run_retry().await;
    assert_eq!((report.sent, report.rate_limited_until), (1, None));
}

#[tokio::test]
async fn an_operator_sees_that_mails_wait_for_the_rate_limit() {
    let mut world = rate_limited(RateLimit { per_minute: 0, per_hour: 1 });
    // The provider of the operator's settings.
    world.notify.mailer = Arc::new(FakeMailer::accepting().named("mail:folder"));
    deliver(&world, "a").await;
    deliver(&world, "b").await;
    let ops = |words: &[&str]| {
        let store = &world.backend.options.path;
        let output = Command::new(executable()).arg("ops").args(words).env("Store__Path", store).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(ops(&["status"]).contains("mail:folder is rate limited until 20"), "{}", ops(&["status"]));
    let list = ops(&["mail", "list"]);
    assert!(list.contains("mail:folder is rate limited until 20"), "{list}");
    world.advance_ms(HOUR_MS + MINUTE_MS);
    assert_eq!(world.run_retry().await.sent, 1);
    assert!(!ops(&["status"]).contains("rate limited"));
}

/// Loses the answer to every mail, and finds each mail by a status query.
#[derive(Default)]
struct Silent {
    queries: AtomicU32,
}

#[async_trait]
impl Mailer for Silent {
    fn provider(&self) -> &'static str {
        PROVIDER
    }

    async fn send(&self, _: &Letter) -> MailOutcome {
        MailOutcome::Unknown { reason: "cut".to_owned() }
    }

    fn status_queries(&self) -> Option<&dyn StatusQueries> {
        Some(self)
    }
}

#[async_trait]
impl StatusQueries for Silent {
    async fn status_of(&self, message_id: &str) -> MailStatus {
        self.queries.fetch_add(1, Ordering::Relaxed);
        MailStatus::Taken { reference: message_id.to_owned() }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_in_doubt_wait_until_any_process_may_send_a_status_query() {
    let mut world = World::new();
    let mailer = Arc::new(Silent::default());
    world.notify.mailer = mailer.clone();
    world.notify.settings.run_ms = 300;
    world.notify.settings.queries = RateLimit { per_minute: 2, per_hour: 5 };
    for n in 0..6 {
        assert!(matches!(deliver(&world, &format!("m{n}")).await, NotifyReport::InDoubt { .. }));
    }
    let other = world.beside();
    let ends = async |after_ms: i64| {
        world.advance_ms(after_ms);
        tokio::join!(run_dry(&world.notify), run_dry(&other));
        let counts =
            "SELECT sum(State = 2) || ' sent, ' || sum(State = 4 AND DueAt IS NOT NULL) || ' due' FROM InboxMessages";
        (mailer.queries.load(Ordering::Relaxed), world.backend.query(counts).unwrap())
    };
    assert_eq!(ends(2 * MINUTE_MS).await, (2, "2 sent, 4 due".to_owned()));
    assert_eq!(ends(10_000).await, (2, "2 sent, 4 due".to_owned()));
    // A query in flight counts until its lease ends.
    let both_left_ms = LEASE_MS + MINUTE_MS + 10_000;
    assert_eq!(ends(both_left_ms).await, (4, "4 sent, 2 due".to_owned()));
    assert_eq!(ends(both_left_ms).await, (5, "5 sent, 1 due".to_owned()));
    assert_eq!(ends(40 * MINUTE_MS).await, (5, "5 sent, 1 due".to_owned()), "the hour is full");
    assert_eq!(ends(HOUR_MS).await, (6, "6 sent, 0 due".to_owned()), "nothing expires by it");
    assert_eq!(world.count("SELECT max(Doubts) FROM InboxMessages"), 1);
}

/// Without a configured limit the provider's answers show it, and its breaker then stops every process.
#[tokio::test]
async fn without_a_configured_limit_a_429_stops_every_process_until_its_retry_time() {
    let world = World::new();
    let refused = Arc::new(AtomicU32::new(0));
    world.mailer.behave(strict(RateLimit { per_minute: 2, per_hour: 0 }, world.clock.clone(), refused.clone()));
    for id in ["a", "b"] {
        assert_eq!(deliver(&world, id).await, NotifyReport::Sent);
    }
    assert!(matches!(deliver(&world, "c").await, NotifyReport::Parked { .. }));
    assert_eq!(deliver(&world, "d").await, NotifyReport::Accepted);
    let other = world.beside();
    world.advance_ms(MINUTE_MS - 5_000);
    for context in [&world.notify, &other] {
        let report = retry_mails::retry(context).await;
        assert_eq!((report.taken, report.provider), (0, Some("open")));
    }
    assert_eq!(refused.load(Ordering::Relaxed), 1, "no process tried again");
    world.advance_ms(10_000);
    retry_mails::retry(&other).await;
    let mut sent = world.mailer.sent();
    sent.sort();
    assert_eq!(sent, ["a", "b", "c", "d"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_deliveries_of_one_message_at_once_are_all_answered_200_and_send_one_mail() {
    let edge = Edge::new().await;
    let id = "01938f5e-7a3b-7c11-9d2e-3f4a5b6c7d8e";
    let envelope = envelope(id, &body(id, ANNA, FakeClock::new().now()));
    let answers = futures::future::join_all((0..32).map(|_| edge.invoke("SendEmail", envelope.as_bytes()))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(edge.mailer.sent(), [id]);
    let row = "SELECT State || ' ' || Deliveries || ' ' || Attempts FROM InboxMessages";
    assert_eq!(edge.backend.query(row).as_deref(), Some("2 32 1"));
}

#[tokio::test]
async fn a_repeat_with_another_body_sends_the_stored_one() {
    let world = World::new();
    let breakers = world.backend.breakers();
    let open = BreakerChange::Open { for_ms: HOUR_MS, reason: "503".to_owned() };
    breakers.change(PROVIDER, LeaseToken::fresh(), &open).await.unwrap();
    assert_eq!(deliver(&world, "m").await, NotifyReport::Accepted);
    operator::resume(&*world.backend.remedies(), PROVIDER).await;
    let to = Arc::new(Mutex::new(String::new()));
    let letter_to = to.clone();
    world.mailer.behave(move |letter| {
        letter.to.as_str().clone_into(&mut letter_to.lock().unwrap());
        MailOutcome::Accepted { reference: "ok".into() }
    });
    let other = delivery("m", &body("m", "thief@example.pl", world.clock.now()));
    assert_eq!(notify::take_in(&world.notify, other).await.unwrap(), NotifyReport::Sent);
    assert_eq!(*to.lock().unwrap(), ANNA);
}
