//! The handler's doors as a process: what reaches its own port, and what it says of secrets.

use crate::support::{
    edge::{OF_THE_HOST, draft},
    host::Host,
    http_client::{get, post_json, send},
    queue_message::envelope,
};
use hyper::Method;
use serde_json::Value;

/// Where the handler listens, by its own line.
fn handler_port(host: &mut Host) -> u16 {
    let is_up = |e: &Value| e["line"]["message"] == "handler up";
    let seen = host.seen.iter().find(|e| is_up(e)).cloned();
    let up = seen.unwrap_or_else(|| host.wait_for("handler up", is_up));
    u16::try_from(up["line"]["port"].as_u64().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_a_browser_finds_the_handlers_own_port_closed() {
    let data = tempfile::tempdir().unwrap();
    let mut host = Host::start(data.path(), &[("Log__Level", "debug")], &[]);
    let port = handler_port(&mut host);
    let body = r#"{"id":"forged","to":"canary@example.pl"}"#;
    let message = envelope("forged", body);
    let page = [
        ("content-type", "text/plain"),
        ("origin", "https://canary.example"),
        ("user-agent", "canary/5.0"),
        ("x-functions-key", "canary-key"),
        ("x-azure-functions-invocationid", "canary-id"),
    ];
    for (path, headers) in [
        ("/SendEmail", &page[..]),
        ("/SendEmail?code=canary", &page[..]),
        // All but the secret, which no page can know.
        ("/SendEmail", &OF_THE_HOST[..]),
        ("/DispatchOutbox", &OF_THE_HOST[..]),
        ("/PruneOutbox", &OF_THE_HOST[..]),
    ] {
        assert_eq!(send(port, Method::POST, path, headers, &message).await.status, 403, "{path}");
    }
    for name in ["evil.example", "evil.example:80", &format!("evil.example:{port}")] {
        for path in ["/api/health", "/api/clients", "/"] {
            let answer = send(port, Method::GET, path, &[("host", name)], "").await;
            assert_eq!(answer.status, 421, "{path} by {name}");
            assert!(!String::from_utf8_lossy(&answer.body).contains("evil"), "{:?}", answer.body);
        }
    }
    for name in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("localhost:{}", host.port)] {
        assert_eq!(send(port, Method::GET, "/api/health", &[("host", &name)], "").await.status, 200, "{name}");
    }
    // The real ones go on.
    assert_eq!(post_json(host.port, "/api/clients", &draft(1)).await.status, 201);
    assert_eq!(get(host.port, "/api/clients/1").await.status, 200);
    host.wait_for("the last answer", |e| e["line"]["message"] == "answered" && e["line"]["path"] == "/api/clients/1");
    assert!(host.mails().is_empty());
    let logged: Vec<String> = host.seen.iter().map(Value::to_string).collect();
    assert!(logged.iter().any(|line| line.contains("refused: not the host's own request")));
    assert!(!logged.iter().any(|line| line.contains("canary") || line.contains("evil")), "{logged:#?}");
}
