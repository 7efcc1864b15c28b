//! The SMTP mailer against an independent server: what arrives, and how each fault is classified.

use crate::support::{
    backend::Backend,
    fakes::{FakeBus, FakeMailer},
    host::Host,
    http_client,
    smtp_server::{PASSWORD, SmtpServer, USER, made},
    world::{World, nip},
};
use client_organizer::{
    adapters::mail::{Language, Sender, SmtpMailer, SmtpOptions, SmtpSecurity, TemplateLetters},
    domain::{
        client::{ClientName, Email},
        delivery::{MailOutcome, OnDoubt},
        events::{self, FinancialChange, FinancialRecordUpdated, NewEvent},
        ids::{ClientId, MessageId},
        money::Money,
        record::Figures,
    },
    flows::mailing::NotifyReport,
    ports::mailer::{Letter, Letters, Mailer},
};
use serde_json::{Value, json};
use std::{io::Write, net::TcpListener, sync::Arc, time::Duration};

const ID: &str = "01938f5e-7a3b-7c11-9d2e-3f4a5b6c7d8e";
const ANNA: &str = "anna@example.pl";
const OFFICE: &str = "biuro@office.example.pl";
/// Far longer than anything here takes; tests of the deadline itself move the clock.
const TIMEOUT: Duration = Duration::from_mins(1);

fn sender() -> Sender {
    let answers = Sender::parse("Księgowość <odpowiedzi@office.example.pl>").unwrap();
    Sender::parse(&format!("Biuro Łąka <{OFFICE}>")).unwrap().with_answers_to(answers)
}

fn letter() -> Letter {
    let grosze = |g| Money::from_grosze(g).unwrap();
    let figures = Figures { income_tax: grosze(123_456), vat: grosze(50_000), insurance_amount: grosze(160_099) };
    let data = FinancialChange {
        client_id: ClientId(17),
        client_name: ClientName::parse("Żółw & Synowie <spółka>").unwrap(),
        recipient: Email::parse(ANNA).unwrap(),
        language: None,
        year: 2026,
        month: 3,
        figures,
        previous: Some(figures),
        version: 2,
    };
    let id = MessageId::parse(ID).unwrap();
    let event = NewEvent::of::<FinancialRecordUpdated>(&data).unwrap();
    let event = event.payload(&id, "2026-04-02T08:00:00Z".parse().unwrap()).unwrap();
    TemplateLetters::new(Language::Pl, &sender()).unwrap().write(&events::read(event.as_bytes()).unwrap()).unwrap()
}

fn options(security: SmtpSecurity, port: u16) -> SmtpOptions {
    let login = (security != SmtpSecurity::None).then(|| (USER.to_owned(), PASSWORD.to_owned()));
    SmtpOptions {
        host: "127.0.0.1".to_owned(),
        port,
        security,
        login,
        ca_pem: std::fs::read(made("ca.pem")).ok(),
        timeout: TIMEOUT,
    }
}

fn mailer(security: SmtpSecurity, port: u16) -> SmtpMailer {
    SmtpMailer::new(options(security, port), sender()).unwrap()
}

fn header<'a>(mail: &'a Value, name: &str) -> Option<&'a str> {
    let headers = mail["mail"]["headers"].as_array().unwrap();
    let mut found = headers.iter().filter(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name));
    let first = found.next()?[1].as_str();
    assert!(found.next().is_none(), "{name} stands twice");
    first
}

fn provider(outcome: MailOutcome) -> String {
    let MailOutcome::Provider { reason, .. } = outcome else { panic!("{outcome:?}") };
    assert!(!reason.contains(ANNA) && !reason.contains(PASSWORD), "{reason}");
    reason
}

