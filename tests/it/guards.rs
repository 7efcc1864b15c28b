//! What keeps a failure small: the end of a run, the reach of a panic, the content of a log.

use crate::support::{
    backend::Backend,
    fakes::{BareLetters, FakeBus, FakeMailer},
    heard::Heard,
    world::{EMAILS, World},
};
use async_trait::async_trait;
use client_organizer::{
    domain::{
        delivery::{Delivery, MailOutcome, OnDoubt},
        events::Notice,
        route::Destination,
        verdict::PublishOutcome,
    },
    flows::{
        health::{Health, Part},
        mailing::NotifyReport,
        notify,
        nudge::Nudge,
    },
    ports::{
        bus::{Bus, Outgoing},
        mailer::{Letter, Letters},
    },
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{sync::mpsc, time::Instant};

#[tokio::test]
async fn a_flood_of_rows_to_route_also_ends_with_the_runs_time() {
    let mut world = World::new();
    world.dispatch.settings.run_ms = 0;
    world.backend.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
         INSERT INTO OutboxMessages (Id, EventType, Payload) SELECT 'x-' || i, 'FinancialRecordDeleted', '{}' FROM n",
    );
    let report = world.run_dispatch().await;
    assert_eq!((report.discarded, report.out_of_time), (500, true), "one step, and the next run goes on");
}

/// Panics over one message, after a wake, and reports every other.
struct PanickyBus {
    over: String,
    nudge: Nudge,
    reported: mpsc::UnboundedSender<String>,
}

#[async_trait]
impl Bus for PanickyBus {
    async fn publish(&self, _: &Destination, batch: &[Outgoing], _: Instant) -> Vec<PublishOutcome> {
        if batch.iter().any(|message| message.id.as_str() == self.over) {
            self.nudge.wake();
            panic!("as a defect would");
        }
        for message in batch {
            self.reported.send(message.id.to_string()).unwrap();
        }
        vec![PublishOutcome::Accepted; batch.len()]
    }
}

#[tokio::test]
async fn a_panic_in_a_nudged_dispatch_ends_that_run_only() {
    let mut world = World::new();
    let client = world.client(1).await;
    let over = world.book_month(client, 1, 100).await;
    let second = world.book_month(client, 2, 100).await;
    let nudge = Nudge::default();
    let (reported, mut published) = mpsc::unbounded_channel();
    world.dispatch.bus = Arc::new(PanickyBus { over, nudge: nudge.clone(), reported });
    world.dispatch.settings.batch_max = 1;
    nudge.wake();
    tokio::select! {
        () = nudge.run(&world.dispatch) => panic!("it runs for as long as it is polled"),
        id = published.recv() => assert_eq!(id, Some(second), "the first waits for its lease to end"),
    }
}

#[tokio::test]
async fn the_text_of_a_provider_or_a_body_is_kept_in_the_inbox_and_out_of_the_logs() {
    let heard = Heard::at("trace");
    let words = "550 <klient1@example.pl> is unknown here";
    for outcome in [
        MailOutcome::RecipientPermanent { reason: words.into(), alike: None },
        MailOutcome::RecipientTransient { after_ms: None, reason: words.into() },
        MailOutcome::Unknown { reason: words.into() },
    ] {
        let mailer = FakeMailer::new(move |_| outcome.clone());
        let world = World::with(FakeBus::accepting(), mailer, OnDoubt::Resend);
        let client = world.client(1).await;
        world.book_month(client, 1, 100).await;
        world.run_dispatch().await;
        world.deliver_from(0).await;
        assert_eq!(world.backend.query("SELECT LastError FROM InboxMessages").as_deref(), Some(words));
    }
    let world = World::new();
    let payload = "\"klient1@example.pl\"";
    world.backend.execute(&format!(
        "INSERT INTO OutboxMessages (Id, EventType, Payload, ContentType)
         VALUES ('x', 'Plain', '{payload}', 'application/cloudevents+json')"
    ));
    assert_eq!(world.run_dispatch().await.dead, 1);
    let text = heard.text();
    assert!(text.contains("mail refused") && text.contains("row is dead"), "{text}");
    assert!(!text.contains("klient1"), "{text}");
}

