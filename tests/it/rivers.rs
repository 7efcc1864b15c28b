//! The rivers end to end on a store, with a bus and a mail provider that fail as a test orders.

use crate::support::{
    backend::Backend,
    fakes::{FakeBus, FakeMailer},
    operator, queue_message,
    world::{EMAILS, LEASE_MS, World},
};
use client_organizer::domain::{
    delivery::{Delivery, MailOutcome, OnDoubt},
    verdict::PublishOutcome,
};
use client_organizer::{
    flows::{mailing::NotifyReport, notify},
    ports::{bus::Outgoing, clock::Clock, mailer::Letter},
};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

fn down() -> FakeBus {
    FakeBus::each(|_, _| PublishOutcome::Blocked { after_ms: None, reason: "connection refused".into() })
}

const MINUTE_MS: i64 = 60_000;

#[tokio::test]
async fn a_booking_becomes_one_mail() {
    let world = World::new();
    let client = world.client(1).await;
    let id = world.book_month(client, 1, 12_345).await;
    let report = world.run_dispatch().await;
    assert_eq!((report.claimed, report.sent), (1, 1));
    assert_eq!(world.bus.accepted(EMAILS), std::slice::from_ref(&id));
    assert_eq!(world.deliver_from(0).await, [NotifyReport::Sent]);
    let again = world.deliver_from(0).await;
    assert!(matches!(again[..], [NotifyReport::Duplicate { .. }]), "{again:?}");
    assert_eq!(world.mailer.sent(), [id]);
}

#[tokio::test]
async fn a_bus_down_for_a_day_burns_no_retry_and_then_everything_goes_out_in_order() {
    let world = World::with(down(), FakeMailer::accepting(), OnDoubt::Resend);
    let mut expected = Vec::new();
    let mut clients = Vec::new();
    for n in 1..=3 {
        let client = world.client(n).await;
        let ids = vec![world.book_month(client, 1, 100).await];
        clients.push(client);
        expected.push(ids);
    }
    for minute in 0..24 * 60 {
        if minute % 240 == 0 {
            for (client, ids) in clients.iter().zip(&mut expected) {
                ids.push(world.change_month(*client, 1, 200 + minute).await);
            }
        }
        let report = world.run_dispatch().await;
        assert_eq!((report.sent, report.retried, report.dead, report.lost_leases), (0, 0, 0, 0), "minute {minute}");
        world.advance_ms(MINUTE_MS);
    }
    assert_eq!(world.count("SELECT count(*) FROM OutboxMessages WHERE State = 0"), 21);
    assert_eq!(world.count("SELECT max(RetryCount) FROM OutboxMessages"), 0);

    world.bus.behave(|_, batch| batch.iter().map(|_| PublishOutcome::Accepted).collect());
    world.advance_ms(10 * MINUTE_MS);
    // The probe of the first run closes the breaker; the rows that it put off are due a little later.
    for _ in 0..3 {
        world.run_dispatch().await;
        world.advance_ms(10 * MINUTE_MS);
    }
    let accepted = world.bus.accepted(EMAILS);
    assert_eq!(accepted.len(), 21);
    for ids in &expected {
        let mine: Vec<_> = accepted.iter().filter(|id| ids.contains(id)).cloned().collect();
        assert_eq!(&mine, ids, "in order per key");
    }
}

#[tokio::test]
async fn an_open_breaker_lets_one_row_through_per_probe() {
    let world = World::with(down(), FakeMailer::accepting(), OnDoubt::Resend);
    for n in 1..=20 {
        let client = world.client(n).await;
        world.book_month(client, 1, 100).await;
    }
    for _ in 0..60 {
        world.run_dispatch().await;
        world.advance_ms(MINUTE_MS);
    }
    let publishes = world.bus.publishes.lock().unwrap().clone();
    assert_eq!(publishes[0], 20, "the first batch finds out");
    assert!(publishes[1..].iter().all(|rows| *rows == 1), "then one row at a time: {publishes:?}");
    assert!(publishes.len() <= 60, "one a run: {}", publishes.len());
}