#[tokio::test]
async fn another_parser_reads_each_mail_as_it_was_written() {
    for security in [SmtpSecurity::Starttls, SmtpSecurity::Tls, SmtpSecurity::None] {
        let Some(mut server) = SmtpServer::start(security, "here", json!({})).await else { return };
        let mut letter = letter();
        // A line with only a dot ends a mail unless it is escaped; and one line is longer than servers accept.
        letter.text = format!("{}\n.\n..\n{}\n", letter.text, "ż".repeat(2_000));
        let outcome = mailer(security, server.port).send(&letter).await;
        assert_eq!(outcome, MailOutcome::Accepted { reference: "2.0.0 OK queued as 4711".to_owned() }, "{security:?}");

        let mail = server.next().await;
        let secure = security != SmtpSecurity::None;
        assert_eq!(mail["encrypted"], secure);
        assert_eq!(mail["user"].as_str(), secure.then_some(USER));
        assert_eq!((&mail["from"], &mail["to"]), (&json!(OFFICE), &json!([ANNA])));
        assert_eq!(mail["hello"], "office.example.pl");
        assert_eq!(header(&mail, "From"), Some("Biuro Łąka <biuro@office.example.pl>"));
        assert_eq!(header(&mail, "Reply-To"), Some("Księgowość <odpowiedzi@office.example.pl>"));
        assert_eq!(header(&mail, "To"), Some(ANNA));
        assert_eq!(header(&mail, "Subject"), Some("Podatki i składki za marzec 2026 – poprawione kwoty"));
        assert_eq!(header(&mail, "Message-ID"), Some(format!("<{ID}@office.example.pl>").as_str()));
        assert_eq!(header(&mail, "Date"), Some("Thu, 02 Apr 2026 08:00:00 +0000"));
        assert_eq!(header(&mail, "Auto-Submitted"), Some("auto-generated"));
        assert_eq!(header(&mail, "MIME-Version"), Some("1.0"));

        let reported = &mail["mail"];
        assert_eq!((&reported["type"], &reported["defects"]), (&json!("multipart/alternative"), &json!([])));
        assert_eq!((&reported["ascii"], &reported["bare"]), (&json!(true), &json!(false)));
        assert!(reported["line_max"].as_u64().unwrap() <= 998, "{reported}");
        let parts = reported["parts"].as_array().unwrap();
        assert_eq!(parts.len(), 2);
        for (part, kind, text) in [(&parts[0], "text/plain", &letter.text), (&parts[1], "text/html", &letter.html)] {
            assert_eq!((&part["type"], &part["charset"]), (&json!(kind), &json!("utf-8")));
            assert_eq!(part["defects"], json!([]));
            let read = part["text"].as_str().unwrap().replace("\r\n", "\n");
            assert_eq!(read.trim_end_matches('\n'), text.trim_end_matches('\n'));
        }
    }
}

#[tokio::test]
async fn mails_share_a_connection_and_a_failed_one_is_not_used_again() {
    let plan = json!({ANNA: ["data 250 fine", "data 250 fine", "data 451 4.3.0 later"]});
    let Some(server) = SmtpServer::start(SmtpSecurity::Starttls, "here", plan).await else { return };
    let mailer = mailer(SmtpSecurity::Starttls, server.port);
    for accepted in [true, true, false, true] {
        let outcome = mailer.send(&letter()).await;
        assert_eq!(matches!(outcome, MailOutcome::Accepted { .. }), accepted, "{outcome:?}");
    }
    let mails = server.end().await;
    let peers: Vec<_> = mails.iter().map(|mail| mail["peer"].as_u64().unwrap()).collect();
    assert!(peers[0] == peers[1] && peers[1] == peers[2] && peers[2] != peers[3], "{peers:?}");
}

#[tokio::test]
async fn a_refusal_is_the_recipients_fault_or_ours_and_never_names_the_address() {
    let cases = [
        (OFFICE, "mail 550 5.7.1 <anna@example.pl> not for you", "provider"),
        (OFFICE, "mail 530 5.7.0 log in", "provider"),
        (ANNA, "rcpt 421 4.7.0 <anna@example.pl> too busy", "provider"),
        (ANNA, "rcpt 450 4.2.0 <anna@example.pl> greylisted", "later"),
        (ANNA, "rcpt 451 4.7.1 <anna@example.pl> greylisted", "later"),
        (ANNA, "rcpt 452 4.2.2 <anna@example.pl> full", "later"),
        (ANNA, "rcpt 454 4.7.0 no TLS", "provider"),
        (ANNA, "rcpt 550 5.1.1 <anna@example.pl> unknown", "never"),
        (ANNA, "rcpt 551 <anna@example.pl> moved", "never"),
        (ANNA, "rcpt 552 5.2.2 <anna@example.pl> full", "later"),
        (ANNA, "rcpt 550 5.7.705 <anna@example.pl> tenant over its threshold", "provider"),
        (ANNA, "rcpt 553 5.1.3 <anna@example.pl> bad", "never"),
        (ANNA, "rcpt 554 5.7.1 <anna@example.pl> relay access denied", "provider"),
        (ANNA, "rcpt cut", "provider"),
        (ANNA, "data 421 4.3.2 <anna@example.pl> going down", "provider"),
        (ANNA, "data 451 4.3.0 <anna@example.pl> later", "later"),
        (ANNA, "data 552 5.2.2 <anna@example.pl> full", "later"),
        (ANNA, "data 550 5.7.26 <anna@example.pl> neither SPF nor DKIM", "provider"),
        (ANNA, "data 554 5.7.1 <anna@example.pl> looks like spam", "never"),
        (ANNA, "data cut", "unknown"),
    ];
    let plan = |who: &str| cases.iter().filter(|(at, ..)| *at == who).map(|(_, what, _)| *what).collect::<Vec<_>>();
    let plan = json!({OFFICE: plan(OFFICE), ANNA: plan(ANNA)});
    let Some(server) = SmtpServer::start(SmtpSecurity::Starttls, "here", plan).await else { return };
    let mailer = mailer(SmtpSecurity::Starttls, server.port);
    for (_, what, expected) in cases {
        let (kind, reason) = match mailer.send(&letter()).await {
            MailOutcome::Accepted { reference } => ("accepted", reference),
            MailOutcome::RecipientTransient { reason, .. } => ("later", reason),
            MailOutcome::RecipientPermanent { reason, .. } => ("never", reason),
            MailOutcome::Provider { reason, .. } => ("provider", reason),
            MailOutcome::Unknown { reason } => ("unknown", reason),
        };
        assert_eq!(kind, expected, "{what}: {reason}");
        assert!(!reason.contains("anna"), "{reason}");
    }
    assert!(matches!(mailer.send(&letter()).await, MailOutcome::Accepted { .. }), "the plan is used up");
    let contents = cases.iter().filter(|(_, what, _)| what.starts_with("data")).count();
    assert_eq!(server.end().await.len(), contents + 1, "the server had the content of no other");
}

