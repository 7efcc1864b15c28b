//! Managed identity against a stub of App Service's identity endpoint, in a process of its own: the crate reads the
//! endpoint from the environment.

use crate::support::{
    acs_server::{AcsServer, TOKEN},
    identity_endpoint::{IdentityEndpoint, SECRET, granted, refused},
};
use client_organizer::{
    adapters::{
        clock::SystemClock,
        entra::{COMMUNICATION_SCOPE, Identity, SERVICE_BUS_SCOPE, Tokens},
        mail::{AcsLogin, AcsMailer, AcsOptions, Sender},
    },
    domain::{
        client::Email,
        delivery::{MailOutcome, MailStatus},
    },
    ports::mailer::{Letter, Mailer},
};
use serde_json::{Value, json};
use std::{
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};

const CLIENT_ID: &str = "11111111-2222-3333-4444-555555555555";

/// Runs the test of this name in a process that has the stub's endpoint in its environment.
fn in_child(test: &str, endpoint: &IdentityEndpoint) -> Output {
    in_child_with(test, endpoint, "")
}

/// `reported`: one more value that the child reads from its environment.
fn in_child_with(test: &str, endpoint: &IdentityEndpoint, reported: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("entra::{test}"), "--nocapture"])
        .envs(endpoint.settings())
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env(ENDPOINT, reported)
        .output()
        .unwrap()
}

const ENDPOINT: &str = "ENDPOINT_OF_THE_TEST";

#[expect(clippy::disallowed_methods, reason = "which of the two processes this is")]
fn is_child() -> bool {
    std::env::var("IDENTITY_ENDPOINT").is_ok()
}

fn tokens() -> Tokens {
    Tokens::new(&Identity::ManagedIdentity { client_id: Some(CLIENT_ID.to_owned()) }, SERVICE_BUS_SCOPE).unwrap()
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires_and_outlives_a_failed_renewal() {
    if is_child() {
        let tokens = tokens();
        assert_eq!(tokens.get().await.unwrap().text, "first");
        assert_eq!(tokens.get().await.unwrap().text, "first", "the renewal is refused, the old one still lives");
        assert_eq!(tokens.get().await.unwrap().text, "second");
        assert_eq!(tokens.clone().get().await.unwrap().text, "second", "kept: no request is made");
        return;
    }
    let minutes = |n: u64| Duration::from_secs(n * 60);
    let answers = vec![granted("first", minutes(4)), refused(), granted("second", minutes(60))];
    let endpoint = IdentityEndpoint::start(answers);
    let child = in_child("a_token_is_renewed_before_it_expires_and_outlives_a_failed_renewal", &endpoint);
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let requests = endpoint.heads();
    assert_eq!(requests.len(), 3, "{requests:#?}");
    let first = requests[0].to_lowercase();
    let asked = format!("resource=https%3a%2f%2fservicebus.azure.net&client_id={CLIENT_ID} ");
    assert!(first.contains(&asked) && first.contains(&format!("x-identity-header: {SECRET}")), "{first}");
}

#[tokio::test]
async fn an_identity_without_a_token_is_named_without_a_secret() {
    if is_child() {
        let error = tokens().get().await.unwrap_err().to_string();
        assert!(error.contains(&format!("the managed identity {CLIENT_ID}")), "{error}");
        assert!(error.contains("has not been assigned") && error.contains(SERVICE_BUS_SCOPE), "{error}");
        assert!(!error.contains(SECRET) && !error.contains('\n'), "{error}");
        return;
    }
    let endpoint = IdentityEndpoint::start(vec![refused()]);
    let child = in_child("an_identity_without_a_token_is_named_without_a_secret", &endpoint);
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
}

#[tokio::test]
async fn an_answer_far_larger_than_a_token_is_not_read_to_its_end() {
    if is_child() {
        assert!(tokens().get().await.is_err());
        return;
    }
    let endpoint = IdentityEndpoint::start(vec![granted(&"a".repeat(4 << 20), Duration::from_hours(1))]);
    let output = in_child("an_answer_far_larger_than_a_token_is_not_read_to_its_end", &endpoint);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(endpoint.heads().len(), 1, "it is not requested again");
}

fn mailer(endpoint: &str) -> AcsMailer {
    let who = Identity::ManagedIdentity { client_id: Some(CLIENT_ID.to_owned()) };
    let login = AcsLogin::Entra(Tokens::new(&who, COMMUNICATION_SCOPE).unwrap());
    let options = AcsOptions { endpoint: endpoint.to_owned(), login, timeout: Duration::from_mins(1) };
    AcsMailer::new(options, Sender::parse("biuro@office.example.pl").unwrap(), Arc::new(SystemClock)).unwrap()
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "how the test passes a value to its child process")]
async fn a_mail_goes_to_communication_services_with_the_identitys_token() {
    if is_child() {
        let letter = Letter {
            message_id: "m".to_owned(),
            to: Email::parse("anna@example.pl").unwrap(),
            subject: "s".to_owned(),
            text: "t".to_owned(),
            html: "<p>t</p>".to_owned(),
            date: "2026-11-02T08:00:00Z".parse().unwrap(),
        };
        let mailer = mailer(&std::env::var(ENDPOINT).unwrap());
        let sent = mailer.send(&letter).await;
        let MailOutcome::Provider { reason, .. } = &sent else { panic!("{sent:?}") };
        assert!(reason.contains("401") && reason.contains("identity's role"), "{reason}");
        assert!(!reason.contains("another's"), "{reason}");
        let sent = mailer.send(&letter).await;
        assert!(matches!(sent, MailOutcome::Accepted { .. }), "{sent:?}");
        let found = mailer.status_queries().unwrap().status_of("m").await;
        assert!(matches!(found, MailStatus::Taken { .. }), "{found:?}");
        return;
    }
    let Some(mut server) = AcsServer::start(true, json!({}), json!({})).await else { return };
    // The first token is short-lived and the service refuses it; it accepts the second, which is kept.
    let answers = vec![granted("another's", Duration::from_mins(1)), granted(TOKEN, Duration::from_hours(1))];
    let endpoint = IdentityEndpoint::start(answers);
    let test = "a_mail_goes_to_communication_services_with_the_identitys_token";
    let child = in_child_with(test, &endpoint, &server.endpoint());
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let asked = endpoint.heads()[0].to_lowercase();
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