#[tokio::test]
async fn a_run_reports_once_each_destination_that_it_did_not_drain_as_usual() {
    let world = World::with(down(), FakeMailer::accepting(), OnDoubt::Resend);
    let client = world.client(1).await;
    for month in 1..=3 {
        world.book_month(client, month, 100).await;
    }
    let run = async || {
        let report = world.run_dispatch().await;
        report.destinations.into_iter().map(|one| (one.name, one.breaker, one.reason)).collect::<Vec<_>>()
    };
    let line = |breaker, reason: Option<&str>| [(EMAILS.to_owned(), breaker, reason.map(str::to_owned))];
    let refused = Some("connection refused");
    assert_eq!(run().await, line("open", refused), "a batch opened it");
    assert_eq!(run().await, line("open", None), "an earlier run did");
    world.advance_ms(300_000);
    assert_eq!(run().await, line("open", refused), "a probe found it so");
    world.advance_ms(300_000);
    let mut probed = false;
    world.bus.behave(move |_, batch| {
        let outcome = || PublishOutcome::Blocked { after_ms: None, reason: "connection refused".into() };
        let first = !std::mem::replace(&mut probed, true);
        batch.iter().map(|_| if first { PublishOutcome::Accepted } else { outcome() }).collect()
    });
    assert_eq!(run().await, line("open", refused), "a probe closed it, and the batch after that opened it again");
    world.advance_ms(300_000);
    world.bus.behave(|_, batch| batch.iter().map(|_| PublishOutcome::Accepted).collect());
    assert_eq!(run().await, line("closed", None));
    assert_eq!(run().await, []);
    world.book_month(client, 4, 100).await;
    world.backend.execute("UPDATE Destinations SET PausedUntilUtc = 9999999999999");
    assert_eq!(run().await, line("paused", None));
}

#[tokio::test]
async fn a_run_whose_time_is_up_leaves_the_probe_to_the_next() {
    let mut world = World::with(down(), FakeMailer::accepting(), OnDoubt::Resend);
    let client = world.client(1).await;
    world.book_month(client, 1, 100).await;
    world.run_dispatch().await;
    world.advance_ms(300_000);
    world.dispatch.settings.run_ms = 0;
    let report = world.run_dispatch().await;
    assert_eq!((report.claimed, report.out_of_time), (0, true));
}

#[tokio::test]
async fn a_row_that_is_dead_of_its_claims_is_in_the_report() {
    let world = World::new();
    world.backend.execute(&format!(
        "INSERT INTO OutboxMessages (Id, EventType, Payload, Destination, State, LeaseToken, Claims, DueAt)
         VALUES ('killer', 'Plain', '{{}}', '{EMAILS}', 1, 'x', 5, 0)"
    ));
    let report = world.run_dispatch().await;
    assert_eq!((report.claimed, report.dead), (0, 1));
}

#[tokio::test]
async fn a_row_that_cuts_the_connection_is_set_dead_and_does_not_stop_the_destination() {
    let world = World::new();
    let client = world.client(1).await;
    let poison = world.book_month(client, 1, 666).await;
    // The link carries whole batches: a batch with the poison row gets no answer at all.
    let cut_by = poison.clone();
    world.bus.behave(move |_, batch| {
        let cut = batch.iter().any(|m| m.id.as_str() == cut_by);
        let outcome =
            |_| if cut { PublishOutcome::Cut { reason: "connection reset".into() } } else { PublishOutcome::Accepted };
        batch.iter().map(outcome).collect()
    });
    let mut good = Vec::new();
    for n in 2..=30 {
        let client = world.client(n).await;
        good.push(world.book_month(client, 1, 100).await);
    }
    // New rows of another key keep coming, so that there is always another row to compare with.
    let busy = world.client(99).await;
    good.push(world.book_month(busy, 1, 100).await);
    for round in 0..60 {
        world.run_dispatch().await;
        world.advance_ms(2 * MINUTE_MS);
        good.push(world.change_month(busy, 1, 1_000 + round).await);
    }
    let dead = world.backend.query(&format!("SELECT State FROM OutboxMessages WHERE Id = '{poison}'"));
    assert_eq!(dead.as_deref(), Some("3"), "the poison is dead");
    assert_eq!(world.count("SELECT count(*) FROM OutboxMessages WHERE State = 3"), 1, "and only the poison");
    world.run_dispatch().await;
    assert_eq!(world.count("SELECT count(*) FROM OutboxMessages WHERE State = 2"), i64::try_from(good.len()).unwrap());
    assert_eq!(world.count("SELECT max(RetryCount) FROM OutboxMessages WHERE State = 2"), 0);
}

