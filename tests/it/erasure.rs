//! Erasure: what remains of a deleted client, and what the log names of the others.

use crate::support::{
    acs_server::AcsServer,
    backend::{Backend, SqliteBackend},
    fakes::{FakeBus, FakeMailer},
    host::Host,
    http_client,
    smtp_server::{PASSWORD, SmtpServer, USER},
    world::{World, nip},
};
use client_organizer::{
    adapters::mail::SmtpSecurity,
    domain::{
        booking::Command,
        delivery::{MailOutcome, OnDoubt},
        flow_settings::PruneSettings,
        period::Period,
    },
    flows::prune::{self, PruneContext},
};
use serde_json::json;

const DAY_MS: i64 = 86_400_000;

async fn pruned(world: &World) -> prune::PruneReport {
    let settings =
        PruneSettings { outbox_days: 30, inbox_days: 400, refused_body_days: 30, step_rows_max: 10, run_ms: 60_000 };
    let report = prune::prune(&PruneContext { retention: world.backend.retention(), settings }).await;
    assert_eq!(report.store_error, None);
    report
}

/// Every value of every table that holds any of the words, as another program reads the file.
fn found(backend: &SqliteBackend, words: &[&str]) -> Vec<String> {
    let db = rusqlite::Connection::open(&backend.options.path).unwrap();
    let names = |sql: &str| -> Vec<String> {
        db.prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let mut found = Vec::new();
    for table in names("SELECT name FROM sqlite_master WHERE type = 'table'") {
        for column in names(&format!("SELECT name FROM pragma_table_info('{table}')")) {
            let values = names(&format!("SELECT coalesce(CAST(\"{column}\" AS TEXT), '') FROM \"{table}\""));
            let telling = values.iter().filter(|value| words.iter().any(|word| value.contains(word)));
            found.extend(telling.map(|value| format!("{table}.{column}: {value}")));
        }
    }
    found
}

/// Client 1 as `World` creates it, and one of the amounts in JSON.
const PERSONAL: [&str; 3] = ["klient1@example.pl", "Klient 1", "4711.11"];

#[tokio::test]
async fn nothing_of_a_deleted_client_is_left_once_their_mails_were_sent() {
    let mut first = true;
    let mailer = FakeMailer::new(move |letter| {
        if std::mem::take(&mut first) {
            MailOutcome::RecipientPermanent { reason: "550 klient1@example.pl unknown".to_owned(), alike: None }
        } else {
            MailOutcome::Accepted { reference: format!("250 {}", letter.to.as_str()) }
        }
    });
    let world = World::with(FakeBus::accepting(), mailer, OnDoubt::Hold);
    let (leaving, staying) = (world.client(1).await, world.client(2).await);
    world.book_month(leaving, 1, 471_111).await;
    world.book_month(staying, 1, 100).await;
    world.run_dispatch().await;
    world.deliver_from(0).await;
    // This row waits in the outbox while its client is deleted.
    world.book_month(leaving, 2, 471_111).await;
    for month in [1, 2] {
        world.write(Command::DeleteRecord(leaving, Period::new(2026, month).unwrap())).await;
    }
    world.write(Command::DeleteClient(leaving)).await;

    let first = pruned(&world).await;
    assert_eq!((first.erased_rows, first.erased_mails), (1, 0), "the sent row; the refused mail has its time");
    assert_eq!(world.run_dispatch().await.sent, 1, "the booking is mailed all the same");
    let seen = world.mailer.sent().len();
    world.deliver_from(2).await;
    assert_eq!(world.mailer.sent().len(), seen + 1);
    let second = pruned(&world).await;
    assert_eq!((second.erased_rows, second.erased_mails), (1, 1));
    let left = found(&world.backend, &PERSONAL);
    assert!(
        left.iter().all(|value| value.starts_with("InboxMessages.") || value.starts_with("InboxAttempts.")),
        "of the refused mail: {left:#?}"
    );

    world.advance_ms(31 * DAY_MS);
    pruned(&world).await;
    assert_eq!(found(&world.backend, &PERSONAL), [""; 0], "nothing of theirs");
    assert_eq!(world.count("SELECT count(*) FROM FailureGroups"), 0, "nor what the provider said of them");
    assert_eq!(world.count("SELECT count(*) FROM InboxMessages"), 3, "every repeat is recognised");
    assert_eq!(world.count("SELECT count(*) FROM InboxMessages WHERE RecipientHash IS NOT NULL"), 1, "of who stays");
    world.advance_ms(400 * DAY_MS);
    pruned(&world).await;
    assert_eq!(world.count("SELECT count(*) FROM Erasures"), 0);
}

/// Books a month for each client and waits until each mail has an outcome; returns all logs and reports.
async fn everything_reported(env: &[(&str, &str)], clients: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), &[&[("Log__Level", "trace")], env].concat(), &[]);
    for (n, local) in (1..).zip(clients) {
        let client = json!({"name": "Zofia Kowalczyk-Tajna", "address": "ul. Ukryta 13", "nipNb": nip(n).as_str(),
            "email": format!("{local}@tajna.example.pl")});
        assert_eq!(http_client::post_json(host.port, "/api/clients", &client).await.status, 201);
        let figures = json!({"year": 2026, "month": 3, "incomeTax": 4711.11, "vat": 230, "insuranceAmount": 3});
        let path = format!("/api/clients/{n}/finance");
        assert_eq!(http_client::post_json(host.port, &path, &figures).await.status, 201);
    }
    // Nor does a refusal name anything.
    let wrong = json!({"name": "Zofia Kowalczyk-Tajna", "address": "ul. Ukryta 13", "nipNb": nip(1).as_str(),
        "email": "a b@tajna.example.pl"});
    assert_eq!(http_client::post_json(host.port, "/api/clients", &wrong).await.status, 422);
    for _ in clients {
        host.wait_for("a mail's outcome", |e| e["event"] == "log" && e["line"]["message"] == "taken in");
    }
    host.seen.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn names_nobody(reported: &str, outcomes: &[&str]) {
    for outcome in outcomes {
        assert!(reported.contains(&format!("\"outcome\":\"{outcome}\"")), "no mail was {outcome}: {reported}");
    }
    let lines = reported.lines().filter(|line| {
        let line = line.to_lowercase();
        ["tajna", "zofia", "ukryta", "4711.1", "4711,1", "4 711,1", "4\u{a0}711"].iter().any(|word| line.contains(word))
    });
    assert_eq!(lines.collect::<Vec<_>>(), [""; 0], "the log names a client");
    assert!(reported.contains("\"level\":\"TRACE\""), "the level is not TRACE");
}

