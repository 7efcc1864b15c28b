//! An invocation of SendEmail by the host: whatever its body is, it is stored or refused, once, and answered.

use super::on;
use crate::support::edge::Edge;
use serde_json::Value;
use std::cell::RefCell;

thread_local! {
    static KEPT: RefCell<Option<super::Kept<Edge>>> = const { RefCell::new(None) };
}

pub(super) fn run(input: &[u8]) {
    on(&KEPT, Edge::new, async |edge| drop(invoke(edge, input).await));
}

/// Delivers it, and then once more, as the broker may. Returns the report of the first.
pub(super) async fn invoke(edge: &Edge, envelope: &[u8]) -> Option<Value> {
    let rows = || count(edge);
    let (before, mails) = (rows(), edge.mailer.sent().len());
    let first = answer(edge, envelope).await;
    let stored = rows();
    let second = answer(edge, envelope).await;
    match &first {
        Some(report) if report["outcome"] == "nothingToSend" => assert_eq!(stored, before),
        Some(_) => assert!(stored - before <= 1, "one message is one row"),
        None => assert_eq!(stored, before, "what was refused is not stored"),
    }
    assert_eq!(first.is_some(), second.is_some());
    assert_eq!(rows(), stored, "a repeat is no second row");
    assert!(edge.mailer.sent().len() - mails <= 1, "a repeat is no second mail");
    first
}

fn count(edge: &Edge) -> usize {
    use crate::support::backend::Backend;
    edge.backend.query("SELECT COUNT(*) FROM InboxMessages").unwrap().parse().unwrap()
}

/// The report, or None: refused, so that the broker keeps the message. The host reads no other answer.
async fn answer(edge: &Edge, envelope: &[u8]) -> Option<Value> {
    let answer = edge.invoke("SendEmail", envelope).await;
    let body = answer.json();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(body["Outputs"].is_object() && body["ReturnValue"].is_null(), "{body}");
    let report = body["Logs"][0].as_str().unwrap();
    match answer.status.as_u16() {
        200 => Some(serde_json::from_str(report).unwrap()),
        400 => None,
        other => panic!("{other}: {body}"),
    }
}