/// How a transport reacts to a message that a gateway refuses.
#[derive(Debug, Clone, Copy)]
enum Meets {
    /// The other messages are in flight already.
    Alone,
    /// The messages after it are not tried.
    First,
    /// The whole batch is refused.
    Batch,
}

fn gateway(meets: Meets, refused: [String; 2]) -> impl FnMut(&[Outgoing]) -> Vec<PublishOutcome> {
    move |batch| {
        let of = |m: &Outgoing| {
            let bad = refused.iter().any(|id| m.id.as_str() == id);
            if bad {
                PublishOutcome::Blocked { after_ms: None, reason: "431".into() }
            } else {
                PublishOutcome::Accepted
            }
        };
        let mut outcomes: Vec<PublishOutcome> = batch.iter().map(of).collect();
        let first = outcomes.iter().position(|outcome| *outcome != PublishOutcome::Accepted);
        match (meets, first) {
            (Meets::First, Some(first)) => outcomes[first + 1..].fill(PublishOutcome::NotTried),
            (Meets::Batch, Some(first)) => {
                let one = outcomes[first].clone();
                outcomes.fill(one);
            }
            (Meets::Alone, _) | (_, None) => {}
        }
        outcomes
    }
}

#[tokio::test]
async fn a_message_that_a_gateway_refuses_is_set_dead_and_delays_no_other() {
    for meets in [Meets::Alone, Meets::First, Meets::Batch] {
        let world = World::new();
        let mut bad = Vec::new();
        for n in 1..=2 {
            let client = world.client(n).await;
            bad.push(world.book_month(client, 1, 666).await);
        }
        let mut answers = gateway(meets, [bad[0].clone(), bad[1].clone()]);
        world.bus.behave(move |_, batch| answers(batch));
        let busy = world.client(9).await;
        world.book_month(busy, 1, 100).await;
        let mut longest_wait = 0;
        for booked in 1..=180 {
            world.run_dispatch().await;
            // The interval of the timer.
            world.advance_ms(10_000);
            let waiting = booked - i64::try_from(world.bus.accepted(EMAILS).len()).unwrap();
            longest_wait = longest_wait.max(waiting);
            world.change_month(busy, 1, 1_000 + booked).await;
        }
        let good = "SELECT max(RetryCount) FROM OutboxMessages WHERE Id NOT IN";
        assert_eq!(world.count(&format!("{good} ('{}', '{}')", bad[0], bad[1])), 0, "{meets:?}");
        assert_eq!(world.count("SELECT count(*) FROM OutboxMessages WHERE State = 3"), 2, "{meets:?}: and no other");
        assert_eq!(world.count("SELECT count(*) FROM Destinations WHERE OpenUntil IS NOT NULL"), 0, "{meets:?}");
        // Two messages are refused, one probe after the other.
        assert!(longest_wait <= 9, "{meets:?}: {longest_wait} bookings, one each 10 s, waited");
    }
}

#[tokio::test]
async fn after_a_long_outage_the_first_message_leaves_within_half_a_minute() {
    let world = World::with(down(), FakeMailer::accepting(), OnDoubt::Resend);
    for n in 1..=3 {
        let client = world.client(n).await;
        world.book_month(client, 1, 100).await;
    }
    for _ in 0..360 {
        world.run_dispatch().await;
        world.advance_ms(10_000);
    }
    world.bus.behave(|_, batch| batch.iter().map(|_| PublishOutcome::Accepted).collect());
    for _ in 0..3 {
        world.run_dispatch().await;
        world.advance_ms(10_000);
    }
    assert!(!world.bus.accepted(EMAILS).is_empty());
}