#[tokio::test]
async fn a_server_that_is_silent_after_the_content_leaves_a_doubt_at_the_deadline() {
    let plan = json!({ANNA: ["data hang"]});
    let Some(mut server) = SmtpServer::start(SmtpSecurity::Tls, "here", plan).await else { return };
    let mailer = mailer(SmtpSecurity::Tls, server.port);
    let sending = tokio::spawn(async move { mailer.send(&letter()).await });
    assert_eq!(server.next().await["to"], json!([ANNA]), "the server has the mail");
    tokio::time::pause();
    tokio::time::advance(TIMEOUT).await;
    let outcome = sending.await.unwrap();
    let MailOutcome::Unknown { reason } = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("no answer in time"), "{reason}");
}

#[tokio::test]
async fn a_server_that_does_not_even_greet_is_down_at_the_deadline() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mailer = mailer(SmtpSecurity::None, listener.local_addr().unwrap().port());
    let sending = tokio::spawn(async move { mailer.send(&letter()).await });
    let _open = listener.accept().await.unwrap();
    tokio::time::pause();
    tokio::time::advance(TIMEOUT).await;
    assert!(provider(sending.await.unwrap()).contains("no answer in time, while connecting"));
}

#[tokio::test]
async fn a_server_that_is_away_or_closing_is_the_providers_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let greeting = std::thread::spawn(move || {
        let (mut link, _) = listener.accept().unwrap();
        link.write_all(b"421 4.3.2 shutting down\r\n").unwrap();
    });
    let mailer = mailer(SmtpSecurity::None, port);
    let reported = provider(mailer.send(&letter()).await);
    assert!(reported.contains("421 while connecting: 4.3.2 shutting down"), "{reported}");
    greeting.join().unwrap();
    // The listener is gone now.
    let reported = provider(mailer.send(&letter()).await);
    assert!(reported.contains("while connecting") && reported.to_lowercase().contains("refused"), "{reported}");
}

#[tokio::test]
async fn nothing_is_sent_to_a_server_without_a_valid_certificate_or_encryption() {
    for security in [SmtpSecurity::Starttls, SmtpSecurity::Tls] {
        let Some(server) = SmtpServer::start(security, "here", json!({})).await else { return };
        let stranger = SmtpMailer::new(SmtpOptions { ca_pem: None, ..options(security, server.port) }, sender());
        let reported = provider(stranger.unwrap().send(&letter()).await);
        assert!(reported.contains("while connecting") && reported.contains("certificate"), "{reported}");
        assert!(server.end().await.is_empty());

        let Some(server) = SmtpServer::start(security, "elsewhere", json!({})).await else { return };
        let reported = provider(mailer(security, server.port).send(&letter()).await);
        assert!(reported.contains("not valid for name"), "{reported}");
        assert!(server.end().await.is_empty());
    }
    let Some(server) = SmtpServer::start(SmtpSecurity::None, "here", json!({})).await else { return };
    let reported = provider(mailer(SmtpSecurity::Starttls, server.port).send(&letter()).await);
    assert!(reported.contains("STARTTLS is not supported"), "{reported}");
    assert!(server.end().await.is_empty());
}

