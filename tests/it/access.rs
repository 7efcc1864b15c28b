//! Access to the handler as a process: what reaches its own port, and that it shows no secret.

use crate::support::{
    edge::{OF_THE_HOST, draft, figures},
    host::{DEADLINE, Host, alive, executable},
    http_client::{get, post_json, send},
    queue_message::{body, envelope},
};
use client_organizer::functions;
use hyper::Method;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The port that the handler reports in its log.
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
    let message = envelope("forged", &body("forged", "canary@example.pl", chrono::DateTime::UNIX_EPOCH));
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
        // Everything but the secret, which no page can know.
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
    // The host's own invocations go on.
    assert_eq!(post_json(host.port, "/api/clients", &draft(1)).await.status, 201);
    assert_eq!(get(host.port, "/api/clients/1").await.status, 200);
    host.wait_for("the last answer", |e| e["line"]["message"] == "answered" && e["line"]["path"] == "/api/clients/1");
    assert!(host.mails().is_empty());
    let logged: Vec<String> = host.seen.iter().map(Value::to_string).collect();
    assert!(logged.iter().any(|line| line.contains("refused: not the host's own request")));
    assert!(!logged.iter().any(|line| line.contains("canary") || line.contains("evil")), "{logged:#?}");
}

/// A checkout whose host.json enables only one way.
pub fn root(proxying: bool) -> tempfile::TempDir {
    let (from, root) = (Path::new(env!("CARGO_MANIFEST_DIR")), tempfile::tempdir().unwrap());
    let host = fs::read_to_string(from.join("host.json")).unwrap();
    let mut host: Value = serde_json::from_str(&host).unwrap();
    host["customHandler"]["enableProxyingHttpRequest"] = proxying.into();
    fs::write(root.path().join("host.json"), host.to_string()).unwrap();
    for function in functions::names() {
        let folder = root.path().join("functions").join(function);
        fs::create_dir_all(&folder).unwrap();
        let described = from.join("functions").join(function).join("function.json");
        fs::copy(described, folder.join("function.json")).unwrap();
    }
    root
}

/// One protection at a time: the other two are off.
#[tokio::test(flavor = "multi_thread")]
async fn each_protection_alone_keeps_a_client_from_running_another_function() {
    let cases: Value = serde_json::from_str(include_str!("../cases/host.json")).unwrap();
    let message = envelope("forged", &body("forged", "canary@example.pl", chrono::DateTime::UNIX_EPOCH));
    let headers = [
        "Content-Type: application/json".to_owned(),
        "X-Azure-Functions-InvocationId: 6f7e0c1d-7d8a-4f1e-9a3e-0f6f2f7f1a11".to_owned(),
    ];
    for (route, proxying, status) in
        [(None, false, 404), (Some("clients/{*rest}"), true, 404), (Some("clients/{*rest}"), false, 403)]
    {
        let (root, data) = (root(proxying), tempfile::tempdir().unwrap());
        if let Some(route) = route {
            let path = root.path().join("functions/Finance/function.json");
            let mut described: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            described["bindings"][0]["route"] = route.into();
            fs::write(path, described.to_string()).unwrap();
        }
        let mut host = Host::start_in(root.path(), Path::new(executable()), data.path(), &[], &[]);
        let mut statuses = BTreeSet::new();
        for case in cases["paths"]["list"].as_array().unwrap() {
            let sent = case["sent"].as_str().unwrap();
            if sent != "/api/clients" {
                let (status, answer) = ask(host.port, "POST", sent, &headers, &message).await;
                assert!(status == 403 || status == 404, "{route:?} {sent}: {answer}");
                statuses.insert(status);
            }
        }
        assert!(statuses.contains(&status), "{route:?}, proxying {proxying}: {statuses:?}");
        assert_eq!(get(host.port, "/api/clients").await.status, 200, "the API answers as before");
        host.wait_for("the last answer", |e| e["line"]["message"] == "answered" && e["line"]["function"] == "Finance");
        assert!(host.mails().is_empty());
        assert!(!host.seen.iter().any(|e| e["line"]["message"] == "taken in"), "{route:?}");
    }
}