#[tokio::test]
async fn a_row_put_in_by_another_program_is_sent_like_any_other() {
    let world = World::new();
    world
        .backend
        .execute("INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('x-1', 'Plain', '{\"vat\":12.30}')");
    let report = world.run_dispatch().await;
    assert_eq!((report.routed, report.sent), (1, 1));
    let log = world.bus.log.lock().unwrap();
    let body = String::from_utf8(log[0].1.body.to_vec()).unwrap();
    assert!(body.contains(r#""id":"x-1""#) && body.contains(r#""data":{"vat":12.30}"#), "{body}");
}

#[tokio::test]
async fn a_message_of_the_queue_may_begin_with_a_byte_order_mark() {
    let world = World::new();
    let body = queue_message::body("m-1", "anna@example.pl", world.clock.now());
    let marked = queue_message::delivery("m-1", &format!("\u{feff}{body}"));
    assert_eq!(notify::take_in(&world.notify, marked).await.unwrap(), NotifyReport::Sent);
    assert_eq!(world.count("SELECT count(*) FROM InboxMessages WHERE RecipientHash IS NOT NULL"), 1);
}

#[tokio::test]
async fn an_event_of_ours_put_in_by_another_program_is_mailed() {
    let world = World::new();
    let data = r#"{"clientId":7,"clientName":"Anna","recipient":"anna@example.pl","year":2026,"month":3,
        "figures":{"incomeTax":1.00,"vat":2.00,"insuranceAmount":3.00},"version":1}"#;
    world.backend.execute(&format!(
        "INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('x-1', 'FinancialRecordCreated', '{data}')"
    ));
    assert_eq!(world.run_dispatch().await.sent, 1);
    assert_eq!(world.deliver_from(0).await, [NotifyReport::Sent]);
    assert_eq!(world.mailer.sent(), ["x-1"]);
}

#[tokio::test]
async fn malformed_payloads_are_dead_with_the_reason_and_stop_no_other() {
    let world = World::new();
    world.backend.execute("INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('before', 'Plain', '{}')");
    for (id, columns, values) in [
        ("broken-json", "", ""),
        ("not-an-event", ", ContentType", ", 'application/cloudevents+json'"),
        ("bad-headers", ", Headers", ", 'x'"),
    ] {
        world.backend.execute(&format!(
            "INSERT INTO OutboxMessages (Id, EventType, Payload{columns}) VALUES ('{id}', 'Plain', '{{\"a\":'{values})"
        ));
    }
    world.backend.execute(
        "INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('not-utf8', 'Plain', CAST(x'ff22' AS TEXT))",
    );
    world.backend.execute("INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('fine', 'Plain', '{}')");
    world.backend.execute(
        "INSERT INTO OutboxMessages (Id, EventType, Payload, ContentType) VALUES ('raw', 'Plain', 'a;b', 'text/csv')",
    );
    world.run_dispatch().await;
    let mut accepted = world.bus.accepted(EMAILS);
    accepted.sort();
    assert_eq!(accepted, ["before", "fine", "raw"]);
    let reasons = world.count("SELECT count(*) FROM OutboxMessages WHERE State = 3 AND length(LastError) > 20");
    assert_eq!(reasons, 4);
}

#[tokio::test]
async fn a_row_with_an_invalid_destination_is_dead_with_the_reason() {
    let world = World::new();
    world.backend.execute(
        "INSERT INTO OutboxMessages (Id, EventType, Payload, Destination) VALUES ('x', 'Plain', '{}', 'que:typo')",
    );
    assert_eq!(world.run_dispatch().await.dead, 1);
    let error = world.backend.query("SELECT LastError FROM OutboxMessages").unwrap();
    assert!(error.contains("queue:<name>"), "{error}");
}

#[tokio::test]
async fn a_mail_provider_down_for_a_day_loses_no_mail_and_fails_no_delivery() {
    let world = World::new();
    world.mailer.behave(|_| MailOutcome::Provider {
        after_ms: None,
        reason: "connection refused".into(),
        of_mail: false,
    });
    let mut ids = Vec::new();
    for n in 1..=10 {
        let client = world.client(n).await;
        ids.push(world.book_month(client, 1, 100).await);
    }
    world.run_dispatch().await;
    let reports = world.deliver_from(0).await;
    assert!(reports.iter().all(|r| matches!(r, NotifyReport::Parked { .. } | NotifyReport::Accepted)), "{reports:?}");
    for _ in 0..24 * 60 {
        world.run_retry().await;
        world.advance_ms(MINUTE_MS);
    }
    assert!(world.mailer.sent().is_empty());
    assert_eq!(world.count("SELECT count(*) FROM InboxMessages WHERE State IN (0, 3)"), 10);

    world.mailer.behave(|_| MailOutcome::Accepted { reference: "ok".into() });
    for _ in 0..30 {
        world.advance_ms(MINUTE_MS);
        world.run_retry().await;
    }
    let mut sent = world.mailer.sent();
    sent.sort();
    ids.sort();
    assert_eq!(sent, ids, "each once");
}

#[tokio::test]
async fn the_longer_a_provider_is_down_the_more_rarely_it_is_tried() {
    let tries = Arc::new(AtomicU32::new(0));
    let counted = tries.clone();
    let away = move |_: &Letter| {
        counted.fetch_add(1, Ordering::Relaxed);
        MailOutcome::Provider { after_ms: None, reason: "away".into(), of_mail: false }
    };
    let world = World::with(FakeBus::accepting(), FakeMailer::new(away), OnDoubt::Resend);
    let client = world.client(1).await;
    world.book_month(client, 1, 100).await;
    world.run_dispatch().await;
    world.deliver_from(0).await;
    for _ in 0..120 {
        world.advance_ms(MINUTE_MS);
        world.run_retry().await;
    }
    let tries = tries.load(Ordering::Relaxed);
    assert!((8..30).contains(&tries), "{tries} in two hours: half a minute apart at first, ten minutes in the end");
}

#[tokio::test]
async fn a_provider_that_takes_a_hundred_an_hour_gets_every_mail_once() {
    let world = World::new();
    let (mut taken, mut hour) = (0, 0_i64);
    let clock = world.clock.clone();
    let start = client_organizer::ports::clock::Clock::now(&*clock);
    world.mailer.behave(move |_| {
        let now = client_organizer::ports::clock::Clock::now(&*clock);
        let this_hour = (now - start).num_hours();
        if this_hour != hour {
            (taken, hour) = (0, this_hour);
        }
        if taken == 100 {
            return MailOutcome::Provider { after_ms: Some(10 * MINUTE_MS), reason: "429".into(), of_mail: false };
        }
        taken += 1;
        MailOutcome::Accepted { reference: "ok".into() }
    });
    let client = world.client(1).await;
    let mut ids = Vec::new();
    for n in 0..250 {
        let id = if n == 0 { world.book_month(client, 1, 1).await } else { world.change_month(client, 1, 1 + n).await };
        ids.push(id);
        world.run_dispatch().await;
        let from = world.bus.log.lock().unwrap().len() - 1;
        let report = world.deliver_from(from).await;
        assert!(matches!(report[..], [NotifyReport::Sent | NotifyReport::Parked { .. } | NotifyReport::Accepted]));
    }
    let mut hours = 0;
    while world.mailer.sent().len() < ids.len() && hours < 10 {
        for _ in 0..60 {
            world.run_retry().await;
            world.advance_ms(MINUTE_MS);
        }
        hours += 1;
    }
    let mut sent = world.mailer.sent();
    sent.sort();
    ids.sort();
    assert_eq!(sent, ids, "each once, within {hours} h");
    assert!(hours <= 4, "{hours} h for 250 mails at 100 an hour");
}

#[tokio::test]
async fn a_mail_cut_off_after_it_was_handed_over_is_in_doubt_and_reported() {
    for (on_doubt, mails) in [(OnDoubt::Resend, 2), (OnDoubt::Hold, 1)] {
        let world = World::with(FakeBus::accepting(), FakeMailer::accepting(), on_doubt);
        let client = world.client(1).await;
        world.book_month(client, 1, 100).await;
        world.run_dispatch().await;
        let handed = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(0));
        let counter = handed.clone();
        world.mailer.behave(move |_| match counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => MailOutcome::Unknown { reason: "cut after DATA".into() },
            _ => MailOutcome::Accepted { reference: "ok".into() },
        });
        assert!(matches!(world.deliver_from(0).await[..], [NotifyReport::InDoubt { .. }]));
        assert_eq!(world.count("SELECT Doubts FROM InboxMessages"), 1);
        world.advance_ms(2 * MINUTE_MS);
        world.run_retry().await;
        assert_eq!(handed.load(std::sync::atomic::Ordering::Relaxed), mails, "{on_doubt:?}");
    }
}

