//! The headers of a mail, whoever wrote the message: at a real server, as two independent parsers read them.

use crate::support::{
    acs_server::AcsServer,
    backend::Backend,
    fakes::{FakeBus, FakeMailer},
    host::Host,
    http_client,
    smtp_server::SmtpServer,
    world::{World, nip},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use client_organizer::{
    adapters::{
        clock::SystemClock,
        mail::{
            AcsConnectionString, AcsLogin, AcsMailer, AcsOptions, Language, Sender, SmtpMailer, SmtpOptions,
            SmtpSecurity, TemplateLetters, Unsubscribe,
        },
    },
    domain::{
        client::Email,
        delivery::{Delivery, MailOutcome, OnDoubt},
    },
    flows::{mailing::NotifyReport, notify},
    ports::mailer::{Letter, Mailer},
};
use mail_parser::MessageParser;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

const ANNA: &str = "anna@example.pl";
const HEAD: [&str; 9] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    // Of neither mailer: the names that a forged header would have.
    "Bcc",
];

fn sender() -> Sender {
    Sender::parse("Biuro Łąka <biuro@office.example.pl>").unwrap()
}

fn smtp(port: u16, sender: Sender) -> SmtpMailer {
    let options = SmtpOptions {
        host: "127.0.0.1".to_owned(),
        port,
        security: SmtpSecurity::None,
        login: None,
        ca_pem: None,
        timeout: Duration::from_mins(1),
    };
    SmtpMailer::new(options, sender).unwrap()
}

/// The names of the headers as Python's `email` and mail-parser read them, which must agree, and the text.
fn read(mail: &Value) -> (Vec<String>, String) {
    let python = mail["mail"]["headers"].as_array().unwrap();
    let python: Vec<String> = python.iter().map(|pair| pair[0].as_str().unwrap().to_owned()).collect();
    let raw = STANDARD.decode(mail["raw"].as_str().unwrap()).unwrap();
    let parsed = MessageParser::default().parse(&raw).unwrap();
    let rust: Vec<String> = parsed.headers_raw().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(python, rust);
    assert_eq!(mail["mail"]["defects"], json!([]));
    let text = mail["mail"]["parts"][0]["text"].as_str().unwrap().replace("\r\n", "\n");
    assert_eq!(parsed.body_text(0).unwrap().replace("\r\n", "\n").trim_end(), text.trim_end());
    (python, text)
}

fn event(id: &str, name: &str, recipient: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "/elsewhere", "type": "FinancialRecordCreated",
        "time": "2026-11-02T08:00:00Z",
        "data": { "clientId": 1, "clientName": name, "recipient": recipient, "year": 2026, "month": 3, "version": 1,
            "figures": { "incomeTax": 1, "vat": 2, "insuranceAmount": 3 } },
    })
}

