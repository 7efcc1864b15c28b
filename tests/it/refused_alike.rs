//! Several recipients in a row are refused alike: the provider is at fault, and their mails are taken back, not lost.

use crate::support::{
    backend::Backend,
    fakes::{FakeBus, FakeMailer},
    operator,
    world::World,
};
use client_organizer::{
    domain::{
        delivery::{MailOutcome, OnDoubt},
        operations::Action,
    },
    flows::mailing::NotifyReport,
    ports::{mailer::Letter, outbox::Breaker},
};

fn odd(letter: &Letter) -> MailOutcome {
    let alike = Some("550 to the recipient".to_owned());
    MailOutcome::RecipientPermanent { reason: format!("550 odd, of {}", letter.subject), alike }
}

fn taken() -> MailOutcome {
    MailOutcome::Accepted { reference: "4711".to_owned() }
}

fn world(script: impl FnMut(&Letter) -> MailOutcome + Send + 'static) -> World {
    World::with(FakeBus::accepting(), FakeMailer::new(script), OnDoubt::Resend)
}

/// Books a month for each client, and delivers the messages.
async fn reported(world: &mut World, clients: std::ops::Range<u32>) -> Vec<NotifyReport> {
    for n in clients {
        let client = world.client(n).await;
        world.book_month(client, 1, 100).await;
    }
    let delivered = world.bus.accepted("queue:client-emails").len();
    world.run_dispatch().await;
    world.deliver_from(delivered).await
}

fn refused(reports: &[NotifyReport]) -> usize {
    reports.iter().filter(|report| matches!(report, NotifyReport::Refused { .. })).count()
}

fn mails(world: &World, state: u32) -> String {
    world.backend.query(&format!("SELECT count(*) FROM InboxMessages WHERE State = {state}")).unwrap()
}

async fn breaker(world: &World) -> Breaker {
    world.notify.breakers.breaker(world.notify.mailer.provider()).await.unwrap().breaker
}

#[tokio::test]
async fn the_fifth_recipient_refused_alike_takes_all_five_back_and_none_is_lost() {
    let mut world = world(odd);
    let reports = reported(&mut world, 1..7).await;
    assert_eq!(refused(&reports), 4, "{reports:?}");
    assert!(matches!(&reports[4], NotifyReport::Parked { .. }), "{reports:?}");
    assert_eq!(reports[5], NotifyReport::Accepted, "mail pauses");
    assert_eq!((mails(&world, 5), mails(&world, 0)), ("0".to_owned(), "6".to_owned()));
    assert!(matches!(breaker(&world).await, Breaker::Open { .. }));
    // The fault lasts longer than a mail's own count of returns: no mail that serves as a probe is refused for it.
    for _ in 0..10 {
        world.advance_ms(86_400_000);
        let report = world.run_retry().await;
        assert_eq!((report.taken, report.refused, report.sent), (1, 0, 0), "{report:?}");
    }
    assert_eq!(mails(&world, 5), "0");
    world.mailer.behave(|_| taken());
    world.advance_ms(86_400_000);
    assert_eq!(world.run_retry().await.sent, 6);
    assert_eq!(breaker(&world).await, Breaker::Closed);
}

/// It was decided by a person, and shows nothing of the provider.
#[tokio::test]
async fn a_mail_that_an_operator_counts_as_sent_does_not_end_the_series() {
    let unknown = || MailOutcome::Unknown { reason: "cut after DATA".to_owned() };
    let script =
        move |letter: &Letter| if letter.to.as_str() == "klient9@example.pl" { unknown() } else { odd(letter) };
    let mut world = World::with(FakeBus::accepting(), FakeMailer::new(script), OnDoubt::Hold);
    reported(&mut world, 9..10).await;
    assert_eq!(refused(&reported(&mut world, 1..5).await), 4);
    world.advance_ms(1_000);
    let id = world.backend.query("SELECT MessageId FROM InboxMessages WHERE State = 4").unwrap();
    operator::remedied(&*world.backend.remedies(), Action::AssumeMailSent, &id, &operator::NO_RULES).await;
    world.advance_ms(1_000);
    assert_eq!(refused(&reported(&mut world, 5..6).await), 0);
    assert_eq!((mails(&world, 5), mails(&world, 0), mails(&world, 2)), ("0".into(), "5".into(), "1".into()));
}

#[tokio::test]
async fn an_acceptance_in_between_ends_the_series() {
    let mut turn = 0;
    let mut world = world(move |letter| {
        turn += 1;
        if turn == 5 { taken() } else { odd(letter) }
    });
    let first = reported(&mut world, 1..5).await;
    world.advance_ms(1_000);
    let second = reported(&mut world, 5..10).await;
    assert_eq!((refused(&first), refused(&second)), (4, 4), "{second:?}");
    assert_eq!((mails(&world, 5), mails(&world, 2)), ("8".to_owned(), "1".to_owned()));
}

#[tokio::test]
async fn one_recipient_or_certain_refusals_do_not_blame_the_provider() {
    let one = world(odd);
    let client = one.client(1).await;
    for month in 1..9 {
        one.book_month(client, month, 100).await;
    }
    one.run_dispatch().await;
    assert_eq!(refused(&one.deliver_from(0).await), 8);
    let mut certain =
        world(|_| MailOutcome::RecipientPermanent { reason: "550 5.1.1 unknown".to_owned(), alike: None });
    assert_eq!(refused(&reported(&mut certain, 1..9).await), 8);
    assert_eq!(breaker(&certain).await, Breaker::Closed);
}

#[tokio::test]
async fn a_mail_taken_back_three_times_and_refused_again_while_others_are_sent_is_refused_for_good() {
    let mut world = world(|letter| if letter.to.as_str() == "klient9@example.pl" { taken() } else { odd(letter) });
    reported(&mut world, 1..6).await;
    let client = world.client(9).await;
    for (month, refused_for_good) in [(1, "0"), (2, "0"), (3, "5"), (4, "5")] {
        operator::resume(&*world.backend.remedies(), world.notify.mailer.provider()).await;
        let delivered = world.bus.accepted("queue:client-emails").len();
        world.book_month(client, month, 100).await;
        world.run_dispatch().await;
        assert_eq!(world.deliver_from(delivered).await, [NotifyReport::Sent]);
        world.advance_ms(3_600_000);
        world.run_retry().await;
        assert_eq!(mails(&world, 5), refused_for_good, "{month}");
    }
}

#[tokio::test]
async fn truly_invalid_recipients_are_refused_in_the_end() {
    let mut world = world(|letter| if letter.to.as_str() == "klient9@example.pl" { taken() } else { odd(letter) });
    reported(&mut world, 1..6).await;
    assert_eq!(mails(&world, 5), "0");
    let client = world.client(9).await;
    for month in 1..11 {
        let delivered = world.bus.accepted("queue:client-emails").len();
        world.book_month(client, month, 100).await;
        world.advance_ms(86_400_000);
        world.run_dispatch().await;
        world.deliver_from(delivered).await;
        for _ in 0..7 {
            world.advance_ms(3_600_000);
            world.run_retry().await;
        }
    }
    assert_eq!((mails(&world, 5), mails(&world, 2)), ("5".to_owned(), "10".to_owned()));
    assert_eq!(breaker(&world).await, Breaker::Closed);
}