#[tokio::test(flavor = "multi_thread")]
async fn even_at_trace_level_the_log_names_no_recipient_and_no_amount() {
    let at = |local: &str| format!("{local}@tajna.example.pl");
    let plan = json!({
        at("never"): ["rcpt 550 5.1.1 <never@tajna.example.pl> Zofia is unknown"],
        at("later"): ["rcpt 450 4.2.0 <later@tajna.example.pl> greylisted"],
        at("doubt"): ["data cut"],
    });
    let Some(server) = SmtpServer::start(SmtpSecurity::Starttls, "here", plan).await else { return };
    let port = server.port.to_string();
    let smtp = [
        ("Email__Provider", "smtp"),
        ("Email__SmtpHost", "127.0.0.1"),
        ("Email__SmtpPort", port.as_str()),
        ("Email__SmtpUser", USER),
        ("Email__SmtpPassword", PASSWORD),
        ("Email__SmtpCaFile", "target/smtp-tests/ca.pem"),
    ];
    let reported = everything_reported(&smtp, &["fine", "never", "later", "doubt"]).await;
    names_nobody(&reported, &["sent", "refused", "parked", "inDoubt"]);
    assert!(!reported.contains(PASSWORD.trim()));
}

#[tokio::test(flavor = "multi_thread")]
async fn at_trace_level_the_log_names_no_recipient_where_the_mail_goes_to_azure() {
    let at = |local: &str| format!("{local}@tajna.example.pl");
    let plan = json!({
        at("never"): ["400 RecipientSuppressed never@tajna.example.pl"],
        at("later"): ["400 BadRequest something about later@tajna.example.pl"],
        at("doubt"): ["cut"],
    });
    let Some(server) = AcsServer::start(true, plan, json!({})).await else { return };
    let connection = server.connection_string();
    let acs = [("Email__Provider", "acs"), ("Email__AcsConnectionString", connection.as_str())];
    let reported = everything_reported(&acs, &["fine", "never", "later", "doubt"]).await;
    names_nobody(&reported, &["sent", "refused", "parked", "inDoubt"]);
    assert!(!reported.contains(crate::support::acs_server::KEY));
}
