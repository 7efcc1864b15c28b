//! Managed identity against a stub of App Service's identity endpoint, in a process of its own: the crate reads the
//! endpoint from the environment.

use crate::support::identity_endpoint::{IdentityEndpoint, SECRET, granted, refused};
use client_organizer::adapters::entra::{Identity, SERVICE_BUS_SCOPE, Tokens};
use std::{
    process::{Command, Output},
    time::Duration,
};

const CLIENT_ID: &str = "11111111-2222-3333-4444-555555555555";

/// Runs the test named so in a process that has the stub's endpoint in its environment.
fn in_child(test: &str, endpoint: &IdentityEndpoint) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("entra::{test}"), "--nocapture"])
        .envs(endpoint.settings())
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .output()
        .unwrap()
}

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
    let answers = vec![granted("first", minutes(4)), refused(), granted("second", minutes(60))];
    let endpoint = IdentityEndpoint::start(answers);
    let child = in_child("a_token_is_renewed_before_its_end_and_outlives_a_failed_renewal", &endpoint);
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let requests = endpoint.heads();
    assert_eq!(requests.len(), 3, "{requests:#?}");
    let first = requests[0].to_lowercase();
    let asked = format!("resource=https%3a%2f%2fservicebus.azure.net&client_id={CLIENT_ID} ");
    assert!(first.contains(&asked) && first.contains(&format!("x-identity-header: {SECRET}")), "{first}");
}

#[tokio::test]
async fn an_identity_without_a_token_is_named_and_no_secret_is() {
    if is_child() {
        let error = tokens().get().await.unwrap_err().to_string();
        assert!(error.contains(&format!("the managed identity {CLIENT_ID}")), "{error}");
        assert!(error.contains("has not been assigned") && error.contains(SERVICE_BUS_SCOPE), "{error}");
        assert!(!error.contains(SECRET) && !error.contains('\n'), "{error}");
        return;
    }
    let endpoint = IdentityEndpoint::start(vec![refused()]);
    let child = in_child("an_identity_without_a_token_is_named_and_no_secret_is", &endpoint);
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
}