#[tokio::test]
async fn a_stored_reason_is_bounded_and_quotes_nothing_of_the_body() {
    let world = World::new();
    let long = format!(r#"{{"id":"{}","type":"klient1@example.pl"}}"#, "klient1@example.pl".repeat(5_000));
    let foreign = r#"{"id":"b","type":"klient1@example.pl"}"#.to_owned();
    for (id, body) in [("a", long), ("b", foreign)] {
        let delivery = Delivery {
            message_id: id.into(),
            body: body.into_bytes(),
            delivery_count: 1,
            enqueued_on: None,
            traceparent: None,
        };
        let report = notify::take_in(&world.notify, delivery).await.unwrap();
        assert!(matches!(report, NotifyReport::Refused { .. }), "{report:?}");
    }
    let quoting = "SELECT count(*) FROM InboxMessages WHERE LastError LIKE '%klient1%' OR length(LastError) > 2000";
    assert_eq!(world.count(quoting), 0);
}

#[tokio::test]
async fn a_dispatcher_that_must_stop_settles_its_leased_rows_and_claims_no_more() {
    let mut world = World::new();
    world.dispatch.settings.batch_max = 1;
    let client = world.client(1).await;
    for month in 1..=3 {
        world.book_month(client, month, 100).await;
    }
    let stopping = world.dispatch.stopping.clone();
    world.bus.behave(move |_, batch| {
        stopping.store(true, Ordering::Relaxed);
        batch.iter().map(|_| PublishOutcome::Accepted).collect()
    });
    let report = world.run_dispatch().await;
    assert_eq!((report.sent, report.out_of_time), (1, true));
    assert_eq!(report.released + 1, report.claimed, "what was claimed meanwhile is put back");
    assert_eq!(world.count("SELECT count(*) FROM OutboxMessages WHERE State = 0"), 2, "none is left leased");
}

#[tokio::test]
async fn a_panic_over_a_row_of_one_destination_does_not_affect_the_others() {
    let mut world = World::new();
    for (id, queue) in [("bad", "a"), ("good", "b")] {
        world.backend.execute(&format!(
            "INSERT INTO OutboxMessages (Id, EventType, Payload, Destination) VALUES ('{id}', 'Plain', '{{}}', 'queue:{queue}')"
        ));
    }
    let (reported, _published) = mpsc::unbounded_channel();
    world.dispatch.bus = Arc::new(PanickyBus { over: "bad".into(), nudge: Nudge::default(), reported });
    let report = world.run_dispatch().await;
    assert_eq!(report.sent, 1);
    assert!(report.store_error.is_some_and(|error| error.contains("queue:a panicked")), "the run is a failed one");
    assert!(world.dispatch.health.snapshot().values().all(|part| part.ok), "a defect is no failing database");
}

#[tokio::test]
async fn a_panic_over_one_mail_does_not_affect_the_others() {
    let mut world = World::new();
    world.mailer.behave(|_| MailOutcome::Provider { after_ms: None, reason: "down".into(), of_mail: false });
    let mut ids = Vec::new();
    for n in 1..=4 {
        let client = world.client(n).await;
        ids.push(world.book_month(client, 1, 100).await);
    }
    world.run_dispatch().await;
    world.deliver_from(0).await;
    world.backend.execute("UPDATE Destinations SET OpenUntil = NULL");
    world.mailer.behave(|_| MailOutcome::Accepted { reference: "ok".into() });
    let bad = ids.remove(0);
    world.notify.letters = Arc::new(PanickyLetters(bad));
    let report = world.run_retry().await;
    assert_eq!((report.taken, report.sent, report.in_doubt.len()), (4, 3, 1));
    let mut sent = world.mailer.sent();
    sent.sort();
    ids.sort();
    assert_eq!(sent, ids);
}

struct PanickyLetters(String);

impl Letters for PanickyLetters {
    fn write(&self, notice: &Notice) -> Result<Letter, String> {
        assert!(notice.id != self.0, "as a defect would");
        BareLetters.write(notice)
    }
}

#[tokio::test]
async fn health_keeps_the_reason_while_a_breaker_is_open() {
    let mut world = World::with(
        FakeBus::each(|_, _| PublishOutcome::Blocked { after_ms: None, reason: "connection refused".into() }),
        FakeMailer::accepting(),
        OnDoubt::Resend,
    );
    let health = Arc::new(Health::default());
    world.dispatch.health = health.clone();
    let client = world.client(1).await;
    world.book_month(client, 1, 100).await;
    for _ in 0..2 {
        world.run_dispatch().await;
        let part = health.snapshot()[&Part::Bus].clone();
        assert_eq!(part.reason.as_deref(), Some("queue:client-emails: connection refused"));
    }
}

#[tokio::test]
async fn health_shows_that_the_mail_provider_fails_and_that_it_works_again() {
    let failing = |_: &Letter| MailOutcome::Provider { after_ms: None, reason: "451 later".into(), of_mail: false };
    let world = World::with(FakeBus::accepting(), FakeMailer::new(failing), OnDoubt::Resend);
    let client = world.client(1).await;
    world.book_month(client, 1, 100).await;
    world.run_dispatch().await;
    world.deliver_from(0).await;
    let mail = || world.notify.health.snapshot()[&Part::Mail].clone();
    assert_eq!((mail().ok, mail().reason), (false, Some("451 later".to_owned())));
    world.advance_ms(600_000);
    world.mailer.behave(|_| MailOutcome::Accepted { reference: "ok".into() });
    assert_eq!(world.run_retry().await.sent, 1);
    assert_eq!((mail().ok, mail().reason), (true, None));
}

/// Its time passes by itself when all tasks wait: a dispatcher that did not wait for a wake would send the row first.
#[tokio::test(start_paused = true)]
async fn a_dispatcher_that_nobody_wakes_does_nothing() {
    let world = World::new();
    let client = world.client(1).await;
    world.book_month(client, 1, 100).await;
    let nudge = Nudge::default();
    let (published, mut seen) = mpsc::unbounded_channel();
    world.bus.behave(move |_, batch| {
        published.send(()).unwrap();
        vec![PublishOutcome::Accepted; batch.len()]
    });
    tokio::select! {
        () = nudge.run(&world.dispatch) => panic!("it runs for as long as it is polled"),
        _ = seen.recv() => panic!("it dispatched"),
        () = tokio::time::sleep(Duration::from_hours(1)) => {}
    }
}

#[tokio::test]
async fn a_nudged_dispatcher_that_must_stop_ends() {
    let world = World::new();
    let client = world.client(1).await;
    world.book_month(client, 1, 100).await;
    let nudge = Nudge::default();
    world.dispatch.stopping.store(true, Ordering::Relaxed);
    nudge.wake();
    // Without the stop it would wait for ever for the next wake.
    nudge.run(&world.dispatch).await;
    assert!(world.bus.accepted(EMAILS).is_empty());
}
