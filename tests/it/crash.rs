//! `kill -9` at named points, with duplicate detection off: every committed booking's mail comes.
//!
//! The handler stops at a failpoint and says so; the test kills it there. Leases are short, so that their end comes
//! soon; nothing is waited for but events.

use crate::support::{
    host::{self, Host},
    http_client,
};
use serde_json::{Value, json};

/// Short leases and frequent timers: what a crash leaves behind comes back within seconds.
const QUICK: [(&str, &str); 8] = [
    ("OutboxSchedule", "* * * * * *"),
    ("RetryEmailSchedule", "* * * * * *"),
    ("Outbox__LeaseMs", "2000"),
    ("Outbox__HeadroomMs", "500"),
    ("Bus__TimeoutMs", "1000"),
    ("Email__LeaseMs", "2000"),
    ("Email__RetryBaseMs", "100"),
    ("Log__Level", "info"),
];

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
fn book_in_background(port: u16, client: i64, month: u8) -> tokio::task::JoinHandle<Option<String>> {
    tokio::spawn(async move {
        let path = format!("/api/clients/{client}/finance");
        let answer = http_client::post_json(port, &path, &figures(month)).await;
        answer.header("outbox-message-id").map(str::to_owned)
    })
}

/// Kills the handler at `point`, then expects the booking's mail; answers how many files there are of it.
async fn killed_at(point: &str, more: &[(&str, &str)]) -> (usize, Host) {
    let folder = tempfile::tempdir().unwrap().keep();
    let marker = folder.join("point-reached");
    let failpoint = format!("{point}={}", marker.display());
    let mut env = QUICK.to_vec();
    env.extend_from_slice(more);
    env.push(("FAILPOINT", &failpoint));
    let mut host = Host::start(&folder, &env, &["--hold-deliveries-until-exit"]);
    let client = client(host.port, 1).await;
    let booking = book_in_background(host.port, client, 1);
    host.wait_for_failpoint(point);
    host.kill_handler();
    host.wait_for("the exit", |e| e["event"] == "handler-exited");
    host.wait_for_new_handler();
    booking.await.unwrap();
    let ids = http_client::get(host.port, &format!("/api/clients/{client}/finance")).await;
    assert_eq!(ids.json()["items"].as_array().unwrap().len(), 1, "the booking was committed");
    let delivered = host.wait_for("the mail's delivery", |e| e["event"] == "completed");
    let id = delivered["messageId"].as_str().unwrap().to_owned();
    let mut host = settled(host, &id).await;
    let files = host.mails().get(&id).copied().unwrap_or(0);
    assert_eq!(host.mails().len(), 1, "one message, whatever it took");
    host.seen.push(json!({"id": id}));
    (files, host)
}

/// Waits until another booking, made after, is mailed too: by then the first has had its chance to go twice.
async fn settled(mut host: Host, first: &str) -> Host {
    // Two sweeps of both timers after the last lease ended.
    for function in ["DispatchOutbox", "RetryEmail", "DispatchOutbox", "RetryEmail", "RetryEmail", "RetryEmail"] {
        host.wait_for(function, |e| e["event"] == "invocation" && e["function"] == function);
    }
    assert!(!first.is_empty());
    host
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_commit_the_mail_comes_as_one_file() {
    assert_eq!(killed_at("after-commit", &[]).await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_claim_the_mail_comes_as_one_file() {
    assert_eq!(killed_at("after-claim", &[]).await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_publish_the_mail_comes_as_one_file() {
    assert_eq!(killed_at("after-publish", &[]).await.0, 1);
}
