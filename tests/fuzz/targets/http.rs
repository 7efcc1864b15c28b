//! A request to the API: `POST /api/clients`, header lines, an empty line, the body.
//!
//! It has one valid answer, is known to exactly one function, and a write is done once however often it is sent.

use super::on;
use crate::support::{
    backend::Backend,
    edge::{Edge, figures},
};
use client_organizer::{functions, local::routes::Template};
use serde_json::Value;
use std::{cell::RefCell, fmt::Write};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

struct Stage {
    edge: Edge,
    templates: Vec<(&'static str, Template)>,
    /// Makes each idempotency key a new one.
    sent: u32,
}

thread_local! {
    static KEPT: RefCell<Option<super::Kept<Stage>>> = const { RefCell::new(None) };
}

pub(super) fn run(input: &[u8]) {
    let Some(request) = Request::of(input) else { return };
    on(&KEPT, stage, async |stage| {
        stage.sent += 1;
        check(stage, &request).await;
    });
}

async fn stage() -> Stage {
    let edge = Edge::new().await;
    let id = edge.client(1).await;
    let booked = edge.write("POST", &format!("/api/clients/{id}/finance"), &[], &figures(1)).await;
    assert_eq!(booked.status, 201);
    let templates = functions::routes().map(|(name, route)| (name, Template::parse("api", route).unwrap())).collect();
    Stage { edge, templates, sent: 0 }
}

struct Request<'a> {
    method: String,
    path: String,
    headers: String,
    keyed: bool,
    body: &'a [u8],
}

/// Of the connection, not of the request.
const NOT_OURS: [&str; 8] =
    ["host", "connection", "content-length", "transfer-encoding", "expect", "upgrade", "te", "keep-alive"];

impl<'a> Request<'a> {
    /// None: what would end the line or the head early, which is no request of one piece.
    fn of(input: &'a [u8]) -> Option<Self> {
        let at = input.windows(2).position(|two| two == b"\n\n").unwrap_or(input.len());
        let (head, body) = (&input[..at], input.get(at + 2..).unwrap_or_default());
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let (method, path) = lines.next()?.split_once(' ')?;
        let fine = !method.is_empty() && method.len() < 20 && method.bytes().all(|b| b.is_ascii_alphabetic());
        if !fine || !path.starts_with('/') || !path.bytes().all(|b| b.is_ascii_graphic()) || path.len() > 2_000 {
            return None;
        }
        let (mut headers, mut typed, mut keyed) = (String::new(), false, false);
        for (name, value) in lines.take(20).filter_map(|line| line.split_once(':')) {
            let name = name.to_ascii_lowercase();
            let token = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            if token
                && !NOT_OURS.contains(&name.as_str())
                && !value.contains(|c: char| c.is_control())
                && value.len() < 1_000
            {
                typed |= name == "content-type";
                keyed |= name == "idempotency-key";
                let _ = write!(headers, "{name}: {value}\r\n");
            }
        }
        if !typed {
            headers.push_str("content-type: application/json\r\n");
        }
        Some(Self { method: method.to_owned(), path: path.to_owned(), headers, keyed, body })
    }

    fn bytes(&self, port: u16, more: &str) -> Vec<u8> {
        let Self { method, path, headers, body, .. } = self;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}{more}\r\n"
        );
        [head.as_bytes(), body].concat()
    }
}

#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    kind: Option<String>,
    location: Option<String>,
    body: Vec<u8>,
}

async fn send(port: u16, request: &[u8], is_head: bool) -> Answer {
    let mut link = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut reading, mut writing) = link.split();
    let mut answer = Vec::new();
    // One that is refused by its head alone may be answered before its body was written.
    let (_, read) = tokio::join!(writing.write_all(request), reading.read_to_end(&mut answer));
    read.unwrap();
    let at = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&answer[..at]).unwrap();
    let body = answer[at + 4..].to_vec();
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
    let header = |name: &str| {
        let of = |line: &str| {
            line.split_once(": ")
                .filter(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.to_owned())
        };
        head.lines().skip(1).find_map(of)
    };
    if let Some(length) = header("content-length").filter(|_| !is_head) {
        assert_eq!(length, body.len().to_string(), "one answer, whole");
    }
    Answer { status: status.unwrap(), kind: header("content-type"), location: header("location"), body }
}

async fn check(stage: &Stage, request: &Request<'_>) {
    let Stage { edge, templates, sent } = stage;
    let is_head = request.method == "HEAD";
    let own_key = if request.keyed { String::new() } else { format!("idempotency-key: fuzz-{sent}\r\n") };
    let bytes = request.bytes(edge.port, &own_key);
    let answer = send(edge.port, &bytes, is_head).await;
    let path = request.path.split('?').next().unwrap_or_default();
    let lower = path.to_ascii_lowercase();
    let is_api = lower.starts_with("/api/");
    let operates = lower.starts_with("/api/ops");
    let away = operates && [501, 502, 503].contains(&answer.status);
    assert!((200..500).contains(&answer.status) || away, "{}", String::from_utf8_lossy(&answer.body));
    if answer.kind.as_deref() == Some("application/problem+json") && !is_head {
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(problem["status"], answer.status);
        assert!(
            ["type", "title", "detail"]
                .iter()
                .all(|field| problem[field].as_str().is_some_and(|text| !text.is_empty())),
            "{problem}"
        );
    } else if answer.kind.as_deref().is_some_and(|kind| kind.starts_with("application/json")) && !is_head {
        assert!(serde_json::from_slice::<Value>(&answer.body).is_ok());
    }
    // Escapes and backslashes are the host's matter; it matches what it has decoded.
    if is_api && answer.status != 404 && !path.contains(['%', '\\', '#']) {
        let known: Vec<_> =
            templates.iter().filter(|(_, template)| template.matches(path)).map(|(name, _)| *name).collect();
        // A request that is refused by its head alone shows nothing about its path.
        assert!(
            known.len() == 1 || [400, 413, 414, 431].contains(&answer.status),
            "{path}: {known:?}, {}",
            answer.status
        );
    }
    let writes =
        lower.starts_with("/api/clients") && ["POST", "PUT", "PATCH", "DELETE"].contains(&request.method.as_str());
    if writes && (200..300).contains(&answer.status) {
        let rows = edge.backend.query("SELECT COUNT(*) FROM OutboxMessages");
        let again = send(edge.port, &bytes, is_head).await;
        assert_eq!(
            (answer.status, &answer.body, &answer.location),
            (again.status, &again.body, &again.location),
            "the same answer"
        );
        assert_eq!(edge.backend.query("SELECT COUNT(*) FROM OutboxMessages"), rows, "and no second message");
        if answer.status == 201
            && let Some(location) = answer.location
        {
            let read = edge.get(&location).await;
            assert!(read.status == 200 && read.body == answer.body, "{location}: what was written is read");
        }
    }
}