#[tokio::test]
async fn a_wrong_password_is_our_failure_and_is_not_shown() {
    let Some(server) = SmtpServer::start(SmtpSecurity::Starttls, "here", json!({})).await else { return };
    let login = Some((USER.to_owned(), "guessed-wrong".to_owned()));
    let mailer = SmtpMailer::new(SmtpOptions { login, ..options(SmtpSecurity::Starttls, server.port) }, sender());
    let reported = provider(mailer.unwrap().send(&letter()).await);
    assert!(reported.contains("535 at the login") && !reported.contains("guessed"), "{reported}");
    assert!(server.end().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_over_http_arrives_at_the_mail_server_of_the_settings() {
    let Some(mut server) = SmtpServer::start(SmtpSecurity::Starttls, "here", json!({})).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let port = server.port.to_string();
    let env = [
        ("Email__Provider", "smtp"),
        ("Email__SmtpHost", "127.0.0.1"),
        ("Email__SmtpPort", &port),
        ("Email__SmtpUser", USER),
        ("Email__SmtpPassword", PASSWORD),
        // Relative to the folder that `local` was started in, as a person would write it.
        ("Email__SmtpCaFile", "target/smtp-tests/ca.pem"),
        ("Email__From", "Biuro <biuro@office.example.pl>"),
        ("Email__ReplyTo", "odpowiedzi@office.example.pl"),
        ("Email__Language", "en"),
    ];
    let host = Host::start(folder.path(), &env, &[]);
    let client = json!({"name": "Anna", "address": "ul. Prosta 1", "nipNb": nip(1).as_str(), "email": ANNA});
    assert_eq!(http_client::post_json(host.port, "/api/clients", &client).await.status, 201);
    let figures = json!({"year": 2026, "month": 3, "incomeTax": 1, "vat": 2, "insuranceAmount": 3});
    assert_eq!(http_client::post_json(host.port, "/api/clients/1/finance", &figures).await.status, 201);
    let mail = server.next().await;
    assert_eq!((&mail["to"], &mail["user"], &mail["encrypted"]), (&json!([ANNA]), &json!(USER), &json!(true)));
    assert_eq!(header(&mail, "Reply-To"), Some("odpowiedzi@office.example.pl"));
    assert!(host.mails().is_empty(), "and not in the folder");
}

#[tokio::test]
async fn a_booking_is_sent_refused_parked_or_in_doubt_as_the_server_answers() {
    let plan = json!({
        "klient1@example.pl": ["rcpt 550 5.1.1 unknown"],
        "klient2@example.pl": ["rcpt 450 4.2.0 greylisted"],
        "klient3@example.pl": ["data cut"],
    });
    for on_doubt in [OnDoubt::Resend, OnDoubt::Hold] {
        let Some(server) = SmtpServer::start(SmtpSecurity::Starttls, "here", plan.clone()).await else { return };
        let mut world = World::with(FakeBus::accepting(), FakeMailer::accepting(), on_doubt);
        world.notify.mailer = Arc::new(mailer(SmtpSecurity::Starttls, server.port));
        let mut ids = Vec::new();
        for n in 1..=4 {
            let client = world.client(n).await;
            ids.push(world.book_month(client, 1, 100).await);
        }
        world.run_dispatch().await;
        let reports = world.deliver_from(0).await;
        assert!(
            matches!(
                &reports[..],
                [
                    NotifyReport::Refused { .. },
                    NotifyReport::Parked { .. },
                    NotifyReport::InDoubt { .. },
                    NotifyReport::Sent
                ]
            ),
            "{reports:?}"
        );
        world.advance_ms(2 * 3_600_000);
        let retried = world.run_retry().await;
        let resent = u32::from(on_doubt == OnDoubt::Resend);
        assert_eq!((retried.sent, retried.refused, retried.in_doubt.len()), (1 + resent, 0, 0), "{retried:?}");
        let states = world.backend.query(
            "SELECT group_concat(State, ' ') FROM (SELECT i.State FROM InboxMessages i \
             JOIN OutboxMessages o ON o.Id = i.MessageId ORDER BY o.Seq)",
        );
        let doubt = if on_doubt == OnDoubt::Resend { 2 } else { 4 };
        assert_eq!(states, Some(format!("5 2 {doubt} 2")));

        let mails = server.end().await;
        let taken = |n: usize| {
            let to = json!([format!("klient{n}@example.pl")]);
            let mine = mails.iter().filter(|mail| mail["to"] == to);
            mine.map(|mail| header(mail, "Message-ID").unwrap().to_owned()).collect::<Vec<_>>()
        };
        let id = |n: usize| format!("<{}@office.example.pl>", ids[n - 1]);
        assert_eq!((taken(1), taken(2), taken(4)), (vec![], vec![id(2)], vec![id(4)]));
        assert_eq!(taken(3), vec![id(3); 1 + resent as usize], "a duplicate is recognisable as one");
    }
}