#[tokio::test]
async fn no_message_of_another_program_can_write_a_header() {
    let Some(server) = SmtpServer::start(SmtpSecurity::None, "here", json!({})).await else { return };
    let mut world = World::with(FakeBus::accepting(), FakeMailer::accepting(), OnDoubt::Resend);
    world.notify.mailer = Arc::new(smtp(server.port, sender()));
    world.notify.letters = Arc::new(TemplateLetters::new(Language::Pl, &sender()).unwrap());
    let long = "ż".repeat(200);
    let fine = [
        ("plain", "Anna", ANNA),
        ("word", "=?utf-8?q?=0D=0ABcc:_thief@example.pl?= =?utf-8?b?QmNjOiB4?=", ANNA),
        ("colon", "Bcc: thief@example.pl", ANNA),
        ("quotes", "\"Anna\", <thief@example.pl>; (x)", ANNA),
        ("escapes", "a\\r\\nBcc: thief@example.pl%0d%0a&#13;&#10;", ANNA),
        ("long", long.as_str(), ANNA),
        ("right to left", "\u{200f}שלום", ANNA),
        ("boundary", "--=53e5622c-9733-56d1-a92b-0b8d068c884a--", ANNA),
        ("=?utf-8?q?id?=", "Anna", ANNA),
        ("apostrophe", "O'Brien", "o'brien+vat=1@example.pl"),
    ];
    let bad = [
        ("id>\r\nBcc: thief@example.pl", "Anna", ANNA),
        ("line", "a\r\nBcc: thief@example.pl", ANNA),
        ("feed", "a\nBcc: thief@example.pl", ANNA),
        ("nul", "a\0b", ANNA),
        ("separator", "a\u{2028}Bcc: thief@example.pl", ANNA),
        ("direction", "a\u{202e}b", ANNA),
        ("to line", "Anna", "anna@example.pl\r\nBcc: thief@example.pl"),
        ("to two", "Anna", "anna@example.pl,thief@example.pl"),
        ("to name", "Anna", "Anna <anna@example.pl>"),
        ("to brackets", "Anna", "anna@example.pl> <thief@example.pl"),
        ("to quoted", "Anna", "\"anna thief\"@example.pl"),
        ("to nul", "Anna", "anna\0@example.pl"),
        ("to literal", "Anna", "anna@[127.0.0.1]"),
        ("to word", "Anna", "=?utf-8?q?thief?=@example.pl"),
        ("to letters", "Anna", "żółw@example.pl"),
    ];
    for (cases, arrives) in [(&fine[..], true), (&bad[..], false)] {
        for (id, name, to) in cases {
            let body = event(id, name, to).to_string().into_bytes();
            let delivery = Delivery {
                message_id: (*id).to_owned(),
                body,
                delivery_count: 1,
                enqueued_on: None,
                traceparent: None,
            };
            let report = notify::take_in(&world.notify, delivery).await.unwrap();
            let expected = if arrives {
                matches!(report, NotifyReport::Sent)
            } else {
                matches!(report, NotifyReport::Refused { .. })
            };
            assert!(expected, "{id:?}: {report:?}");
        }
    }
    let reported = world.backend.query("SELECT group_concat(LastError) FROM InboxMessages WHERE State = 5").unwrap();
    assert!(!reported.contains("thief") && !reported.contains("Bcc"), "a reason quotes nothing: {reported}");

    let mails = server.end().await;
    assert_eq!(mails.len(), fine.len());
    for (mail, (id, name, to)) in mails.iter().zip(fine) {
        assert_eq!((&mail["from"], &mail["to"]), (&json!("biuro@office.example.pl"), &json!([to])), "{id:?}");
        let (names, text) = read(mail);
        assert_eq!(names, HEAD[..8], "{id:?}");
        assert!(text.contains(&format!("({name}):")), "{id:?}: {text}");
    }
}

