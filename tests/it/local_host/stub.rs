//! A handler that prints what it received and does what a message orders.

use base64::Engine;
use bytes::Bytes;
use client_organizer::local;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{convert::Infallible, path::Path, time::Duration};
use tokio::net::{TcpListener, TcpStream};

/// Starts one ignored test of this binary as a program of its own.
pub fn arguments(name: &str) -> Vec<String> {
    let test = format!("local_host::{name}");
    ["--ignored", "--exact", "--nocapture", &test].map(str::to_owned).into()
}

#[expect(clippy::disallowed_methods, reason = "this is another process's only way to be configured")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

pub async fn serve(port: u16) {
    if let Some(code) = variable("STUB_EXIT") {
        std::process::exit(code.parse().unwrap());
    }
    local::end_with_host(Path::new(&variable(local::LOCK_VARIABLE).unwrap())).unwrap();
    let _leash = match variable("STUB_LEASH") {
        Some(port) => Some(TcpStream::connect(("127.0.0.1", port.parse().unwrap())).await.unwrap()),
        None => None,
    };
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    // Longer lines are cut by the host.
    let text = String::from_utf8_lossy(&body[..body.len().min(10_000)]).into_owned();
    let response = Response::builder();
    let path = parts.uri.path();
    // The host requests it until it answers, and tests request what they need.
    if path == "/" {
        return Ok(response.status(404).body(Full::default()).unwrap());
    }
    if path == "/api/clients/env" {
        return Ok(response.body(Full::from(environment().to_string())).unwrap());
    }
    if path == "/api/clients/die" {
        std::process::exit(7);
    }
    let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes())))
    };
    let headers: serde_json::Map<_, _> = parts.headers.iter().map(header).collect();
    let got = json!({"method": parts.method.as_str(), "uri": parts.uri.to_string(), "headers": headers, "body": text});
    println!("{}", json!({ "got": got }));
    if path.starts_with("/api/") {
        return Ok(response.status(201).header("x-stub", "yes").body(Full::from("made")).unwrap());
    }
    let response = response.header("content-type", "application/json");
    let (command, first) = command(&serde_json::from_slice(&body).unwrap());
    if command == "slow" {
        // Long enough for the host's stop to come in the middle; no test waits until it has passed.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    Ok(match command.as_str() {
        "fail" => response.status(500).body(Full::from("{}")).unwrap(),
        "empty-once" if first => response.body(Full::default()).unwrap(),
        "die-once" if first => std::process::exit(7),
        "never-once" if first => std::future::pending().await,
        _ => response.body(Full::from(r#"{"Outputs":{},"Logs":[],"ReturnValue":null}"#)).unwrap(),
    })
}

/// The message's text, and whether this is its first delivery.
fn command(envelope: &Value) -> (String, bool) {
    let body = envelope["Data"]["message"].as_str().unwrap_or_default();
    let body = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
    (String::from_utf8(body).unwrap(), envelope["Metadata"]["DeliveryCount"] == "1")
}

#[expect(clippy::disallowed_methods, reason = "the test asks for exactly this")]
fn environment() -> Value {
    Value::Object(std::env::vars().map(|(name, value)| (name, json!(value))).collect())
}
