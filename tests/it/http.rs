//! The HTTP API over real HTTP: every status of the contract, and what a hostile caller may send.

use crate::support::{
    backend::Backend,
    edge::{Edge, draft, figures, problem},
    hostile,
    world::EMAILS,
};
use async_trait::async_trait;
use client_organizer::{
    domain::{booking::Entry, client::Client, ids::ClientId, period::Period, record::FinancialRecord},
    flows::health::Part,
    ports::{
        books::{Books, Committed},
        error::{StoreError, StoreResult},
    },
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test]
async fn a_client_is_created_read_replaced_and_deleted() {
    let edge = Edge::new().await;
    let created = edge.write("POST", "/api/clients", &[], &draft(1).to_string()).await;
    assert_eq!(created.status, 201);
    let id = created.json()["id"].as_i64().unwrap();
    let path = format!("/api/clients/{id}");
    assert_eq!(created.header("location"), Some(path.as_str()));
    assert_eq!(created.header("outbox-message-id"), None, "client writes enqueue nothing");
    let mut expected = draft(1);
    expected["id"] = json!(id);
    assert_eq!(created.json(), expected);

    let read = edge.get(&path).await;
    assert_eq!((read.status.as_u16(), read.json()), (200, expected));
    assert_eq!(read.header("etag"), created.header("etag"));
    assert_eq!(read.header("cache-control"), Some("no-store"));

    let mut other = draft(1);
    other["name"] = json!("  Nowa nazwa ");
    let replaced = edge.write("PUT", &path, &[("if-match", read.header("etag").unwrap())], &other.to_string()).await;
    assert_eq!(replaced.status, 200);
    assert_eq!(replaced.json()["name"], "Nowa nazwa", "trimmed");
    assert_ne!(replaced.header("etag"), created.header("etag"));

    let stale = edge.write("PUT", &path, &[("if-match", created.header("etag").unwrap())], &draft(1).to_string()).await;
    problem(&stale, 412, "changed");
    assert_eq!(stale.header("etag"), replaced.header("etag"), "the current one is returned");

    let deleted = edge.send("DELETE", &path, &[], &[]).await;
    assert_eq!((deleted.status.as_u16(), deleted.body.len()), (204, 0));
    for (method, body) in [("GET", None), ("PUT", Some(draft(1).to_string())), ("DELETE", None)] {
        let answer = match body {
            Some(body) => edge.write(method, &path, &[], &body).await,
            None => edge.send(method, &path, &[], &[]).await,
        };
        problem(&answer, 404, "not-found");
    }
    assert_eq!(edge.backend.query("SELECT count(*) FROM OutboxMessages").unwrap(), "0");
}

