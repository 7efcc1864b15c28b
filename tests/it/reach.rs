//! Each function is reached by its own route and key only, whatever a client does to a path, a header or an encoding, with
//! both ways in which the host passes HTTP on.

use crate::{
    access::root,
    support::{
        host::{DEADLINE, Host, executable},
        http_client::send,
        queue_message::{body, envelope},
    },
};
use client_organizer::{functions, local::KEYS_FILE};
use futures::{StreamExt, stream};
use hyper::Method;
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The beginnings that a route takes.
const BEGINNINGS: [&str; 6] =
    ["/api/clients/", "/api/ops/", "/api/ops/messages/", "/api/console/", "/api/health/", "/api/"];

/// Ways that lead, or might lead, up to the root.
const WAYS: [&str; 18] = [
    "",
    "../../",
    "..%2F..%2F",
    "..%5C..%5C",
    "..\\..\\",
    "%2e%2e/%2e%2e/",
    "%2E%2E%5C%2e%2e%5c",
    "%252e%252e%255c%252e%252e%255c",
    "..;/..;/",
    "..%00/..%00/",
    "%c0%ae%c0%ae/%c0%ae%c0%ae/",
    "%u002e%u002e/",
    "..%ef%bc%8f..%ef%bc%8f",
    "%5C%5C",
    "//",
    "x%5C..%5C..%5C..%5C",
    "1/..%5c..%5c..%5c",
    "%3F/../../",
];

/// Ways to write a function's name.
fn spelled(name: &str) -> Vec<String> {
    let first = name.as_bytes()[0];
    vec![
        name.to_owned(),
        name.to_lowercase(),
        format!("%{first:02X}{}", &name[1..]),
        format!("%25{first:02X}{}", &name[1..]),
        format!("{name}/"),
        format!("{name}%20"),
        format!("{name}%00"),
        format!("{name}%3Fx"),
        format!("{name}%23"),
        format!("{name};a=b"),
        format!("{name}?x=1#y"),
        format!("./{name}"),
    ]
}

fn targets(port: u16) -> Vec<String> {
    let mut all = Vec::new();
    for name in functions::names() {
        for beginning in BEGINNINGS {
            all.extend(WAYS.map(|way| format!("{beginning}{way}{name}")));
        }
        all.extend(spelled(name).into_iter().flat_map(|name| [format!("/{name}"), format!("/api/{name}")]));
        // Targets in the form for a proxy.
        all.push(format!("http://127.0.0.1:{port}/{name}"));
        all.push(format!("http://127.0.0.1:{port}/api/clients/..%5C..%5C{name}"));
    }
    all
}

/// What a client may know of the host: its own headers are the only ones that it cannot send through it.
const AS_THE_HOST: &str = "User-Agent: Azure-Functions-Host/4.1037.0.0\r\n\
    X-Azure-Functions-InvocationId: 6f7e0c1d-7d8a-4f1e-9a3e-0f6f2f7f1a11\r\n\
    X-Azure-Functions-HostVersion: 4.1037.0.0\r\n\
    X-Original-URL: /SendEmail\r\n\
    X-Rewrite-URL: /SendEmail\r\n\
    X-HTTP-Method-Override: POST\r\n\
    X-Forwarded-Path: /SendEmail\r\n\
    X-Forwarded-Prefix: /SendEmail\r\n\
    Connection: close, x-functions-key, x-azure-functions-invocationid\r\n\
    Content-Type: application/json\r\n";

async fn status(port: u16, target: &str, key: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{AS_THE_HOST}x-functions-key: {key}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    // A target that is none is refused before the body is read.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_function_is_reached_by_its_own_route_and_key_only() {
    let message = envelope("forged", &body("forged", "canary@example.pl", chrono::DateTime::UNIX_EPOCH));
    for proxying in [true, false] {
        let (root, data) = (root(proxying), tempfile::tempdir().unwrap());
        let never = [
            ("OutboxSchedule", "0 0 0 29 2 *"),
            ("RetryEmailSchedule", "0 0 0 29 2 *"),
            ("PruneSchedule", "0 0 0 29 2 *"),
        ];
        let mut host = Host::start_in(root.path(), Path::new(executable()), data.path(), &never, &["--auth"]);
        let keys: Value = serde_json::from_str(&fs::read_to_string(data.path().join(KEYS_FILE)).unwrap()).unwrap();
        let keys =
            ["", "Finance", "Operations"].map(|name| keys["functions"][name].as_str().unwrap_or("none").to_owned());
        let port = host.port;
        let requests = targets(port).into_iter().enumerate().map(|(at, target)| {
            let (key, message) = (keys[at % keys.len()].clone(), &message);
            async move { (status(port, &target, &key, message).await, target) }
        });
        let answers: Vec<(u16, String)> = stream::iter(requests).buffer_unordered(16).collect().await;
        for (status, target) in &answers {
            assert!(matches!(status, 400 | 401 | 404 | 405 | 403 | 422), "{target}: {status}");
        }
        assert!(answers.iter().filter(|(status, _)| *status == 401).count() > 10, "keys were asked for");
        let last = send(port, Method::GET, "/api/clients/77777", &[("x-functions-key", &keys[1])], "").await;
        assert_eq!(last.status, 404);
        // Its line of the handler, and the host's: in either order.
        for _ in 0..2 {
            host.wait_for("the last", |e| {
                e["path"] == "/api/clients/77777" || e["line"]["path"] == "/api/clients/77777"
            });
        }
        // By the invocation's id: the function that the host let the request to, and the one that the handler ran.
        let let_to: BTreeMap<&str, &str> = (host.seen.iter())
            .filter(|e| e["event"] == "http")
            .map(|e| (e["id"].as_str().unwrap(), e["function"].as_str().unwrap()))
            .collect();
        let mut ran = 0;
        for line in host.seen.iter().map(|e| &e["line"]).filter(|line| line["message"] == "answered") {
            let (function, id) = (line["function"].as_str().unwrap(), line["invocation"].as_str().unwrap());
            if function == "ping" || (id.is_empty() && line["status"] == 403) {
                continue;
            }
            let let_to = let_to.get(id).unwrap_or_else(|| panic!("nobody let this in: {line}"));
            assert!(function == "none" || function == *let_to, "let to {let_to}: {line}");
            ran += 1;
        }
        assert!(ran > 10, "{ran} requests reached the handler");
        assert!(host.mails().is_empty(), "a forged message was mailed");
        assert!(!host.seen.iter().any(|e| e["line"]["message"] == "taken in"));
    }
}