/// Five clients' mails that wait for their provider.
async fn five_parked(world: &World) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 1..=5 {
        let client = world.client(n).await;
        ids.push(world.book_month(client, 1, 100).await);
    }
    world.mailer.behave(|_| MailOutcome::Provider { after_ms: None, reason: "down".into(), of_mail: false });
    world.run_dispatch().await;
    world.deliver_from(0).await;
    ids
}

#[tokio::test]
async fn a_mail_that_is_repeatedly_in_doubt_is_held_and_the_others_are_sent() {
    let world = World::new();
    let ids = five_parked(&world).await;
    let (cursed, tries) = (ids[0].clone(), std::sync::Arc::new(std::sync::atomic::AtomicI64::new(0)));
    let (curse, counter) = (cursed.clone(), tries.clone());
    world.mailer.behave(move |letter| {
        if letter.message_id != curse {
            return MailOutcome::Accepted { reference: "ok".into() };
        }
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        MailOutcome::Unknown { reason: "cut after DATA".into() }
    });
    for _ in 0..24 * 60 {
        world.advance_ms(MINUTE_MS);
        world.run_retry().await;
    }
    assert_eq!(tries.load(std::sync::atomic::Ordering::Relaxed), 3, "at most Email__DoubtsMax mails");
    let held = "SELECT count(*) FROM InboxMessages WHERE State = 4 AND DueAt IS NULL AND Doubts = 3";
    assert_eq!(world.count(held), 1);
    assert_eq!(world.mailer.sent().len(), 4, "each neighbour once");
}