#[tokio::test]
async fn a_record_is_booked_changed_and_deleted_and_its_messages_are_named() {
    let edge = Edge::new().await;
    let id = edge.client(1).await;
    let list = format!("/api/clients/{id}/finance");
    let path = format!("{list}/2026/3");
    let created = edge.write("POST", &list, &[], &figures(3)).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.header("location"), Some(path.as_str()));
    assert_eq!(
        String::from_utf8_lossy(&created.body),
        format!(
            r#"{{"clientId":{id},"year":2026,"month":3,"incomeTax":1234.50,"vat":100.00,"insuranceAmount":0.00,"version":1}}"#
        ),
        "money has two decimals"
    );
    let message = created.header("outbox-message-id").unwrap().to_owned();
    let row = format!("SELECT EventType || ' ' || Destination FROM OutboxMessages WHERE Id = '{message}'");
    assert_eq!(edge.backend.query(&row).unwrap(), format!("FinancialRecordCreated {EMAILS}"));

    problem(&edge.write("POST", &list, &[], &figures(3)).await, 409, "record-exists");
    problem(&edge.send("DELETE", &format!("/api/clients/{id}"), &[], &[]).await, 409, "has-records");

    let patched = edge.write("PATCH", &format!("{list}/2026/03"), &[], r#"{"vat":0.01}"#).await;
    assert_eq!(patched.status, 200);
    assert_eq!(
        (patched.json()["version"].clone(), patched.json()["incomeTax"].to_string()),
        (json!(2), "1234.5".into())
    );
    assert!(patched.header("outbox-message-id").is_some_and(|id| id != message));
    let same = edge.write("PATCH", &path, &[("if-match", "*")], r#"{"vat":1e-2}"#).await;
    assert_eq!(same.status, 200);
    assert_eq!(same.header("outbox-message-id"), None, "nothing changed, so no message is sent");
    assert_eq!(same.header("etag"), patched.header("etag"));

    let stale = edge.write("PATCH", &path, &[("if-match", created.header("etag").unwrap())], r#"{"vat":5}"#).await;
    problem(&stale, 412, "changed");
    let listed = edge.get(&format!("{list}?year=2026&month=03")).await;
    assert_eq!(listed.json(), json!({"items": [patched.json()]}));
    assert_eq!(edge.get(&format!("{list}?year=2025")).await.json(), json!({"items": []}));
    assert_eq!(edge.get(&path).await.header("etag"), patched.header("etag"));
    assert_eq!(edge.send("HEAD", &path, &[], &[]).await.status, 200);

    let deleted = edge.send("DELETE", &path, &[], &[]).await;
    assert_eq!(deleted.status, 204);
    assert_eq!(deleted.header("outbox-message-id"), None, "routed to nobody by default");
    problem(&edge.get(&path).await, 404, "not-found");
    problem(&edge.get("/api/clients/999/finance").await, 404, "not-found");
    problem(&edge.write("POST", "/api/clients/999/finance", &[], &figures(1)).await, 404, "not-found");
}

#[tokio::test]
async fn clients_come_a_page_at_a_time() {
    let edge = Edge::new().await;
    let mut ids = Vec::new();
    for n in 1..=5 {
        ids.push(edge.client(n).await);
    }
    let page = edge.get("/api/clients?limit=2").await.json();
    assert_eq!(page["next"], ids[1]);
    let page = edge.get(&format!("/api/clients?limit=%33&after={}", ids[1])).await.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    assert_eq!(page["next"], Value::Null, "a full last page is the last");
    assert_eq!(edge.get("/api/clients?after=9223372036854775807").await.json(), json!({"items": [], "next": null}));
    assert_eq!(edge.get("/API/Clients?code=host-key").await.status, 200, "the host passes casing and key on");
    for (query, fields) in [
        ("limit=0", vec!["limit"]),
        ("limit=101&after=-1", vec!["limit", "after"]),
        ("limit=1,2", vec!["limit"]),
        ("limit=1&limit=1", vec!["limit"]),
        ("limit=&x=1&%C5%BC=1", vec!["limit", "x", "ż"]),
        ("limit=%FF", vec!["limit"]),
        ("after=9223372036854775808", vec!["after"]),
    ] {
        let reported = problem(&edge.get(&format!("/api/clients?{query}")).await, 422, "invalid");
        assert_eq!(reported.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), fields, "{query}");
    }
    let reported = problem(&edge.get("/api/clients/1/finance?year=1999&month=13&day=1").await, 422, "invalid");
    assert_eq!(reported.len(), 3);
    problem(&edge.get("/api/clients/1?x=1").await, 422, "invalid");
}

#[tokio::test]
async fn numbers_are_taken_as_decimal_types_of_other_languages_print_them() {
    let edge = Edge::new().await;
    let list = format!("/api/clients/{}/finance", edge.client(1).await);
    let body = r#"{"year":2026.0,"month":3,"incomeTax":12.5000,"vat":100.10000000000000,"insuranceAmount":-0.00}"#;
    let created = edge.write("POST", &list, &[], body).await;
    assert_eq!(created.status, 201, "{:?}", created.body);
    let amounts = r#""incomeTax":12.50,"vat":100.10,"insuranceAmount":0.00,"#;
    assert!(String::from_utf8_lossy(&created.body).contains(amounts), "{:?}", created.body);
    let same = edge.write("PATCH", &format!("{list}/2026/3"), &[], r#"{"vat":1.001e2,"incomeTax":125e-1}"#).await;
    assert_eq!(
        (same.status.as_u16(), same.header("outbox-message-id")),
        (200, None),
        "the same values: no message is sent"
    );
    for body in [r#"{"vat":0.001}"#, r#"{"vat":-0.01}"#, r#"{"vat":1e400}"#, r#"{"vat":"1.00"}"#] {
        let reported = problem(&edge.write("PATCH", &format!("{list}/2026/3"), &[], body).await, 422, "invalid");
        assert_eq!(reported[0].0, "vat", "{body}");
    }
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let edge = Edge::new().await;
    let id = edge.client(1).await;
    let list = format!("/api/clients/{id}/finance");
    let all = ["year", "month", "incomeTax", "vat", "insuranceAmount"];
    let cases: [(&str, &str, String, &[&str]); 13] = [
        ("POST", &list, "{}".into(), &all),
        (
            "POST",
            &list,
            r#"{"year":1999,"month":13,"incomeTax":"5","vat":1.005,"insuranceAmount":-1,"colour":1}"#.into(),
            &["year", "month", "incomeTax", "vat", "insuranceAmount", "colour"],
        ),
        ("POST", &list, r#"{"year":2026.5,"month":"3","incomeTax":null,"vat":[],"insuranceAmount":{}}"#.into(), &all),
        (
            "POST",
            &list,
            r#"{"year":2026,"month":3,"incomeTax":1.001,"vat":1e16,"insuranceAmount":1e400,"Year":1}"#.into(),
            &["incomeTax", "vat", "insuranceAmount", "Year"],
        ),
        (
            "POST",
            &list,
            r#"{"year":2026,"month":3,"incomeTax":1,"vat":1,"vat":1,"insuranceAmount":1}"#.into(),
            &["vat"],
        ),
        ("POST", &list, "[]".into(), &[""]),
        ("POST", &list, "null".into(), &[""]),
        ("PATCH", &format!("{list}/2026/3"), "{}".into(), &[""]),
        ("PATCH", &format!("{list}/2026/3"), r#"{"year":2026}"#.into(), &["", "year"]),
        ("PATCH", &format!("{list}/2026/3"), r#"{"vat":null}"#.into(), &["vat"]),
        ("POST", "/api/clients", "{}".into(), &["name", "address", "nipNb", "email"]),
        (
            "POST",
            "/api/clients",
            r#"{"name":" ","address":"a\nb","nipNb":5260250274,"email":"a@b.pl\r\nBcc: x@y.pl","id":7}"#.into(),
            &["name", "address", "nipNb", "email", "id"],
        ),
        (
            "PUT",
            "/api/clients/1",
            r#"{"name":"\ud800","address":"a","nipNb":"5260250275","email":"a@b.1","language":"de"}"#.into(),
            &["name", "nipNb", "email", "language"],
        ),
    ];
    for (method, path, body, fields) in cases {
        let reported = problem(&edge.write(method, path, &[], &body).await, 422, "invalid");
        assert_eq!(reported.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), fields, "{method} {body}");
        assert!(reported.iter().all(|(_, message)| !message.is_empty()));
    }
    assert_eq!(edge.backend.query("SELECT count(*) FROM FinancialRecords").unwrap(), "0");
    let taken = draft(1);
    problem(&edge.write("POST", "/api/clients", &[], &taken.to_string()).await, 409, "nip-taken");
}

/// Headers, chunks of the body, the status and the problem's name.
type Unreadable<'a> = (&'a [(&'a str, &'a [u8])], &'a [&'a [u8]], u16, &'a str);

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_with_the_reason() {
    let edge = Edge::new().await;
    let json: (&str, &[u8]) = ("content-type", b"application/json");
    let big = format!("{{\"name\":\"{}\"", "x".repeat(65_536));
    let nested = "[".repeat(60_000);
    let cases: [Unreadable<'_>; 17] = [
        (&[json], &[], 400, "malformed"),
        (&[], &[], 400, "malformed"),
        (&[json], &[b"", b""], 400, "malformed"),
        (&[json], &[b"{"], 400, "malformed"),
        (&[json], &[b"{} {}"], 400, "malformed"),
        (&[json], &[b"{\"a\":01}"], 400, "malformed"),
        (&[json], &[b"{\"\\ud800\":1}"], 400, "malformed"),
        (&[json], &[b"{'a':1}"], 400, "malformed"),
        (&[json], &[b"\xff\xfe{}"], 400, "malformed"),
        (&[json], &[b"{\"name\":\"\xc5\"}"], 400, "malformed"),
        (&[json], &[nested.as_bytes()], 400, "malformed"),
        (&[json], &[big.as_bytes()], 413, "body-too-large"),
        (&[json], &[&big.as_bytes()[..40_000], &big.as_bytes()[40_000..]], 413, "body-too-large"),
        (&[], &[b"{}"], 415, "not-json"),
        (&[("content-type", b"text/plain")], &[b"{}"], 415, "not-json"),
        (&[("content-type", b"application/json; charset=iso-8859-2")], &[b"{}"], 415, "not-json"),
        (&[json, ("content-encoding", b"gzip")], &[b"{}"], 415, "not-json"),
    ];
    for (at, (headers, chunks, status, name)) in cases.into_iter().enumerate() {
        let answer = edge.send("POST", "/api/clients", headers, chunks).await;
        assert_eq!(answer.status, status, "case {at}: {:?}", answer.body);
        problem(&answer, status, name);
    }
    let exact = {
        let whole = draft(1).to_string();
        format!("{whole}{}", " ".repeat(65_536 - whole.len()))
    };
    assert_eq!(edge.write("POST", "/api/clients", &[], &exact).await.status, 201, "64 KB are not over 64 KB");
    let marked = format!("\u{feff}{}", draft(2));
    assert_eq!(edge.write("POST", "/api/clients", &[], &marked).await.status, 201, "a byte order mark is passed over");
    let (whole, typed) = (draft(3).to_string(), [("content-type", &b"application/json; charset=UTF-8"[..])]);
    let chunked = edge.send("POST", "/api/clients", &typed, &[&whole.as_bytes()[..9], &whole.as_bytes()[9..]]).await;
    assert_eq!(chunked.status, 201, "no length is demanded");
    problem(&edge.send("DELETE", "/api/clients/1", &[], &[big.as_bytes()]).await, 413, "body-too-large");
}

#[tokio::test]
async fn a_caller_in_the_middle_of_a_huge_body_still_receives_413() {
    let edge = Edge::new().await;
    let piece = vec![b' '; 1 << 20];
    for (path, status) in [("/api/clients", "413"), ("/api/nowhere", "404")] {
        // The caller sends everything before it reads: a connection closed in the middle would fail its write.
        let mut caller = TcpStream::connect(("127.0.0.1", edge.port)).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            20 << 20
        );
        caller.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..20 {
            caller.write_all(&piece).await.unwrap();
        }
        let mut answer = String::new();
        caller.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
}

#[tokio::test]
async fn unknown_paths_are_404_and_other_methods_405() {
    let edge = Edge::new().await;
    edge.client(1).await;
    for path in [
        "/api/clients/",
        "/api/clients/abc",
        "/api/clients/%31",
        "/api/clients/0",
        "/api/clients/-1",
        "/api/clients/1.0",
        "/api/clients/99999999999999999999",
        "/api/clients/1/finance/2026/13",
        "/api/clients/1/finance/20x6/1",
        "/api/clients/1/finance/",
        "/api/clients/1/finance/2026/1/x",
        "/api/%63lients",
        "/api/./clients",
        "/api/x/../clients",
        "/api//clients",
        "/api",
        "/clients",
        "/api/SendEmail",
        "/Finance",
        "/sendemail",
    ] {
        problem(&edge.get(path).await, 404, "not-found");
    }
    for (method, path, allow) in [
        ("PUT", "/api/clients", "GET, HEAD, POST"),
        ("POST", "/api/clients/1", "GET, HEAD, PUT, DELETE"),
        ("OPTIONS", "/api/clients/1/finance", "GET, HEAD, POST"),
        ("BREW", "/api/clients/1/finance/2026/1", "GET, HEAD, PATCH, DELETE"),
        ("POST", "/api/health", "GET, HEAD"),
        ("POST", "/", "GET, HEAD"),
    ] {
        let answer = edge.send(method, path, &[], &[]).await;
        problem(&answer, 405, "method-not-allowed");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
}

#[tokio::test]
async fn a_repeat_with_its_key_gets_the_first_answer_and_writes_nothing() {
    let edge = Edge::new().await;
    let id = edge.client(1).await;
    let list = format!("/api/clients/{id}/finance");
    let first = edge.write("POST", &list, &[("idempotency-key", "k 1")], &figures(1)).await;
    assert_eq!((first.status.as_u16(), first.header("idempotency-replayed")), (201, None));
    let again = edge.write("POST", &list, &[("idempotency-key", "\"k 1\"")], &figures(1)).await;
    assert_eq!((again.status.as_u16(), again.header("idempotency-replayed")), (201, Some("true")));
    for name in ["location", "etag", "outbox-message-id"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    assert_eq!(again.body, first.body);
    assert_eq!(edge.backend.query("SELECT count(*) FROM OutboxMessages").unwrap(), "1");
    // Another body, If-Match, path or method is another request.
    for (method, path, headers, body) in [
        ("POST", list.clone(), vec![], figures(2)),
        ("POST", list.clone(), vec![("if-match", "*")], figures(1)),
        ("POST", "/api/clients/77/finance".to_owned(), vec![], figures(1)),
        ("DELETE", format!("{list}/2026/1"), vec![], String::new()),
    ] {
        let headers: Vec<_> = headers.into_iter().chain([("idempotency-key", "k 1")]).collect();
        problem(&edge.write(method, &path, &headers, &body).await, 422, "key-reused");
    }
    // A refusal is not stored: the corrected request may use the key.
    problem(&edge.write("POST", &list, &[("idempotency-key", "k2")], &figures(1)).await, 409, "record-exists");
    assert_eq!(edge.write("POST", &list, &[("idempotency-key", "k2")], &figures(2)).await.status, 201);
    let path = format!("{list}/2026/2");
    for replayed in [None, Some("true")] {
        let deleted = edge.write("DELETE", &path, &[("idempotency-key", "k3")], "").await;
        assert_eq!((deleted.status.as_u16(), deleted.header("idempotency-replayed")), (204, replayed));
    }
    for bad in ["", "\"", "\"a", "a\"b", "\"a\",\"b\"", &"x".repeat(256)] {
        problem(&edge.write("POST", &list, &[("idempotency-key", bad)], &figures(5)).await, 400, "bad-header");
    }
    let headers: [(&str, &[u8]); 3] =
        [("content-type", b"application/json"), ("idempotency-key", b"a"), ("idempotency-key", b"a")];
    problem(&edge.send("POST", &list, &headers, &[figures(5).as_bytes()]).await, 400, "bad-header");
    for name in ["idempotency-key", "if-match"] {
        let headers: [(&str, &[u8]); 2] = [("content-type", b"application/json"), (name, b"\xc5\xbc")];
        problem(&edge.send("POST", &list, &headers, &[figures(5).as_bytes()]).await, 400, "bad-header");
    }
}

#[tokio::test]
async fn parallel_requests_with_one_key_leave_one_record_and_one_answer() {
    let edge = Edge::new().await;
    let id = edge.client(1).await;
    let (list, body) = (format!("/api/clients/{id}/finance"), figures(1));
    let headers = [("idempotency-key", "one")];
    let answers = futures::future::join_all((0..12).map(|_| edge.write("POST", &list, &headers, &body))).await;
    let first = answers[0].header("outbox-message-id").unwrap();
    for answer in &answers {
        assert_eq!(answer.status, 201);
        assert_eq!((answer.header("outbox-message-id"), &answer.body), (Some(first), &answers[0].body));
    }
    assert_eq!(answers.iter().filter(|a| a.header("idempotency-replayed").is_none()).count(), 1);
    assert_eq!(edge.backend.query("SELECT count(*) FROM FinancialRecords").unwrap(), "1");
}

#[tokio::test]
async fn the_callers_trace_context_goes_with_the_message() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let edge = Edge::new().await;
    let list = format!("/api/clients/{}/finance", edge.client(1).await);
    let headers = |month: u8| format!("SELECT Headers FROM OutboxMessages WHERE OrderingKey LIKE '%-{month:02}'");
    let given = [("traceparent", PARENT), ("tracestate", "a=1,b=2")];
    edge.write("POST", &list, &given, &figures(1)).await;
    edge.write("POST", &list, &[("traceparent", "nonsense"), ("tracestate", "a=1")], &figures(2)).await;
    let stored: Value = serde_json::from_str(&edge.backend.query(&headers(1)).unwrap()).unwrap();
    assert_eq!(stored, json!({"traceparent": PARENT, "tracestate": "a=1,b=2"}));
    let made: Value = serde_json::from_str(&edge.backend.query(&headers(2)).unwrap()).unwrap();
    assert_eq!(made.as_object().unwrap().len(), 1, "a state without its parent is dropped");
    assert_eq!(made["traceparent"].as_str().unwrap().len(), 55);
}

/// Books that fail in one given way.
enum FailingBooks {
    Unavailable,
    Locked,
    Unknown,
    Broken,
    Busy,
    Panicking,
}

impl FailingBooks {
    fn fail<T>(&self) -> StoreResult<T> {
        let (step, reason, source) = ("commit", "of the test".to_owned(), None);
        match self {
            Self::Unavailable => Err(StoreError::Unavailable { step, reason, source }),
            Self::Locked => Err(StoreError::Locked { step, reason, source }),
            Self::Unknown => Err(StoreError::Unknown { step, reason, source }),
            Self::Broken | Self::Busy => Err(StoreError::Broken { step, reason, source }),
            Self::Panicking => panic!("of the test"),
        }
    }
}

#[async_trait]
impl Books for FailingBooks {
    async fn commit(&self, _: &Entry) -> StoreResult<Committed> {
        if matches!(self, Self::Busy) { Ok(Committed::KeyBusy) } else { self.fail() }
    }
    async fn client(&self, _: ClientId) -> StoreResult<Option<Client>> {
        self.fail()
    }
    async fn clients(&self, _: i64, _: u32) -> StoreResult<Vec<Client>> {
        self.fail()
    }
    async fn record(&self, _: ClientId, _: Period) -> StoreResult<Option<FinancialRecord>> {
        self.fail()
    }
    async fn records(&self, _: ClientId, _: Option<u16>, _: Option<u8>) -> StoreResult<Option<Vec<FinancialRecord>>> {
        self.fail()
    }
}

#[tokio::test]
async fn a_store_failure_is_answered_with_what_the_caller_can_do() {
    for (books, status, name, retry_after) in [
        (FailingBooks::Unavailable, 503, "unavailable", true),
        (FailingBooks::Locked, 503, "unavailable", true),
        (FailingBooks::Unknown, 503, "outcome-unknown", true),
        (FailingBooks::Broken, 500, "broken", false),
        (FailingBooks::Busy, 409, "key-busy", true),
        (FailingBooks::Panicking, 500, "broken", false),
    ] {
        let busy = matches!(books, FailingBooks::Busy);
        let edge = Edge::with_books(Arc::new(books)).await;
        let answer = edge.write("POST", "/api/clients", &[], &draft(1).to_string()).await;
        problem(&answer, status, name);
        assert_eq!(answer.header("retry-after").is_some(), retry_after, "{name}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("of the test"), "the store's words stay inside");
        if !busy {
            problem(&edge.get("/api/clients").await, status, name);
        }
        assert_eq!(edge.get("/").await.status, 200, "the process lives");
    }
}

#[tokio::test]
async fn health_reports_what_the_flows_met_and_queries_nothing() {
    let edge = Edge::with_books(Arc::new(FailingBooks::Unavailable)).await;
    let health = edge.get("/api/health").await;
    assert_eq!(health.json(), json!({"status": "ok", "version": "1.2.3", "parts": {}}));
    edge.get("/api/clients").await;
    let health = edge.get("/api/Health").await.json();
    assert_eq!(
        (health["status"].clone(), health["parts"]["database"]["ok"].clone()),
        (json!("degraded"), json!(false))
    );
    edge.health.ok(Part::Database, chrono::DateTime::UNIX_EPOCH);
    assert_eq!(edge.get("/api/health").await.json()["status"], "ok");
    let edge = Edge::with_books(Arc::new(FailingBooks::Locked)).await;
    edge.get("/api/clients").await;
    edge.write("POST", "/api/clients", &[], &draft(1).to_string()).await;
    assert_eq!(edge.get("/api/health").await.json()["parts"], json!({}), "a lock that another holds is no outage");
}

#[tokio::test]
async fn every_request_is_answered_and_never_with_a_5xx() {
    let edge = Edge::new().await;
    edge.client(1).await;
    let mut dice = fastrand::Rng::with_seed(20_261_123);
    let mut seen = BTreeSet::new();
    for round in 0..3_000 {
        let attempt = hostile::attempt(&mut dice);
        let headers: Vec<(&str, &[u8])> = attempt.headers.iter().map(|(name, v)| (*name, v.as_slice())).collect();
        let chunks: Vec<&[u8]> = attempt.chunks.iter().map(Vec::as_slice).collect();
        let answer = edge.send(attempt.method, &attempt.path, &headers, &chunks).await;
        let status = answer.status.as_u16();
        assert!(status < 500, "round {round}: {attempt:?} → {status}");
        if status >= 400 && attempt.method != "HEAD" {
            let kind = answer.header("content-type");
            assert_eq!(kind, Some("application/problem+json"), "round {round}: {attempt:?} → {status}");
            assert_eq!(answer.json()["status"], status);
        }
        seen.insert(status);
    }
    for status in [200, 201, 400, 404, 405, 415, 422] {
        assert!(seen.contains(&status), "the dice never made a {status}: {seen:?}");
    }
}
