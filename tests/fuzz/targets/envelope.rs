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
    let first = settled(edge, envelope).await;
    let stored = rows();
    let second = settled(edge, envelope).await;
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

/// The answer; where the store was busy, that to the broker's next delivery. What can never be stored is busy twice.
async fn settled(edge: &Edge, envelope: &[u8]) -> Option<Value> {
    let before = count(edge);
    if let Ok(answer) = answer(edge, envelope).await {
        return answer;
    }
    assert_eq!(count(edge), before, "what was not stored left nothing");
    answer(edge, envelope).await.unwrap()
}

/// The report, or None: refused, so that the broker keeps the message. The host reads no other answer. An error: the store
/// was not available.
async fn answer(edge: &Edge, envelope: &[u8]) -> Result<Option<Value>, String> {
    let answer = edge.invoke("SendEmail", envelope).await;
    let body = answer.json();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(body["Outputs"].is_object() && body["ReturnValue"].is_null(), "{body}");
    let report = body["Logs"][0].as_str().unwrap();
    match answer.status.as_u16() {
        200 => Ok(Some(serde_json::from_str(report).unwrap())),
        400 => Ok(None),
        500 => Err(report.to_owned()),
        other => panic!("{other}: {body}"),
    }
}
