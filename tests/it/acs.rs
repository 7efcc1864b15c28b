//! The mailer of Azure Communication Services against a stand-in: what is sent to it, and what each answer means.
//!
//! The stand-in (tests/acs/server.py) is made from the public description; it checks signatures with Python's own
//! hmac. It was never compared with the real service.

use crate::support::{
    acs_server::AcsServer,
    backend::Backend,
    fakes::{FakeBus, FakeMailer},
    host::Host,
    http_client, operator,
    proxy::Proxy,
    world::{World, nip},
};
use client_organizer::{
    adapters::{
        clock::SystemClock,
        mail::{AcsConnectionString, AcsLogin, AcsMailer, AcsOptions, Language, Sender, TemplateLetters},
    },
    domain::{
        client::Email,
        delivery::{MailOutcome, MailStatus, OnDoubt},
    },
    flows::mailing::NotifyReport,
    ports::mailer::{Letter, Mailer},
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

const ID: &str = "01938f5e-7a3b-7c11-9d2e-3f4a5b6c7d8e";
const ANNA: &str = "anna@example.pl";
/// Far longer than anything here takes; tests of the deadline itself move the clock.
const TIMEOUT: Duration = Duration::from_mins(1);
const MINUTE_MS: i64 = 60_000;

fn sender() -> Sender {
    let answers = Sender::parse("Księgowość <odpowiedzi@office.example.pl>").unwrap();
    Sender::parse("Biuro Łąka <biuro@office.example.pl>").unwrap().with_answers_to(answers)
}

fn letter(message_id: &str) -> Letter {
    Letter {
        message_id: message_id.to_owned(),
        to: Email::parse(ANNA).unwrap(),
        subject: "Rozliczenie za marzec 2026\r\nBcc: x@example.pl".to_owned(),
        text: "Zażółć 🦀 \"1 234,56 zł\"".to_owned(),
        html: "<p>Zażółć</p>".to_owned(),
        date: "2026-04-02T08:00:00Z".parse().unwrap(),
    }
}

fn mailer_at(connection: &str) -> AcsMailer {
    let parsed = AcsConnectionString::parse(connection).unwrap();
    let options = AcsOptions { endpoint: parsed.endpoint, login: AcsLogin::Key(parsed.key), timeout: TIMEOUT };
    AcsMailer::new(options, sender(), Arc::new(SystemClock)).unwrap()
}

fn mailer(server: &AcsServer) -> AcsMailer {
    mailer_at(&server.connection_string())
}

async fn asked(mailer: &AcsMailer) -> MailStatus {
    mailer.status_queries().unwrap().status_of(ID).await
}

fn provider(outcome: MailOutcome) -> (Option<i64>, String) {
    let MailOutcome::Provider { after_ms, reason, .. } = outcome else { panic!("{outcome:?}") };
    assert!(!reason.contains(ANNA), "{reason}");
    (after_ms, reason)
}

#[tokio::test]
async fn a_mail_is_signed_carries_its_own_ids_and_holds_the_letter() {
    let Some(mut server) = AcsServer::start(true, json!({}), json!({})).await else { return };
    let outcome = mailer(&server).send(&letter(ID)).await;
    assert_eq!(outcome, MailOutcome::Accepted { reference: ID.to_owned() });
    let request = server.next().await;
    // Checked by Python's hmac over the bytes that arrived.
    assert_eq!((&request["refused"], &request["taken"]), (&Value::Null, &json!(true)));
    assert_eq!(request["headers"]["operation-id"], ID);
    let expected = json!({
        "senderAddress": "biuro@office.example.pl",
        "recipients": { "to": [{ "address": ANNA }] },
        "replyTo": [{ "address": "odpowiedzi@office.example.pl", "displayName": "Księgowość" }],
        "content": {
            "subject": "Rozliczenie za marzec 2026  Bcc: x@example.pl",
            "plainText": "Zażółć 🦀 \"1 234,56 zł\"",
            "html": "<p>Zażółć</p>",
        },
        "headers": {
            "Message-ID": format!("<{ID}@office.example.pl>"),
            "x-ms-acsemail-validate-message-id": "true",
            "Auto-Submitted": "auto-generated",
        },
        "userEngagementTrackingDisabled": true,
    });
    assert_eq!(request["mail"], expected);
}

#[tokio::test]
async fn an_id_that_is_not_a_uuid_always_gets_the_same_operation() {
    let Some(mut server) = AcsServer::start(false, json!({}), json!({})).await else { return };
    let mailer = mailer(&server);
    for _ in 0..2 {
        assert!(matches!(mailer.send(&letter("order/żółw/7")).await, MailOutcome::Accepted { .. }));
    }
    let (first, second) = (server.next().await, server.next().await);
    for name in ["operation-id", "repeatability-request-id"] {
        assert!(first["headers"][name].is_string(), "{first}");
        assert_eq!(first["headers"][name], second["headers"][name]);
    }
    for request in [&first, &second] {
        // The date of the letter: the times of two sendings in one second would look alike.
        assert_eq!(request["headers"]["repeatability-first-sent"], "Thu, 02 Apr 2026 08:00:00 GMT");
    }
    assert_eq!(first["mail"], second["mail"]);
}

#[tokio::test]
async fn a_wrong_key_is_our_failure() {
    let Some(server) = AcsServer::start(true, json!({}), json!({})).await else { return };
    let wrong = mailer_at(&format!("endpoint={};accesskey=d3Jvbmc=", server.endpoint()));
    let (_, reason) = provider(wrong.send(&letter(ID)).await);
    assert!(reason.contains("401") && reason.contains("access key"), "{reason}");
    assert!(matches!(asked(&wrong).await, MailStatus::Provider { .. }));
    assert!(server.end().await.iter().all(|request| request["refused"] == "the signature is wrong"));
}

#[tokio::test]
async fn each_refusal_is_the_recipients_fault_or_ours() {
    let turns = [
        "after 7.0 429 TooManyRequests slow down",
        "503 ServiceUnavailable anna@example.pl",
        "403 Forbidden",
        "404 DomainNotLinked The specified sender domain has not been linked.",
        "302",
        "400 RecipientSuppressed anna@example.pl",
        "400 BadRequest something else",
    ];
    let Some(server) = AcsServer::start(true, json!({ ANNA: turns }), json!({})).await else { return };
    let mailer = mailer(&server);
    assert_eq!(provider(mailer.send(&letter(ID)).await).0, Some(7_000));
    for code in ["503, ServiceUnavailable", "403, Forbidden", "404, DomainNotLinked", "302"] {
        let (after_ms, reason) = provider(mailer.send(&letter(ID)).await);
        assert!(after_ms.is_none() && reason.contains(code), "{reason}");
    }
    assert!(matches!(mailer.send(&letter(ID)).await, MailOutcome::RecipientPermanent { .. }));
    assert!(matches!(mailer.send(&letter(ID)).await, MailOutcome::RecipientTransient { .. }));
    assert_eq!(server.end().await.len(), turns.len(), "nothing is followed, nothing repeated");
}

#[tokio::test]
async fn a_refused_connection_leaves_no_doubt_and_one_cut_after_the_request_does() {
    let nobody = mailer_at("endpoint=http://127.0.0.1:1;accesskey=a2V5");
    provider(nobody.send(&letter(ID)).await);
    let Some(server) = AcsServer::start(true, json!({ ANNA: ["cut", "lose"] }), json!({})).await else { return };
    let mailer = mailer(&server);
    for _ in 0..2 {
        let outcome = mailer.send(&letter(ID)).await;
        assert!(matches!(outcome, MailOutcome::Unknown { .. }), "{outcome:?}");
    }
    assert_eq!(server.end().await.len(), 2);
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_leaves_a_doubt() {
    let Some(mut server) = AcsServer::start(true, json!({ ANNA: ["hang"] }), json!({})).await else { return };
    let mailer = mailer(&server);
    let sending = tokio::spawn(async move { mailer.send(&letter(ID)).await });
    assert_eq!(server.next().await["taken"], true);
    tokio::time::pause();
    tokio::time::advance(TIMEOUT).await;
    let outcome = sending.await.unwrap();
    assert!(matches!(&outcome, MailOutcome::Unknown { reason } if reason.contains("60 s")), "{outcome:?}");
}

#[tokio::test]
async fn a_status_query_returns_what_the_service_answers() {
    let status =
        ["NotStarted", "Running", "Succeeded", "Failed EmailDropped", "unknown", "after 9 429 X", "500", "cut"];
    let Some(server) = AcsServer::start(true, json!({}), json!({ ANNA: status })).await else { return };
    let mailer = mailer(&server);
    assert_eq!(asked(&mailer).await, MailStatus::NotFound, "before it was sent");
    mailer.send(&letter(ID)).await;
    for status in ["NotStarted", "Running", "Succeeded"] {
        assert_eq!(asked(&mailer).await, MailStatus::Taken { reference: format!("{ID} ({status})") });
    }
    assert!(matches!(asked(&mailer).await, MailStatus::Failed { reason, .. } if reason.contains("EmailDropped")));
    assert_eq!(asked(&mailer).await, MailStatus::NotFound);
    assert!(matches!(asked(&mailer).await, MailStatus::Provider { after_ms: Some(9_000), .. }));
    for _ in 0..2 {
        assert!(matches!(asked(&mailer).await, MailStatus::Provider { after_ms: None, .. }));
    }
}

/// One mail whose answer is lost, in a world with this service.
struct Doubt {
    world: World,
    server: AcsServer,
}

impl Doubt {
    /// `turn`: what happens to the first sending; `status`: what the service answers to a status query.
    async fn begin(dedup: bool, on_doubt: OnDoubt, turn: &str, status: &[&str]) -> Option<Self> {
        let to = "klient1@example.pl";
        let server = AcsServer::start(dedup, json!({ to: [turn] }), json!({ to: status })).await?;
        let mut world = World::with(FakeBus::accepting(), FakeMailer::accepting(), on_doubt);
        world.notify.mailer = Arc::new(mailer(&server));
        world.notify.letters = Arc::new(TemplateLetters::new(Language::Pl, &sender()).unwrap());
        let client = world.client(1).await;
        world.book_month(client, 1, 100).await;
        world.run_dispatch().await;
        let reports = world.deliver_from(0).await;
        assert!(matches!(&reports[..], [NotifyReport::InDoubt { .. }]), "{reports:?}");
        Some(Self { world, server })
    }

    /// Moves the clock and runs RetryEmail; returns the state (2 sent, 4 in doubt, 5 refused) and whether it is due.
    async fn after(&self, ms: i64) -> String {
        self.world.advance_ms(ms);
        let report = self.world.run_retry().await;
        assert_eq!(report.store_error, None);
        self.world.backend.query("SELECT State || iif(DueAt IS NULL, '', ' due') FROM InboxMessages").unwrap()
    }

    async fn end(self) -> (usize, usize) {
        let requests = self.server.end().await;
        let asked = requests.iter().filter(|request| request["method"] == "GET").count();
        (asked, requests.iter().filter(|request| request["taken"] == true).count())
    }
}

#[tokio::test]
async fn a_mail_in_doubt_is_not_sent_again_where_a_status_query_finds_it() {
    for dedup in [true, false] {
        for status in ["Succeeded", "Running", "NotStarted"] {
            let Some(doubt) = Doubt::begin(dedup, OnDoubt::Resend, "cut", &[status]).await else { return };
            assert_eq!(doubt.after(MINUTE_MS - 2_000).await, "4 due", "too early for a status query");
            assert_eq!(doubt.after(MINUTE_MS).await, "2");
            assert_eq!(doubt.end().await, (1, 1), "one status query, one mail accepted");
        }
    }
}

#[tokio::test]
async fn a_mail_that_never_arrived_is_sent_after_two_status_queries_did_not_find_it() {
    for dedup in [true, false] {
        let Some(doubt) = Doubt::begin(dedup, OnDoubt::Resend, "lose", &[]).await else { return };
        assert_eq!(doubt.after(2 * MINUTE_MS).await, "4 due", "once is not enough");
        assert_eq!(doubt.after(2 * MINUTE_MS).await, "2");
        assert_eq!(doubt.end().await, (2, 1));
    }
}

#[tokio::test]
async fn a_mail_that_the_service_forgot_is_sent_twice_only_where_it_ignores_ids() {
    for (dedup, times) in [(true, 1), (false, 2)] {
        let Some(doubt) = Doubt::begin(dedup, OnDoubt::Resend, "cut", &["unknown", "unknown"]).await else { return };
        assert_eq!(doubt.after(2 * MINUTE_MS).await, "4 due");
        assert_eq!(doubt.after(2 * MINUTE_MS).await, "2", "a duplicate Message-ID means that it has it");
        assert_eq!(doubt.end().await, (2, times));
    }
}

#[tokio::test]
async fn a_mail_that_the_service_gave_up_is_refused() {
    let Some(doubt) = Doubt::begin(true, OnDoubt::Resend, "cut", &["Failed EmailDropped"]).await else { return };
    assert_eq!(doubt.after(2 * MINUTE_MS).await, "5");
    assert_eq!(doubt.end().await, (1, 1));
}

#[tokio::test]
async fn a_mail_that_the_service_gave_up_for_our_fault_is_kept_and_sent_once_that_is_repaired() {
    let status = ["Failed DomainNotLinked"];
    let Some(doubt) = Doubt::begin(false, OnDoubt::Resend, "cut", &status).await else { return };
    assert_eq!(doubt.after(2 * MINUTE_MS).await, "4", "held for a person");
    let reason = doubt.world.backend.query("SELECT LastError FROM InboxMessages").unwrap();
    assert!(reason.contains("not sent") && reason.contains("DomainNotLinked"), "{reason}");
    assert_eq!(doubt.after(24 * 60 * MINUTE_MS).await, "4", "nothing happens by itself");
    let id = doubt.world.backend.query("SELECT MessageId FROM InboxMessages").unwrap();
    operator::resend(&*doubt.world.backend.remedies(), &id).await;
    assert_eq!(doubt.after(MINUTE_MS).await, "2");
    assert_eq!(doubt.end().await, (1, 2));
}

#[tokio::test]
async fn a_status_query_that_fails_is_repeated_later() {
    let Some(doubt) = Doubt::begin(true, OnDoubt::Resend, "cut", &["503", "after 200 429 X", "cut"]).await else {
        return;
    };
    for _ in 0..3 {
        assert_eq!(doubt.after(6 * MINUTE_MS).await, "4 due");
        assert_eq!(doubt.world.count("SELECT count(*) FROM Destinations WHERE OpenUntil IS NOT NULL"), 1);
    }
    assert_eq!(doubt.after(30 * MINUTE_MS).await, "2");
    assert_eq!(doubt.end().await, (4, 1));
}

#[tokio::test]
async fn an_unknown_mail_older_than_a_day_or_with_doubts_held_waits_for_a_person() {
    let Some(old) = Doubt::begin(true, OnDoubt::Resend, "lose", &[]).await else { return };
    assert_eq!(old.after(25 * 60 * MINUTE_MS).await, "4");
    assert_eq!(old.end().await, (1, 0));
    let Some(held) = Doubt::begin(true, OnDoubt::Hold, "lose", &[]).await else { return };
    assert_eq!(held.after(2 * MINUTE_MS).await, "4 due", "a status query is sent all the same");
    assert_eq!(held.after(2 * MINUTE_MS).await, "4");
    assert_eq!(held.end().await, (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_is_reached_through_the_offices_proxy_by_the_handler_of_local_too() {
    let proxy = Proxy::of_http(1).await;
    let folder = tempfile::tempdir().unwrap();
    let address = format!("http://127.0.0.1:{}", proxy.port);
    let env = [
        ("Email__Provider", "acs"),
        ("Email__AcsConnectionString", "endpoint=https://office.communication.azure.com/;accesskey=a2V5"),
        ("Email__From", "biuro@office.example.pl"),
        ("HTTPS_PROXY", address.as_str()),
    ];
    let mut host = Host::start(folder.path(), &env, &[]);
    book(&host).await;
    host.wait_for("no answer of the provider", |e| e["line"]["provider"] == AcsMailer::PROVIDER);
    assert_eq!(proxy.targets(), ["office.communication.azure.com:443"]);
}

/// One client, and the figures of a month.
async fn book(host: &Host) {
    let client = json!({"name": "Anna", "address": "ul. Prosta 1", "nipNb": nip(1).as_str(), "email": ANNA});
    assert_eq!(http_client::post_json(host.port, "/api/clients", &client).await.status, 201);
    let figures = json!({"year": 2026, "month": 3, "incomeTax": 1, "vat": 2, "insuranceAmount": 3});
    assert_eq!(http_client::post_json(host.port, "/api/clients/1/finance", &figures).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_over_http_reaches_the_service_of_the_settings() {
    let Some(mut server) = AcsServer::start(true, json!({}), json!({})).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let connection = server.connection_string();
    let env = [
        ("Email__Provider", "acs"),
        ("Email__AcsConnectionString", connection.as_str()),
        ("Email__From", "Biuro <biuro@office.example.pl>"),
    ];
    let host = Host::start(folder.path(), &env, &[]);
    book(&host).await;
    let request = server.next().await;
    assert_eq!((&request["refused"], &request["taken"]), (&Value::Null, &json!(true)));
    assert_eq!(request["mail"]["recipients"]["to"], json!([{ "address": ANNA }]));
    assert!(host.mails().is_empty(), "and not in the folder");
}
