//! Request smuggling: however a request's end is disguised, the handler and the local host's front answer one request for
//! it, and never take its body for another.

use crate::support::{
    backend::Backend,
    edge::{Edge, draft},
    host::{DEADLINE, Host},
    http_client::get,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A whole request that stands where a body ends or should end.
fn smuggled(port: u16) -> String {
    let body = draft(66).to_string();
    format!(
        "POST /api/clients HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Requests around `inner`, each with what is wrong with it.
fn shapes(port: u16, inner: &str) -> Vec<(String, String)> {
    let (length, ended) = (inner.len(), inner.len() + 5);
    let chunk = format!("{length:x}\r\n{inner}\r\n0\r\n\r\n");
    let terminated = format!("0\r\n\r\n{inner}");
    let long = "a".repeat(70_000);
    let bodies: Vec<(&str, String, &str)> = vec![
        ("both, the length first", format!("Content-Length: {ended}\r\nTransfer-Encoding: chunked"), &terminated),
        ("both, the length last", format!("Transfer-Encoding: chunked\r\nContent-Length: {ended}"), &terminated),
        ("two lengths", format!("Content-Length: 0\r\nContent-Length: {length}"), inner),
        ("two lengths, the other way", format!("Content-Length: {length}\r\nContent-Length: 0"), inner),
        ("lengths in one line", format!("Content-Length: {length}, 0"), inner),
        ("a signed length", format!("Content-Length: +{length}"), inner),
        ("a length of two's complement", "Content-Length: -1".to_owned(), inner),
        ("a length in hex", format!("Content-Length: 0x{length:x}"), inner),
        ("a length beyond 64 bits", "Content-Length: 18446744073709551616".to_owned(), inner),
        ("a length with a space before the colon", format!("Content-Length : {length}"), inner),
        ("a length in a folded line", format!("X-A: b\r\n Content-Length: {length}"), inner),
        ("a folded length", format!("Content-Length:\r\n {length}"), inner),
        ("an encoding in a folded line", "X-A: b\r\n\tTransfer-Encoding: chunked".to_owned(), &chunk),
        ("a folded encoding", "Transfer-Encoding:\r\n chunked".to_owned(), &terminated),
        ("an encoding with a space before the colon", "Transfer-Encoding : chunked".to_owned(), &terminated),
        ("an unknown encoding", "Transfer-Encoding: xchunked".to_owned(), &terminated),
        ("another encoding last", "Transfer-Encoding: chunked, identity".to_owned(), &terminated),
        ("two encodings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity".to_owned(), &terminated),
        ("an encoding in quotes", "Transfer-Encoding: \"chunked\"".to_owned(), &terminated),
        ("an encoding after a vertical tab", "Transfer-Encoding: \u{b}chunked".to_owned(), &terminated),
        ("a line ended by LF alone", format!("X-A: b\nContent-Length: {length}"), inner),
        ("a line ended by CR alone", format!("X-A: b\rContent-Length: {length}"), inner),
        ("a null in a value", format!("X-A: b\0\r\nContent-Length: {length}"), inner),
    ];
    let head = |headers: &str| format!("POST /api/clients HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}\r\n\r\n");
    let mut all: Vec<(String, String)> =
        bodies.into_iter().map(|(what, headers, body)| (what.to_owned(), head(&headers) + body)).collect();
    let chunked = head("Transfer-Encoding: chunked");
    for (what, body) in [
        ("a chunk's size in another base", format!("0x{length:x}\r\n{inner}\r\n0\r\n\r\n")),
        ("a signed chunk's size", format!("+{length:x}\r\n{inner}\r\n0\r\n\r\n")),
        ("a negative chunk's size", format!("-1\r\n{inner}\r\n0\r\n\r\n")),
        ("a chunk's size beyond 64 bits", format!("1{length:016x}\r\n{inner}\r\n0\r\n\r\n")),
        (ENDLESS, format!("ffffffffffffffff\r\n{inner}\r\n0\r\n\r\n")),
        ("a chunk shorter than its size", format!("{:x}\r\nx\r\n0\r\n\r\n{inner}", length + 8)),
        ("a chunk longer than its size", format!("1\r\nxx\r\n0\r\n\r\n{inner}")),
        ("a chunk's extension", format!("{length:x};a=\"b\"\r\n{inner}\r\n0\r\n\r\n")),
        ("a chunk's extension with LF", format!("2;a\nxx\r\n0\r\n\r\n{inner}\r\n0\r\n\r\n")),
        ("a long chunk's extension", format!("1;{long}\r\nx\r\n0\r\n\r\n{inner}")),
        ("a chunk's end by LF alone", format!("1\nx\n0\n\n{inner}")),
        ("a chunk's size after a space", format!(" {length:x}\r\n{inner}\r\n0\r\n\r\n")),
        ("long trailers", format!("0\r\nX-A: {long}\r\n\r\n{inner}")),
        ("an empty chunk's size", format!("\r\n{inner}\r\n0\r\n\r\n")),
    ] {
        all.push((what.to_owned(), chunked.clone() + &body));
    }
    all.push(("an older version with an encoding".to_owned(), chunked.replace("1.1", "1.0") + &terminated));
    all.push((
        "a GET with a body".to_owned(),
        head(&format!("Content-Length: {length}")).replace("POST", "GET") + inner,
    ));
    all.push((
        "a HEAD with a body".to_owned(),
        head(&format!("Content-Length: {length}")).replace("POST", "HEAD") + inner,
    ));
    all.push(("an expectation".to_owned(), head(&format!("Expect: 100-continue\r\nContent-Length: {length}")) + inner));
    all.push((
        "an upgrade".to_owned(),
        head(&format!("Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: {length}")) + inner,
    ));
    all.push(("HTTP/2's preface".to_owned(), format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{inner}")));
    all
}

/// Nothing can end this one, so the client goes away.
const ENDLESS: &str = "a chunk's size of all bits";

/// The statuses that came back until the server closed the connection. After the bytes comes a last request.
async fn answers(port: u16, bytes: &str, goes_away: bool) -> Vec<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let last = format!("GET /api/health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Last: 1\r\nConnection: close\r\n\r\n");
    // A server that refuses closes in the middle.
    let _ = stream.write_all((bytes.to_owned() + &last).as_bytes()).await;
    if goes_away {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await.unwrap();
    let text = String::from_utf8_lossy(&answer).into_owned();
    let statuses = text.split("HTTP/1.1 ").skip(1).map(|rest| rest[..3].to_owned());
    // It is no answer, it asks for the body.
    statuses.filter(|status| status != "100").collect()
}

/// At most the request itself and the one after it are answered.
async fn no_second_request(port: u16) {
    for (what, bytes) in shapes(port, &smuggled(port)) {
        let statuses = answers(port, &bytes, what == ENDLESS).await;
        assert!(statuses.len() <= 2, "{what}: {statuses:?}");
        assert!(!statuses.iter().any(|status| status == "201"), "{what}: {statuses:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handler_never_takes_a_body_for_a_request() {
    let edge = Edge::new().await;
    no_second_request(edge.port).await;
    assert_eq!(edge.backend.query("SELECT count(*) FROM Clients").unwrap(), "0");
    let whole = answers(edge.port, &smuggled(edge.port), false).await;
    assert_eq!(whole, ["201", "200"], "what is smuggled would be taken where it stands alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_front_never_takes_a_body_for_a_request() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path(), &[], &[]);
    no_second_request(host.port).await;
    assert_eq!(get(host.port, "/api/clients").await.json()["items"].as_array().unwrap().len(), 0);
}
