//! `local --auth` with the real handler: a key opens its function, and nothing of an unknown caller reaches it.

use crate::support::{
    edge::problem,
    host::Host,
    http_client::{Answer, send},
};
use client_organizer::local::KEYS_FILE;
use hyper::Method;
use serde_json::Value;
use std::fs;

const SIGNED: &str = r#"{"reason":"canary","by":"anna"}"#;
const PAUSE: &str = "/api/ops/destinations/queue:client-emails/pause";

fn refused(answer: &Answer, what: &str) {
    assert_eq!((answer.status.as_u16(), answer.body.len()), (401, 0), "{what}: as the Azure host answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_own_key_or_the_hosts_opens_a_function() {
    let data = tempfile::tempdir().unwrap();
    let mut host = Host::start(data.path(), &[("Log__Level", "debug")], &["--auth"]);
    let keys: Value = serde_json::from_str(&fs::read_to_string(data.path().join(KEYS_FILE)).unwrap()).unwrap();
    let key = |name: &str| keys["functions"][name].as_str().unwrap().to_owned();
    let (finance, ops, all) = (key("Finance"), key("Operations"), keys["host"].as_str().unwrap().to_owned());
    assert_eq!(keys["functions"].as_object().unwrap().len(), 2, "one for each function that is not anonymous");
    let printed: Vec<String> =
        host.seen.iter().filter(|e| e["event"] == "note").map(|e| e["text"].to_string()).collect();
    for key in [&finance, &ops, &all] {
        assert_eq!(printed.iter().filter(|line| line.contains(key.as_str())).count(), 1, "{printed:?}");
    }
    let port = host.port;

    let json = ("content-type", "application/json");
    for (method, path) in [
        (Method::GET, "/api/clients"),
        (Method::GET, "/API/Clients/1"),
        (Method::POST, "/api/clients"),
        (Method::GET, "/api/ops/overview"),
        (Method::GET, "/api/OPS/messages"),
        (Method::GET, "/api/ops/messages/1?reveal=true&by=anna&reason=canary"),
        (Method::GET, "/api/ops/groups"),
        (Method::GET, "/api/ops/mails"),
        (Method::GET, "/api/ops/audit"),
        (Method::GET, "/api/ops"),
        (Method::POST, "/api/ops/remedies"),
        (Method::POST, "/api/ops/mails/find"),
        (Method::POST, "/api/ops/mail/pause"),
        (Method::POST, PAUSE),
    ] {
        let is_of_ops = path.to_lowercase().contains("/ops");
        let (own, other) = if is_of_ops { (&ops, &finance) } else { (&finance, &ops) };
        for (what, given) in [("none", None), ("empty", Some("")), ("wrong", Some("canary")), ("other", Some(other))] {
            let headers: Vec<_> = [json].into_iter().chain(given.map(|key| ("x-functions-key", key))).collect();
            refused(&send(port, method.clone(), path, &headers, "{}").await, &format!("{method} {path}, key {what}"));
        }
        let sign = if path.contains('?') { '&' } else { '?' };
        refused(&send(port, method.clone(), &format!("{path}{sign}code={other}"), &[json], "{}").await, path);
        for given in [own, &all] {
            let headers = [json, ("x-functions-key", given)];
            let by_header = send(port, method.clone(), path, &headers, "{}").await.status;
            let by_query = send(port, method.clone(), &format!("{path}{sign}Code={given}"), &[json], "{}").await.status;
            assert!(by_header != 401 && by_query == by_header, "{method} {path}: {by_header} {by_query}");
        }
    }
    for open in ["/api/health", "/api/openapi.json", "/api/console"] {
        assert_eq!(send(port, Method::GET, open, &[], "").await.status, 200, "{open}");
    }
    for away in
        ["/api/ops/..%5C..%5CSendEmail", "/api/ops/..%2F..%2FSendEmail", "/api/ops/x%5C..%5C..%5CDispatchOutbox"]
    {
        for given in ["", &*ops, &*finance, &*all] {
            let answer = send(port, Method::POST, away, &[json, ("x-functions-key", given)], "{}").await;
            assert_eq!((answer.status.as_u16(), answer.body.len()), (404, 0), "{away}: no route takes it");
        }
    }

    let with = |name, value| vec![json, ("x-functions-key", &*ops), (name, value)];
    for origin in ["https://evil.example", "http://localhost:1", "null"] {
        problem(&send(port, Method::POST, PAUSE, &with("origin", origin), SIGNED).await, 403, "foreign-origin");
        problem(&send(port, Method::GET, "/api/ops/audit", &with("origin", origin), "").await, 403, "foreign-origin");
    }
    let form = [("content-type", "application/x-www-form-urlencoded"), ("x-functions-key", &*ops)];
    problem(&send(port, Method::POST, PAUSE, &form, "reason=canary&by=anna").await, 415, "not-json");

    let own = format!("http://127.0.0.1:{port}");
    let paused = send(port, Method::POST, PAUSE, &with("origin", &own), SIGNED).await;
    assert_eq!((paused.status.as_u16(), paused.json()["changed"].clone()), (200, 1.into()), "{:?}", paused.body);
    let keyed = with("idempotency-key", "k-1");
    let resume = PAUSE.replace("pause", "resume");
    let first = send(port, Method::POST, &resume, &keyed, SIGNED).await;
    assert_eq!((first.status.as_u16(), first.header("idempotency-replayed")), (200, None), "{:?}", first.body);
    let again = send(port, Method::POST, &resume, &keyed, SIGNED).await;
    assert_eq!((again.status.as_u16(), again.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!(again.body, first.body);
    problem(&send(port, Method::POST, PAUSE, &keyed, SIGNED).await, 422, "key-reused");

    assert_eq!(send(port, Method::GET, "/api/ops/nowhere", &with("x-last", "1"), "").await.status, 404);
    host.wait_for("the last answer", |e| e["line"]["path"] == "/api/ops/nowhere");
    let logged: Vec<String> = host.seen.iter().filter(|e| e["event"] != "note").map(Value::to_string).collect();
    let secrets = [&*finance, &*ops, &*all, "canary", "anna"];
    let shown: Vec<&String> = logged.iter().filter(|line| secrets.iter().any(|one| line.contains(one))).collect();
    assert!(shown.is_empty(), "{shown:#?}");
    assert!(!logged.iter().any(|line| line.contains("\"SendEmail\"") && line.contains("\"invocation\":")));
}
