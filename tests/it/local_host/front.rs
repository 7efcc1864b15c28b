//! The front compared with the real host: paths, requests and answers of tests/cases/host.json.

use super::*;
use crate::support::http_client::Answer;
use client_organizer::functions;

fn cases() -> Value {
    serde_json::from_str(include_str!("../../cases/host.json")).unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value}"))
}

const OPEN: &str = "clients/{*rest}";

#[tokio::test]
async fn a_path_reaches_the_handler_as_it_does_under_the_real_host() {
    for (column, route, proxying) in
        [("forwarded_open", OPEN, false), ("forwarded_constrained", CLIENTS, false), ("proxied_open", OPEN, true)]
    {
        let folder = tempfile::tempdir().unwrap();
        let mut host = Host::start(folder.path(), Setup { route, proxying, ..Setup::default() }).await;
        for case in cases()["paths"]["list"].as_array().unwrap() {
            let (sent, expected) = (text(case, "sent"), text(case, column));
            let request = format!(
                "POST {sent} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}",
                host.port
            );
            let (status, answer) = raw(host.port, &request).await;
            if expected == "host 404" {
                assert_eq!(status, 404, "{column} {sent}: {answer}");
                assert!(!answer.contains("x-stub"), "{column} {sent} reached the handler");
                continue;
            }
            let got = host.got().await;
            let uri = text(&got, "uri");
            if expected == "a path that is not ours: 404" {
                assert!(uri.starts_with("/api/clients/") && uri.contains('%'), "{column} {sent}: {uri}");
            } else {
                assert_eq!(uri, expected, "{column} {sent}");
            }
        }
    }
}

type Header = (&'static str, &'static [u8]);

/// What a case of `requests` sends: headers, body, and whether it is chunked.
fn request_of(what: &str) -> (Vec<Header>, Vec<u8>, bool) {
    let json: Header = ("content-type", b"application/json");
    let body = b"{\"a\":1}".to_vec();
    match what {
        "chunked JSON body (.NET PostAsJsonAsync)" => (vec![json], body, true),
        "Content-Type: json" => (vec![("content-type", b"json")], body, false),
        "a header with a byte that is not ASCII" => (vec![json, ("x-mine", "ż".as_bytes())], body, false),
        "Content-Encoding: gzip" => (vec![json, ("content-encoding", b"gzip")], body, false),
        "99 MB with Content-Length" => (vec![json], vec![b' '; 99_000_000], false),
        "X-Azure-Functions-InvocationId: mine" => {
            (vec![json, ("x-azure-functions-invocationid", b"mine")], body, false)
        }
        other => panic!("a case that nobody wrote a request for: {other}"),
    }
}

async fn answer_to(port: u16, headers: &[(&str, &[u8])], body: &[u8], chunked: bool) -> (u16, String) {
    let mut head =
        format!("POST /api/clients HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n").into_bytes();
    for (name, value) in headers {
        head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    let framed = if chunked {
        head.extend(b"Transfer-Encoding: chunked\r\n\r\n");
        [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n0\r\n\r\n"].concat()
    } else {
        head.extend(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        body.to_vec()
    };
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(&head).await.unwrap();
    stream.write_all(&framed).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

#[tokio::test]
async fn a_request_reaches_the_handler_as_it_does_under_the_real_host() {
    for (column, proxying) in [("forwarded", false), ("proxied", true)] {
        let folder = tempfile::tempdir().unwrap();
        let mut host = Host::start(folder.path(), Setup { proxying, ..Setup::default() }).await;
        for case in cases()["requests"].as_array().unwrap() {
            let what = text(case, "what");
            let (headers, body, chunked) = request_of(what);
            let (status, answer) = answer_to(host.port, &headers, &body, chunked).await;
            let mut expected = text(case, column);
            if expected == "the same" {
                expected = text(case, "forwarded");
            }
            if expected.starts_with("host 500") {
                assert_eq!(status, 500, "{column} {what}: {answer}");
                assert!(!answer.contains("x-stub"), "{column} {what} reached the handler");
                continue;
            }
            assert!(answer.contains("x-stub"), "{column} {what}: {answer}");
            let got = host.got().await;
            let id = text(&got["headers"], "x-azure-functions-invocationid");
            match (expected, what) {
                ("the header is lost, the bytes arrive (400)", _) => {
                    assert!(got["headers"]["content-encoding"].is_null() && got["body"] == "{\"a\":1}", "{got}");
                }
                ("arrives as `mine, <the host's>`", _) => {
                    assert!(id.starts_with("mine, ") && id.len() == 6 + 36, "{id}");
                }
                ("replaced by the host's", _) => assert!(!id.contains("mine") && id.len() == 36, "{id}"),
                (_, "Content-Encoding: gzip") => assert_eq!(got["headers"]["content-encoding"], "gzip"),
                (_, "Content-Type: json") => assert_eq!(got["headers"]["content-type"], "json"),
                (_, "chunked JSON body (.NET PostAsJsonAsync)") => assert_eq!(got["body"], "{\"a\":1}"),
                (_, "99 MB with Content-Length") => assert_eq!(got["headers"]["content-length"], "99000000"),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_proxied_request_has_the_proxys_headers_and_its_own_query() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), Setup { proxying: true, ..Setup::default() }).await;
    let headers = [("idempotency-key", "k"), ("x-ms-invocation-id", "mine"), ("connection", "x-once"), ("x-once", "1")];
    let answer: Answer = send(host.port, Method::POST, "/api/Clients/%37?a=%31&b=2&a=3", &headers, "{}").await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (201, &b"made"[..]));
    let got = host.got().await;
    assert_eq!((text(&got, "uri"), text(&got, "body")), ("/api/Clients/7?a=%31&b=2&a=3", "{}"));
    let header = |name: &str| got["headers"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(header("x-forwarded-host"), format!("127.0.0.1:{}", host.port));
    assert_eq!((header("x-forwarded-proto"), header("x-forwarded-for")), ("http".into(), "127.0.0.1".into()));
    assert_eq!(header("x-ms-invocation-id"), header("x-azure-functions-invocationid"));
    assert_eq!((header("idempotency-key"), header("x-once")), ("k".into(), String::new()));
    assert!(header("host").starts_with("127.0.0.1:") && header("host") != header("x-forwarded-host"));
}

/// Forwarded, it ends one process; proxied, it ends the host: no request may kill the handler.
#[tokio::test]
async fn a_request_without_a_body_that_kills_the_process_is_sent_again() {
    for (proxying, exits) in [(false, 1), (true, 3)] {
        let folder = tempfile::tempdir().unwrap();
        let mut host = Host::start(folder.path(), Setup { proxying, ..Setup::default() }).await;
        assert_eq!(get(host.port, "/api/clients/die").await.status, 500, "proxying: {proxying}");
        for _ in 0..exits {
            assert_eq!(host.exited().await, (Some(7), None));
        }
        if proxying {
            host.is(What::HostStopped { exits: 3 }).await;
        }
    }
}

#[test]
fn the_routes_are_the_ones_that_the_real_host_was_tried_with() {
    let finance = functions::routes().find(|(name, _)| *name == "Finance").unwrap();
    assert_eq!(finance.1, CLIENTS);
}