#[tokio::test]
async fn every_subject_and_name_is_read_back_as_it_was_written() {
    let Some(mut server) = SmtpServer::start(SmtpSecurity::None, "here", json!({})).await else { return };
    let mailer = smtp(server.port, sender());
    for (subject, read_as) in [
        ("a\r\nBcc: thief@example.pl\r\n\r\nbody", "a  Bcc: thief@example.pl    body"),
        ("=?utf-8?q?=0D=0ABcc:_thief@example.pl?=", "= ?utf-8?q?=0D=0ABcc:_thief@example.pl?="),
        ("ż\0=?utf-8?b?QmNjOiB4?=", "ż = ?utf-8?b?QmNjOiB4?="),
        ("a\u{202e}b\u{2028}c", "a b c"),
    ] {
        let letter = Letter {
            message_id: "m".to_owned(),
            to: Email::parse(ANNA).unwrap(),
            subject: subject.to_owned(),
            text: "(x):".to_owned(),
            html: String::new(),
            date: "2026-11-02T08:00:00Z".parse().unwrap(),
        };
        assert!(matches!(mailer.send(&letter).await, MailOutcome::Accepted { .. }));
        let mail = server.next().await;
        assert_eq!(read(&mail).0, HEAD[..8]);
        let reported = mail["mail"]["headers"].as_array().unwrap().iter().find(|pair| pair[0] == "Subject").unwrap();
        assert_eq!(reported[1], read_as);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_api_nor_a_row_of_another_program_can_write_a_header() {
    let Some(mut server) = SmtpServer::start(SmtpSecurity::None, "here", json!({})).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let port = server.port.to_string();
    let env = [
        ("Email__Provider", "smtp"),
        ("Email__SmtpHost", "127.0.0.1"),
        ("Email__SmtpPort", port.as_str()),
        ("Email__SmtpSecurity", "none"),
        ("Email__From", "Biuro <biuro@office.example.pl>"),
    ];
    let mut host = Host::start(folder.path(), &env, &[]);
    let client = |name: &str, email: &str| json!({"name": name, "address": "ul. Prosta 1", "nipNb": nip(1).as_str(), "email": email});
    for (name, email, field) in [
        ("a\r\nBcc: thief@example.pl", ANNA, "name"),
        ("a\0", ANNA, "name"),
        ("a\u{2066}b", ANNA, "name"),
        ("Anna", "anna@example.pl\r\nBcc: thief@example.pl", "email"),
        ("Anna", "anna@example.pl, thief@example.pl", "email"),
        ("Anna", "zażółć@example.pl", "email"),
        ("Anna", "biuro@żółw.example.pl", "email"),
    ] {
        let answer = http_client::post_json(host.port, "/api/clients", &client(name, email)).await;
        assert_eq!(answer.status, 422, "{name:?} {email:?}");
        assert!(answer.json().to_string().contains(field), "{}", answer.json());
    }
    let odd = "=?utf-8?q?Bcc:_x?= \"Anna\" <thief@example.pl>, Bcc: x";
    let answer =
        http_client::post_json(host.port, "/api/clients", &client(odd, "biuro@xn--kw-fka56b.example.pl")).await;
    assert_eq!(answer.status, 201);
    let figures = json!({"year": 2026, "month": 3, "incomeTax": 1, "vat": 2, "insuranceAmount": 3});
    assert_eq!(http_client::post_json(host.port, "/api/clients/1/finance", &figures).await.status, 201);
    let mail = server.next().await;
    assert_eq!(mail["to"], json!(["biuro@xn--kw-fka56b.example.pl"]));
    let (names, text) = read(&mail);
    assert_eq!(names, HEAD[..8]);
    assert!(text.contains(&format!("({odd}):")), "{text}");

    let forged = event("row", "a\r\nBcc: thief@example.pl", ANNA).to_string();
    let db = rusqlite::Connection::open(host.data.join("app.db")).unwrap();
    let insert = "INSERT INTO OutboxMessages (Id, EventType, ContentType, Payload)
                  VALUES ('row', 'FinancialRecordCreated', 'application/cloudevents+json', ?1)";
    db.execute(insert, [&forged]).unwrap();
    host.wait_for("its refusal", |e| e["line"]["message"] == "taken in" && e["line"]["outcome"] == "refused");
    assert_eq!(server.end().await.len(), 0, "and no other mail");
}

#[tokio::test]
async fn every_provider_sends_the_unsubscribe_header() {
    let id = "01938f5e-7a3b-7c11-9d2e-3f4a5b6c7d8e";
    let letter = Letter {
        message_id: id.to_owned(),
        to: Email::parse(ANNA).unwrap(),
        subject: "Figures".to_owned(),
        text: "text".to_owned(),
        html: "<p>text</p>".to_owned(),
        date: "2026-11-02T08:00:00Z".parse().unwrap(),
    };
    let long = format!("https://office.example.pl/{}?mail={{id}}", "way/".repeat(100));
    for (uri, one_click) in [("mailto:stop@office.example.pl?subject={id}", false), (long.as_str(), true)] {
        let sender = sender().with_unsubscribe(Unsubscribe::parse(uri, one_click).unwrap());
        let expected = format!("<{}>", uri.replace("{id}", id));
        if let Some(mut server) = SmtpServer::start(SmtpSecurity::None, "here", json!({})).await {
            assert!(matches!(smtp(server.port, sender.clone()).send(&letter).await, MailOutcome::Accepted { .. }));
            let mail = server.next().await;
            let (names, _) = read(&mail);
            assert_eq!(names.iter().filter(|name| name.starts_with("List-")).count(), 1 + usize::from(one_click));
            let value = |name: &str| {
                let pairs = mail["mail"]["headers"].as_array().unwrap();
                pairs.iter().find(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap().to_owned())
            };
            assert_eq!(value("List-Unsubscribe"), Some(expected.clone()));
            let post = one_click.then(|| "List-Unsubscribe=One-Click".to_owned());
            assert_eq!(value("List-Unsubscribe-Post"), post);
        }
        let Some(mut server) = AcsServer::start(true, json!({}), json!({})).await else { return };
        let parsed = AcsConnectionString::parse(&server.connection_string()).unwrap();
        let timeout = Duration::from_mins(1);
        let options = AcsOptions { endpoint: parsed.endpoint, login: AcsLogin::Key(parsed.key), timeout };
        let mailer = AcsMailer::new(options, sender, Arc::new(SystemClock)).unwrap();
        assert!(matches!(mailer.send(&letter).await, MailOutcome::Accepted { .. }));
        let headers = server.next().await["mail"]["headers"].clone();
        assert_eq!(headers["List-Unsubscribe"], expected);
        let post = if one_click { json!("List-Unsubscribe=One-Click") } else { Value::Null };
        assert_eq!(headers["List-Unsubscribe-Post"], post);
        assert_eq!(headers["Auto-Submitted"], "auto-generated", "next to the others");
    }
}