fn refuses_us() -> MailOutcome {
    MailOutcome::Provider { after_ms: None, reason: "550 5.7.1 by our policy".into(), of_mail: true }
}

const BREAKERS_OPEN: &str = "SELECT count(*) FROM Destinations WHERE OpenUntil IS NOT NULL";

#[tokio::test]
async fn a_mail_refused_by_a_policy_against_us_waits_alone_while_others_are_sent() {
    let world = World::new();
    world.mailer.behave(|letter| match letter.to.as_str() {
        "klient1@example.pl" => refuses_us(),
        _ => MailOutcome::Accepted { reference: "ok".into() },
    });
    let cursed = world.client(1).await;
    world.book_month(cursed, 1, 100).await;
    let mut open = 0;
    for hour in 0..60 {
        let delivered = world.bus.accepted(EMAILS).len();
        let other = world.client(2 + hour).await;
        world.book_month(other, 1, 100).await;
        world.run_dispatch().await;
        world.deliver_from(delivered).await;
        for _ in 0..60 {
            world.run_retry().await;
            open += world.count(BREAKERS_OPEN);
            world.advance_ms(MINUTE_MS);
        }
    }
    assert!(open <= 5, "open for {open} minutes");
    assert_eq!(world.mailer.sent().len(), 60, "each of the others");
    assert_eq!(world.count("SELECT State FROM InboxMessages WHERE State <> 2"), 3, "never refused for our fault");
}

#[tokio::test]
async fn the_breaker_opens_at_the_second_mail_that_a_provider_refuses_because_of_us() {
    let world = World::new();
    world.mailer.behave(|_| MailOutcome::RecipientTransient { after_ms: None, reason: "greylisted".into() });
    for n in 1..=30 {
        let client = world.client(n).await;
        world.book_month(client, 1, 100).await;
    }
    world.run_dispatch().await;
    world.deliver_from(0).await;
    world.advance_ms(60 * MINUTE_MS);
    world.mailer.behave(|_| refuses_us());
    let report = world.run_retry().await;
    assert_eq!((report.refused, report.provider, world.count(BREAKERS_OPEN)), (0, Some("open"), 1));
    assert!(report.taken < 30, "{report:?}");
}