/// The status and the whole response; 0 where none came.
async fn raw(port: u16, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    // A client that is refused in the middle of sending may find the connection closed.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    (answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default(), answer)
}

fn request(method: &str, target: &str, headers: &[String], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: PORT\r\nConnection: close\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    if headers.iter().any(|header| header.starts_with("Transfer-Encoding")) {
        return format!("{text}\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).into_bytes();
    }
    format!("{text}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn ask(port: u16, method: &str, target: &str, headers: &[String], body: &str) -> (u16, String) {
    let text = String::from_utf8(request(method, target, headers, body)).unwrap();
    raw(port, text.replacen("Host: PORT", &format!("Host: 127.0.0.1:{port}"), 1).as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunked_client_books_when_proxied_and_gets_the_hosts_500_when_forwarded() {
    let json = || "Content-Type: application/json".to_owned();
    for (proxying, chunked, typeless, gzip) in [(true, 201, 415, 415), (false, 500, 500, 400)] {
        let (root, data) = (root(proxying), tempfile::tempdir().unwrap());
        let mut host = Host::start_in(root.path(), Path::new(executable()), data.path(), &[], &[]);
        let body = draft(1).to_string();
        let sent = [json(), "Transfer-Encoding: chunked".to_owned()];
        let (status, answer) = ask(host.port, "POST", "/api/clients", &sent, &body).await;
        assert_eq!(status, chunked, "proxying: {proxying}: {answer}");
        let (status, answer) = ask(host.port, "POST", "/api/clients", &["Content-Type: json".to_owned()], &body).await;
        assert_eq!(status, typeless, "proxying: {proxying}: {answer}");
        let sent = [json(), "Content-Encoding: gzip".to_owned()];
        let (status, answer) = ask(host.port, "POST", "/api/clients", &sent, "\u{1f}\u{8b}").await;
        assert_eq!(status, gzip, "proxying: {proxying}: {answer}");
        let id = format!("X-Azure-Functions-InvocationId: {}", "mine".repeat(1_000));
        assert_eq!(ask(host.port, "GET", "/api/clients/%37", &[id], "").await.0, 404);
        let line = host
            .wait_for("the answer", |e| e["line"]["message"] == "answered" && e["line"]["path"] == "/api/clients/7");
        let id = line["line"]["invocation"].as_str().unwrap();
        assert!(id.len() == 36 && !id.contains("mine"), "the host's own: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_kills_the_process_or_writes_an_error() {
    let json = || "Content-Type: application/json".to_owned();
    for proxying in [true, false] {
        let (root, data) = (root(proxying), tempfile::tempdir().unwrap());
        let settings = [("Log__Level", "debug")];
        let mut host = Host::start_in(root.path(), Path::new(executable()), data.path(), &settings, &[]);
        let (port, own) = (host.port, handler_port(&mut host));
        let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(16_000), close.repeat(16_000));
        let number =
            format!(r#"{{"year":1e999999999,"month":-{0},"vat":0.{0},"incomeTax":{0}e-{0}}}"#, "9".repeat(9_000));
        let text = format!(r#"{{"name":"{}","email":"{}"}}"#, "\\ud800".repeat(9_000), "\\u202e".repeat(900));
        let bodies =
            [deep("[", "]"), deep("{\"name\":", "}"), number, text, "[".repeat(60_000), "\u{feff}".repeat(9_000)];
        let odd = |name: &str, value: &str| vec![json(), format!("{name}: {value}")];
        let headers: Vec<Vec<String>> = vec![
            vec![json()],
            vec![json(), "Transfer-Encoding: chunked".to_owned()],
            odd("X-Long", &"x".repeat(60_000)),
            odd("Idempotency-Key", &"k".repeat(60_000)),
            odd("If-Match", &"\"a\",".repeat(15_000)),
            odd("Content-Encoding", "br, gzip, deflate, nonsense"),
            vec!["Content-Type: application/json; charset=utf-16; charset=\"".to_owned()],
            vec!["Content-Type: ;;;;=\"".to_owned(), "Content-Type: json".to_owned()],
            odd("X-Not-Ascii", "ż\u{9b}"),
            odd("traceparent", &"0-".repeat(9_000)),
            (0..92).map(|n| format!("X-{n}: {n}")).collect(),
            (0..96).map(|n| format!("X-{n}: {n}")).collect(),
            (0..250).map(|n| format!("X-{n}: {n}")).collect(),
        ];
        let long = format!("/api/clients/{}", "9".repeat(30_000));
        let keys = format!("/api/clients?{}", "a&".repeat(15_000));
        let targets = ["/api/clients", "/api/clients/1/finance", "/api/clients/1/finance/2026/3", &long, &keys];
        let rounds = headers.iter().enumerate().flat_map(|(n, headers)| targets.map(|target| (n, headers, target)));
        for (at, (n, headers, target)) in rounds.enumerate() {
            let (method, body) = (["POST", "PATCH", "PUT", "DELETE", "GET"][at % 5], &bodies[(at + n) % bodies.len()]);
            // Through the front, and at the handler's own port.
            for port in [port, own] {
                let (status, answer) = ask(port, method, target, headers, body).await;
                let of_the_host = port != own && status == 500 && !answer.contains("problem+json");
                assert!(
                    status < 500 || of_the_host,
                    "{method} {} {headers:?}: {answer}",
                    &target[..20.min(target.len())]
                );
            }
        }
        for port in [port, own] {
            for target in ["/%", "/%00", "/api/clients/%ff%fe", "/api/clients/..%5C..%5CSendEmail", "*", "//", "/\\"] {
                ask(port, "POST", target, &[json()], "{}").await;
            }
            // Clients that disconnect: in the head, in the body, in a chunk, before the answer.
            for cut in [
                "POST /api/clients HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nX-",
                "POST /api/clients HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 170\r\n\r\n{",
                "POST /api/clients HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
                "POST /api/clients HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{",
                "GET /api/clients HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
                "nonsense\r\n\r\n",
            ] {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                stream.write_all(cut.replace("PORT", &port.to_string()).as_bytes()).await.unwrap();
                drop(stream);
            }
        }
        assert_eq!(get(port, "/api/clients/77").await.status, 404);
        host.wait_for("the last answer", |e| {
            e["line"]["message"] == "answered" && e["line"]["path"] == "/api/clients/77"
        });
        assert!(alive(host.handler_pid), "the handler died");
        let bad =
            |e: &&Value| e["event"] == "handler-exited" || e["line"]["level"] == "ERROR" || e["stream"] == "stderr";
        let bad: Vec<String> = host.seen.iter().filter(bad).map(Value::to_string).collect();
        assert!(bad.is_empty(), "proxying: {proxying}: {bad:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_key_is_never_logged_echoed_or_stored() {
    const KEY: &str = "c4n4ryKeyOfAFunction";
    for proxying in [true, false] {
        let (root, data) = (root(proxying), tempfile::tempdir().unwrap());
        let settings = [("Log__Level", "trace")];
        let mut host = Host::start_in(root.path(), Path::new(executable()), data.path(), &settings, &[]);
        let own = handler_port(&mut host);
        let queries =
            [format!("code={KEY}"), format!("Code={KEY}&limit=x&zzz=1"), format!("code={KEY}&code={KEY}&year=1")];
        let record = "/api/clients/1/finance";
        let paths = [
            "/api/clients",
            "/api/clients/1",
            record,
            "/api/clients/1/finance/2026/3",
            "/api/clients/1/finance/2026/13",
            "/api/health",
            "/api/openapi.json",
            "/api/clients/abc",
            "/api/nowhere",
            "/SendEmail",
            "/",
        ];
        let mut seen = BTreeSet::new();
        let headers = |n: usize| {
            let idempotency = format!("Idempotency-Key: {n}");
            vec!["Content-Type: application/json".to_owned(), format!("x-functions-key: {KEY}"), idempotency]
        };
        let mut round = 0;
        for (method, body) in [
            ("POST", draft(1).to_string()),
            ("POST", figures(3)),
            ("POST", "{".to_owned()),
            ("PATCH", r#"{"vat":2}"#.to_owned()),
            ("PUT", "{}".to_owned()),
            ("GET", String::new()),
            ("DELETE", String::new()),
            ("OPTIONS", String::new()),
        ] {
            for path in paths {
                let query = &queries[round % queries.len()];
                round += 1;
                for port in [host.port, own] {
                    let target = format!("{path}?{query}");
                    let (status, answer) = ask(port, method, &target, &headers(round), &body).await;
                    assert!(!answer.contains(KEY), "{method} {target}: {answer}");
                    seen.insert(status);
                }
            }
        }
        for status in [200, 201, 400, 403, 404, 405, 422] {
            assert!(seen.contains(&status), "none was answered {status}: {seen:?}");
        }
        assert_eq!(get(host.port, "/api/clients/77").await.status, 404);
        host.wait_for("the last answer", |e| {
            e["line"]["message"] == "answered" && e["line"]["path"] == "/api/clients/77"
        });
        let logged: Vec<String> = host.seen.iter().map(Value::to_string).filter(|line| line.contains(KEY)).collect();
        assert!(logged.is_empty(), "{logged:#?}");
        for entry in fs::read_dir(data.path()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file())
        {
            let bytes = fs::read(&entry).unwrap();
            assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "{} holds it", entry.display());
        }
    }
}

/// `func start` with the example's settings, as the handler sees it.
#[test]
fn a_development_host_needs_no_migrate() {
    let example =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("local.settings.example.json")).unwrap();
    let example: Value = serde_json::from_str(&example).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let serve = |environment: &str| {
        let port = client_organizer::local::free_port().unwrap();
        let values = example["Values"].as_object().unwrap().iter();
        let mut child = Command::new(executable())
            .arg("serve")
            .current_dir(folder.path())
            .envs(values.map(|(name, value)| (name, value.as_str().unwrap())))
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
            .env("AZURE_FUNCTIONS_ENVIRONMENT", environment)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let is_up = lines.map_while(Result::ok).any(|line| line.contains("\"handler up\""));
        let _ = child.kill();
        (is_up, String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap())
    };
    let (is_up, printed) = serve("Production");
    assert!(!is_up && printed.contains("client-organizer migrate"), "{printed}");
    let (is_up, printed) = serve("Development");
    assert!(is_up, "{printed}");
}

/// The proxy sends a request again where its connection closed without an answer, and the client never learns of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_without_a_body_can_be_repeated_safely() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path(), &[], &[]);
    assert_eq!(post_json(host.port, "/api/clients", &draft(1)).await.status, 201);
    let json = [("content-type", "application/json")];
    for month in [3, 4] {
        let booked = send(host.port, Method::POST, "/api/clients/1/finance", &json, &figures(month)).await;
        assert_eq!(booked.status, 201);
    }
    drop(host);
    for (month, headers, status, replayed) in [
        (3, &[("idempotency-key", "once")][..], 204, Some("true")),
        // Without a key the second request finds what the first one did.
        (4, &[], 404, None),
    ] {
        let failpoint = format!("after-commit={}", data.path().join(format!("reached-{month}")).display());
        let settings = [("FAILPOINT", failpoint.as_str()), ("Routes__FinancialRecordDeleted", "queue:client-emails")];
        let mut host = Host::start(data.path(), &settings, &[]);
        let (port, path) = (host.port, format!("/api/clients/1/finance/2026/{month}"));
        let deleting = tokio::spawn(async move { send(port, Method::DELETE, &path, headers, "").await });
        host.wait_for_failpoint("after-commit");
        host.kill_handler();
        let answer = deleting.await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.header("idempotency-replayed")), (status, replayed));
        let left = get(port, "/api/clients/1/finance").await.json();
        let months: Vec<&Value> = left["items"].as_array().unwrap().iter().map(|item| &item["month"]).collect();
        assert!(!months.contains(&&Value::from(month)), "{left}");
    }
}
