//! `kill -9` at named points, with duplicate detection off: every committed booking's mail comes.
//!
//! The handler stops at a failpoint and reports it; the test kills it there. Leases are short, so that they expire
//! soon; the tests wait only for events.

use crate::support::{
    backend::memory,
    host::{Host, QUICK, alive, executable},
    http_client,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path, process::Command};

async fn client(port: u16, n: u32) -> i64 {
    let draft = json!({"name": format!("Klient {n}"), "address": "ul. Prosta 1", "email": "klient@example.pl",
        "nipNb": crate::support::world::nip(n).as_str()});
    let answer = http_client::post_json(port, "/api/clients", &draft).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    answer.json()["id"].as_i64().unwrap()
}

fn figures(month: u8) -> Value {
    json!({"year": 2026, "month": month, "incomeTax": 100.00, "vat": 23.5, "insuranceAmount": 0})
}

/// Books a month; the answer may never come, since the handler is killed.
fn book_in_background(port: u16, client: i64, month: u8) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let path = format!("/api/clients/{client}/finance");
        http_client::post_json(port, &path, &figures(month)).await;
    })
}

/// A booking whose handler was killed at a point, and its mail.
struct Aftermath {
    host: Host,
    message_id: String,
    /// The kill left a lease behind; this is the folder of the data.
    _folder: tempfile::TempDir,
}

/// Kills the handler at `point` and goes on until the booking's message is sent and mailed and nothing is unfinished;
/// at least `copies` of it were on the queue by then.
async fn killed_at(point: &str, copies: u32, arguments: &[&str], more: &[(&str, &str)]) -> Aftermath {
    let folder = tempfile::tempdir_in(memory()).unwrap();
    let failpoint = format!("{point}={}", folder.path().join("point-reached").display());
    let env = [&QUICK[..], more, &[("FAILPOINT", failpoint.as_str())]].concat();
    let mut host = Host::start(folder.path(), &env, arguments);
    let client = client(host.port, 1).await;
    let booking = book_in_background(host.port, client, 1);
    host.wait_for_failpoint(point);
    host.kill_handler();
    host.wait_for("the exit", |e| e["event"] == "handler-exited");
    host.wait_for_new_handler();
    booking.await.unwrap();
    let kept = http_client::get(host.port, &format!("/api/clients/{client}/finance")).await;
    assert_eq!(kept.json()["items"].as_array().unwrap().len(), 1, "the booking was committed");
    let message_id = finished(&mut host, copies);
    Aftermath { host, message_id, _folder: folder }
}

/// Waits, sweep by sweep, until no row is unfinished and every copy in the queue was settled; returns the message.
/// The database may be ahead of the events that were read: only events show how many copies there were.
fn finished(host: &mut Host, copies: u32) -> String {
    let mut queued = 0;
    let mut settled = 0;
    for event in &host.seen {
        count(event, &mut queued, &mut settled);
    }
    let store = host.data.join("app.db");
    loop {
        let event = host.wait_for("the end of it all", |_| true);
        count(&event, &mut queued, &mut settled);
        let unfinished = "SELECT (SELECT count(*) FROM OutboxMessages WHERE State < 2)
            + (SELECT count(*) FROM InboxMessages WHERE State NOT IN (2, 5) AND DueAt IS NOT NULL)
            + (SELECT count(*) = 0 FROM InboxMessages)";
        let sweep = event["event"] == "invocation";
        if sweep && queued >= copies && queued == settled && value(&store, unfinished) == "0" {
            return value(&store, "SELECT Id FROM OutboxMessages");
        }
    }
}

fn count(event: &Value, queued: &mut u32, settled: &mut u32) {
    match event["event"].as_str() {
        Some("queued") => *queued += 1,
        Some("completed" | "dead-lettered") => *settled += 1,
        _ => {}
    }
}

fn value(store: &Path, sql: &str) -> String {
    let connection = rusqlite::Connection::open(store).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    connection.query_row(&format!("SELECT CAST(({sql}) AS TEXT)"), [], |row| row.get(0)).unwrap()
}