/// Each further doubt holds the mail again; each resend by an operator allows one more attempt.
#[tokio::test]
async fn a_mail_held_for_its_doubts_is_sent_when_an_operator_resends_it() {
    let world = World::new();
    let client = world.client(1).await;
    let id = world.book_month(client, 1, 100).await;
    world.run_dispatch().await;
    world.mailer.behave(|_| MailOutcome::Unknown { reason: "cut after DATA".into() });
    world.deliver_from(0).await;
    let held = "SELECT count(*) FROM InboxMessages WHERE State = 4 AND DueAt IS NULL";
    for doubts in 3..6 {
        for _ in 0..5 {
            world.advance_ms(60 * MINUTE_MS);
            world.run_retry().await;
        }
        assert_eq!((world.count(held), world.count("SELECT Doubts FROM InboxMessages")), (1, doubts));
        operator::resend(&*world.backend.remedies(), &id).await;
    }
    world.mailer.behave(|_| MailOutcome::Accepted { reference: "ok".into() });
    assert_eq!(world.run_retry().await.sent, 1);
    assert_eq!(world.mailer.sent(), [id]);
}

#[tokio::test]
async fn a_mail_that_kills_its_sender_each_time_is_tried_alone_and_then_held() {
    let world = World::new();
    let ids = five_parked(&world).await;
    let killer = ids[2].clone();
    world.mailer.behave(move |letter| {
        assert_ne!(letter.message_id, killer, "the process would be gone");
        MailOutcome::Accepted { reference: "ok".into() }
    });
    for _ in 0..60 {
        world.advance_ms(2 * LEASE_MS);
        world.run_retry().await;
    }
    assert_eq!(world.count("SELECT count(*) FROM InboxMessages WHERE State = 4 AND DueAt IS NULL AND Doubts = 3"), 1);
    assert_eq!(world.mailer.sent().len(), 4, "each neighbour once");
}

#[tokio::test]
async fn a_message_that_is_not_ours_is_recorded_as_refused_with_its_reason() {
    let world = World::new();
    let client = world.client(1).await;
    let id = world.book_month(client, 1, 100).await;
    world.run_dispatch().await;
    let good = world.bus.log.lock().unwrap()[0].1.body.to_vec();
    let good = String::from_utf8(good).unwrap();
    let cases = [
        ("a", "not json".to_owned(), "not JSON"),
        ("b", r#"{"id":"b","type":"Invoice"}"#.to_owned(), "not one of our events"),
        ("c", good.clone(), "not its MessageId"),
        (&id, good.replace("klient1@example.pl", ""), "no recipient"),
        ("", good.clone(), "no MessageId"),
    ];
    for (message_id, body, expected) in cases {
        let delivery = Delivery {
            message_id: message_id.to_owned(),
            body: body.into_bytes(),
            delivery_count: 1,
            enqueued_on: None,
            traceparent: None,
        };
        match notify::take_in(&world.notify, delivery).await.unwrap() {
            NotifyReport::Refused { reason } => assert!(reason.contains(expected), "{reason}"),
            other => panic!("{expected}: {other:?}"),
        }
    }
    assert_eq!(world.count("SELECT count(*) FROM InboxMessages WHERE State = 5 AND LastError <> ''"), 5);

    world.advance_ms(401 * 24 * 60 * MINUTE_MS);
    let old = Delivery {
        message_id: "new-id".into(),
        body: good.replace(&id, "new-id").into_bytes(),
        delivery_count: 1,
        enqueued_on: None,
        traceparent: None,
    };
    match notify::take_in(&world.notify, old).await.unwrap() {
        NotifyReport::Refused { reason } => assert!(reason.contains("too old"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert!(world.mailer.sent().is_empty());
}
