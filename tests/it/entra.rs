//! Managed identity against a stub of App Service's identity endpoint, in a process of its own: the crate reads the
//! endpoint from the environment.

use client_organizer::adapters::entra::{Identity, SERVICE_BUS_SCOPE, Tokens};
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::{Command, Output},
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
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("entra::{test}"), "--nocapture"])
        .env("IDENTITY_ENDPOINT", endpoint)
        .env("IDENTITY_HEADER", "the-machines-secret")
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
