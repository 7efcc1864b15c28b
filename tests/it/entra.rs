//! Managed identity against a stub of App Service's identity endpoint, in a process of its own: the crate reads the
//! endpoint from the environment.

use crate::support::acs_server::{AcsServer, TOKEN};
use client_organizer::{
    adapters::{
        clock::SystemClock,
        entra::{COMMUNICATION_SCOPE, Identity, SERVICE_BUS_SCOPE, Tokens},
        mail::{AcsLogin, AcsMailer, AcsOptions, Sender},
    },
    domain::{
        client::Email,
        delivery::{MailOutcome, Whereabouts},
    },
    ports::mailer::{Letter, Mailer},
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::{Command, Output},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const CLIENT_ID: &str = "11111111-2222-3333-4444-555555555555";

/// Answers one request after another, each by what the script says; hands back the request lines and headers.
fn stub(script: Vec<(&'static str, String)>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/msi/token", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for (status, body) in script {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
            requests.push(head.join("\n"));
            let length = body.len();
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").unwrap();
        }
        requests
    });
    (endpoint, served)
}

#[expect(clippy::disallowed_methods, reason = "a token's end is a time of the world's")]
fn granted(text: &str, life: Duration) -> (&'static str, String) {
    let ends = (SystemTime::now() + life).duration_since(UNIX_EPOCH).unwrap().as_secs();
    let body = serde_json::json!({"access_token": text, "expires_on": ends.to_string(), "resource": "r",
        "token_type": "Bearer"});
    ("200 OK", body.to_string())
}

/// Runs the test named so in a process that has the stub's endpoint in its environment.
fn in_child(test: &str, endpoint: &str) -> Output {
    in_child_with(test, endpoint, "")
}

/// `told`: what it needs to know beside that.
fn in_child_with(test: &str, endpoint: &str, told: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("entra::{test}"), "--nocapture"])
        .env("IDENTITY_ENDPOINT", endpoint)
        .env("IDENTITY_HEADER", "the-machines-secret")
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env(TOLD, told)
        .output()
        .unwrap()
}

const TOLD: &str = "TOLD_BY_THE_TEST";

#[expect(clippy::disallowed_methods, reason = "which of the two processes this is")]
fn is_child() -> bool {
    std::env::var("IDENTITY_ENDPOINT").is_ok()
}

fn tokens() -> Tokens {
    Tokens::new(&Identity::ManagedIdentity { client_id: Some(CLIENT_ID.to_owned()) }, SERVICE_BUS_SCOPE).unwrap()
}

#[tokio::test]
async fn a_token_is_renewed_before_its_end_and_outlives_a_failed_renewal() {
    if is_child() {
        let tokens = tokens();
        assert_eq!(tokens.get().await.unwrap().text, "first");
        assert_eq!(tokens.get().await.unwrap().text, "first", "the renewal is refused, the old one still lives");
        assert_eq!(tokens.get().await.unwrap().text, "second");
        assert_eq!(tokens.clone().get().await.unwrap().text, "second", "kept: nobody is asked");
        return;
    }
    let minutes = |n: u64| Duration::from_secs(n * 60);
    let refused = ("400 Bad Request", "{}".to_owned());
    let (endpoint, served) = stub(vec![granted("first", minutes(4)), refused, granted("second", minutes(60))]);
    let child = in_child("a_token_is_renewed_before_its_end_and_outlives_a_failed_renewal", &endpoint);
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let requests = served.join().unwrap();
    let first = requests[0].to_lowercase();
    let asked = format!("resource=https%3a%2f%2fservicebus.azure.net&client_id={CLIENT_ID} ");
    assert!(first.contains(&asked) && first.contains("x-identity-header: the-machines-secret"), "{first}");
}

#[tokio::test]
async fn an_identity_without_a_token_is_named_and_no_secret_is() {
    if is_child() {
        let error = tokens().get().await.unwrap_err().to_string();
        assert!(error.contains(&format!("the managed identity {CLIENT_ID}")), "{error}");
        assert!(error.contains("has not been assigned") && error.contains(SERVICE_BUS_SCOPE), "{error}");
        assert!(!error.contains("the-machines-secret") && !error.contains('\n'), "{error}");
        return;
    }
    let (endpoint, served) = stub(vec![("400 Bad Request", "{}".to_owned())]);
    let child = in_child("an_identity_without_a_token_is_named_and_no_secret_is", &endpoint);
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    served.join().unwrap();
}

fn mailer(endpoint: &str) -> AcsMailer {
    let who = Identity::ManagedIdentity { client_id: Some(CLIENT_ID.to_owned()) };
    let login = AcsLogin::Entra(Tokens::new(&who, COMMUNICATION_SCOPE).unwrap());
    let options = AcsOptions { endpoint: endpoint.to_owned(), login, timeout: Duration::from_mins(1) };
    AcsMailer::new(options, Sender::parse("biuro@office.example.pl").unwrap(), Arc::new(SystemClock)).unwrap()
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "what the other process told this one")]
async fn a_mail_goes_to_communication_services_under_the_identitys_token() {
    if is_child() {
        let letter = Letter {
            message_id: "m".to_owned(),
            to: Email::parse("anna@example.pl").unwrap(),
            subject: "s".to_owned(),
            text: "t".to_owned(),
            html: "<p>t</p>".to_owned(),
            date: "2026-11-02T08:00:00Z".parse().unwrap(),
        };
        let mailer = mailer(&std::env::var(TOLD).unwrap());
        let sent = mailer.send(&letter).await;
        let MailOutcome::Provider { reason, .. } = &sent else { panic!("{sent:?}") };
        assert!(reason.contains("401") && reason.contains("role of the identity"), "{reason}");
        assert!(!reason.contains("another's"), "{reason}");
        let sent = mailer.send(&letter).await;
        assert!(matches!(sent, MailOutcome::Accepted { .. }), "{sent:?}");
        let found = mailer.inquiries().unwrap().what_became_of("m").await;
        assert!(matches!(found, Whereabouts::Taken { .. }), "{found:?}");
        return;
    }
    let Some(mut server) = AcsServer::start(true, json!({}), json!({})).await else { return };
    // The first is short-lived and the service does not know it; the second it knows, and that is kept.
    let (endpoint, asked_for) =
        stub(vec![granted("another's", Duration::from_mins(1)), granted(TOKEN, Duration::from_hours(1))]);
    let test = "a_mail_goes_to_communication_services_under_the_identitys_token";
    let child = in_child_with(test, &endpoint, &server.endpoint());
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let asked = asked_for.join().unwrap()[0].to_lowercase();
    let scope = format!("resource=https%3a%2f%2fcommunication.azure.com&client_id={CLIENT_ID} ");
    assert!(asked.contains(&scope), "{asked}");
    let (stranger, sent, inquiry) = (server.next().await, server.next().await, server.next().await);
    assert_eq!((&stranger["taken"], &stranger["refused"]), (&json!(false), &json!("no signature")));
    assert_eq!((&sent["taken"], &sent["refused"]), (&json!(true), &Value::Null));
    assert_eq!((&inquiry["method"], &inquiry["refused"]), (&json!("GET"), &Value::Null));
    for request in [&sent, &inquiry] {
        assert_eq!(request["headers"]["authorization"], format!("Bearer {TOKEN}"));
        assert_eq!(request["headers"]["x-ms-content-sha256"], Value::Null, "no signature beside it");
    }
}
