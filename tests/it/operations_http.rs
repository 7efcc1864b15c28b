//! The function Operations over real HTTP: what it reads, what it refuses, and who it believes to act.

use crate::support::{
    edge::{Edge, problem},
    http_client::Answer,
};
use serde_json::json;

const SIGNED: &str = r#"{"reason":"test","by":"anna"}"#;
const PAUSE: &str = "/api/ops/destinations/queue:client-emails/pause";

fn fields(answer: &Answer) -> Vec<String> {
    problem(answer, 422, "invalid").into_iter().map(|(field, _)| field).collect()
}

#[tokio::test]
async fn every_wrong_parameter_of_a_report_is_named_at_once() {
    let edge = Edge::new().await;
    for (path, expected) in [
        ("overview?minutes=0&x=1", vec!["minutes", "x"]),
        ("overview?minutes=1441", vec!["minutes"]),
        (
            "messages?client=0&state=gone&since=yesterday&until=1&destination=mail:x&limit=201&before=",
            vec!["client", "destination", "state", "since", "until", "limit", "before"],
        ),
        ("messages?before=garbage", vec!["before"]),
        ("mails?before=fHw", vec!["before"]),
        ("groups?before=OXw5", vec!["before"]),
        ("audit?before=17", vec!["before"]),
        ("messages?id=&eventType=&orderingKey=&fingerprint=", vec!["id", "eventType", "orderingKey", "fingerprint"]),
        ("messages?client=1,2", vec!["client"]),
        ("messages/1?reveal=yes", vec!["reveal"]),
        ("messages/1?reveal=true", vec!["reason"]),
        ("messages/1?reason=&by=", vec!["reason", "by"]),
        ("groups?class=x", vec!["class"]),
        ("mails?state=dead&address=a@example.pl", vec!["state", "address"]),
        ("audit?messageId=&limit=x", vec!["messageId", "limit"]),
    ] {
        // Signed in, so that only the reason is missing from a reveal.
        let headers: [(&str, &[u8]); 1] = [("x-ms-client-principal-name", b"anna@example.pl")];
        let answer = edge.send("GET", &format!("/api/ops/{path}"), &headers, &[]).await;
        assert_eq!(fields(&answer), expected, "{path}");
    }
    let named = edge.send("GET", "/api/ops/messages/1?reason=x&by=anna", &[], &[]).await;
    assert_eq!(named.status, 404, "who names themselves without revealing is not refused");
}

#[tokio::test]
async fn every_wrong_field_of_a_write_is_named_at_once() {
    let edge = Edge::new().await;
    let long = "x".repeat(1001);
    for (path, body, expected) in [
        ("mails/find", json!({"address": "nobody", "limit": "5"}), vec!["address", "limit"]),
        ("remedies", json!({}), vec!["action", "selection", "dryRun"]),
        ("remedies", json!({"action": "undo", "selection": 1, "dryRun": false}), vec!["action", "selection", "dryRun"]),
        (
            "remedies",
            json!({"action": "discard", "outOfOrder": true, "selection": {"ids": []}, "dryRun": true, "limit": 10_001}),
            vec!["selection.ids", "limit", "outOfOrder"],
        ),
        (
            "remedies",
            json!({"action": "route", "selection": {"messages": {"state": "x", "colour": 1}}, "dryRun": true}),
            vec!["to", "selection.messages.state", "selection.messages.colour"],
        ),
        (
            "remedies",
            json!({"action": "requeue", "selection": {"ids": ["a"], "group": "b"}, "dryRun": true}),
            vec!["selection"],
        ),
        ("remedies", json!({"action": "requeue", "selection": {}, "dryRun": true}), vec!["selection"]),
        ("remedies", json!({"action": "requeue", "selection": "all", "dryRun": true}), vec!["selection"]),
        ("remedies", json!({"token": "", "action": "requeue"}), vec!["token", "reason", "by", "action"]),
        (
            "destinations/all/pause",
            json!({"reason": " ", "by": "a\nb", "forMinutes": 0}),
            vec!["forMinutes", "reason", "by"],
        ),
        ("destinations/all/resume", json!({"reason": long, "forMinutes": 5}), vec!["reason", "by", "forMinutes"]),
        ("mail/drain", json!({"reason": "r"}), vec!["by"]),
    ] {
        let answer = edge.write("POST", &format!("/api/ops/{path}"), &[], &body.to_string()).await;
        assert_eq!(fields(&answer), expected, "{path} {body}");
    }
    assert_eq!(fields(&edge.write("POST", &format!("{PAUSE}?x=1"), &[], SIGNED).await), ["x"]);
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused_whatever_it_sends() {
    let edge = Edge::new().await;
    let host = format!("http://127.0.0.1:{}", edge.port);
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        for path in ["overview", "messages", "messages/1?reveal=true&by=a&reason=b", "audit"] {
            let answer = edge.send("GET", &format!("/api/ops/{path}"), &[("origin", origin.as_bytes())], &[]).await;
            problem(&answer, 403, "foreign-origin");
        }
        problem(&edge.write("POST", PAUSE, &[("origin", origin)], SIGNED).await, 403, "foreign-origin");
    }
    let own = edge.write("POST", PAUSE, &[("origin", &host)], "{}").await;
    assert_eq!(fields(&own), ["reason", "by"], "the console's own");
}

#[tokio::test]
async fn a_form_cannot_write() {
    let edge = Edge::new().await;
    for kind in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""] {
        for path in [PAUSE, "/api/ops/remedies", "/api/ops/mail/resume", "/api/ops/mails/find"] {
            let headers: [(&str, &[u8]); 1] = [("content-type", kind.as_bytes())];
            problem(&edge.send("POST", path, &headers, &[SIGNED.as_bytes()]).await, 415, "not-json");
        }
    }
    problem(&edge.write("POST", PAUSE, &[], "").await, 400, "malformed");
}

#[tokio::test]
async fn each_path_names_the_methods_it_allows() {
    let edge = Edge::new().await;
    for (method, path, allow) in [
        ("POST", "/api/ops/overview", "GET, HEAD"),
        ("DELETE", "/api/ops/messages/1", "GET, HEAD"),
        ("OPTIONS", "/api/ops/messages", "GET, HEAD"),
        ("GET", "/api/ops/remedies", "POST"),
        ("GET", PAUSE, "POST"),
        ("HEAD", "/api/ops/mail/pause", "POST"),
    ] {
        let answer = edge.send(method, path, &[], &[]).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, Some(allow)), "{method} {path}");
    }
    for nowhere in ["/api/ops", "/api/ops/", "/api/ops/x", "/api/ops/messages/..", "/api/ops/..%5C..%5CSendEmail"] {
        problem(&edge.get(nowhere).await, 404, "not-found");
    }
}