const HELD: &[&str] = &["--hold-deliveries-until-exit"];

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_commit_the_mail_comes_as_one_file() {
    let after = killed_at("after-commit", 1, HELD, &[]).await;
    assert_eq!(after.host.mails(), BTreeMap::from([(after.message_id, 1)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_claim_the_mail_comes_as_one_file() {
    let after = killed_at("after-claim", 1, HELD, &[]).await;
    assert_eq!(after.host.mails(), BTreeMap::from([(after.message_id, 1)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_publish_it_is_published_again_and_mailed_as_one_file() {
    // Two copies: the first was published and not settled.
    let after = killed_at("after-publish", 2, HELD, &[]).await;
    assert_eq!(after.host.mails(), BTreeMap::from([(after.message_id, 1)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_mail_it_is_in_doubt_reported_and_sent_once_more() {
    let mut after = killed_at("after-mail", 1, &[], &[]).await;
    let store = after.host.data.join("app.db");
    let doubts: usize = value(&store, "SELECT Doubts FROM InboxMessages").parse().unwrap();
    assert!(doubts > 0, "the kill left none");
    // One, unless the machine was so slow that a lease ran out without a crash.
    assert_eq!(after.host.mails(), BTreeMap::from([(after.message_id.clone(), 1 + doubts)]));
    let reported = |e: &Value| {
        let line = e["line"].to_string();
        e["event"] == "log" && line.contains("in doubt") && line.contains(&after.message_id)
    };
    // The database, which shows that all is done, may be ahead of the log that was read.
    if !after.host.seen.iter().any(reported) {
        after.host.wait_for("a log line that reports it", reported);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_mail_it_waits_for_a_person_where_doubts_are_held() {
    let after = killed_at("after-mail", 1, &[], &[("Email__OnDoubt", "hold")]).await;
    assert_eq!(after.host.mails(), BTreeMap::from([(after.message_id.clone(), 1)]));
    let store = after.host.data.join("app.db").display().to_string();
    let ops = |words: &[&str]| {
        let mut command = Command::new(executable());
        let output = command.arg("ops").args(words).env("Store__Path", &store).env("USER", "anna").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let list = ops(&["mail", "list"]);
    assert!(list.contains(&after.message_id) && list.contains("held"), "{list}");
    ops(&["mail", "assume-sent", &after.message_id, "--reason", "the client has it"]);
    assert!(ops(&["mail", "list", "--state", "sent"]).contains(&after.message_id));
}

/// The host dies with everything in flight; a new one on the same data finishes it all.
#[tokio::test(flavor = "multi_thread")]
async fn the_whole_host_killed_and_started_again_mails_every_booking_as_one_file() {
    let folder = tempfile::tempdir_in(memory()).unwrap();
    let mut first = Host::start(folder.path(), &QUICK, HELD);
    let client = client(first.port, 1).await;
    for month in 1..=12 {
        let path = format!("/api/clients/{client}/finance");
        let answer = http_client::post_json(first.port, &path, &figures(month)).await;
        assert_eq!(answer.status, 201);
    }
    first.wait_for("a message on the queue", |e| e["event"] == "queued");
    let orphan = first.handler_pid;
    first.kill();
    let mut second = Host::start(folder.path(), &QUICK, &[]);
    let store = folder.path().join("app.db");
    let done = "SELECT count(*) FROM InboxMessages WHERE State = 2";
    while value(&store, done) != "12" {
        second.wait_for("the rest of the mails", |e| e["event"] == "completed" || e["event"] == "invocation");
    }
    assert!(!alive(orphan), "no child survives its host");
    let mails = second.mails();
    assert_eq!(mails.len(), 12);
    assert!(mails.values().all(|files| *files == 1), "{mails:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_stopped_and_then_killed_under_load_keeps_every_booking_that_it_acknowledged() {
    let folder = tempfile::tempdir_in(memory()).unwrap();
    let host = Host::start(folder.path(), &QUICK, &[]);
    let client = client(host.port, 1).await;
    let (acknowledge, mut acknowledged) = tokio::sync::mpsc::unbounded_channel();
    let caller = |year: u16| {
        let (port, acknowledge) = (host.port, acknowledge.clone());
        tokio::spawn(async move {
            for month in 1..=12 {
                let mut body = figures(month);
                body["year"] = json!(year);
                let answer = http_client::post_json(port, &format!("/api/clients/{client}/finance"), &body).await;
                // Requests after the end may be refused.
                let Some(id) = answer.header("outbox-message-id") else { return };
                acknowledge.send(id.to_owned()).unwrap();
            }
        })
    };
    let callers: Vec<_> = (2000..2008).map(caller).collect();
    let mut ids = Vec::new();
    while ids.len() < 20 {
        ids.push(acknowledged.recv().await.unwrap());
    }
    for signal in ["-TERM", "-KILL"] {
        // It may be gone already after the first signal.
        drop(Command::new("kill").args([signal, &host.handler_pid.to_string()]).output());
    }
    callers.iter().for_each(tokio::task::JoinHandle::abort);
    while let Ok(id) = acknowledged.try_recv() {
        ids.push(id);
    }
    host.kill();
    let store = folder.path().join("app.db");
    for id in &ids {
        assert_eq!(value(&store, &format!("SELECT count(*) FROM OutboxMessages WHERE Id = '{id}'")), "1", "{id}");
    }
    let records: usize = value(&store, "SELECT count(*) FROM FinancialRecords").parse().unwrap();
    assert!(records >= ids.len(), "{records} of {}", ids.len());
    assert_eq!(value(&store, "SELECT count(*) FROM OutboxMessages"), records.to_string(), "neither without the other");
}
