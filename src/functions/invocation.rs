//! The answer to an invocation: always a JSON object, whatever happened.

use super::reply::{self, Reply};
use serde::Serialize;
use warp::http::StatusCode;

/// Bound of an envelope: a message of 1 MB in base64, and its properties twice.
pub(super) const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    outputs: Nothing,
    /// The host writes these strings into the invocation's own log.
    logs: Vec<String>,
    /// None of our bindings has a return value, so it stays null: the report is in the logs.
    return_value: Option<String>,
}

#[derive(Serialize)]
struct Nothing {}

/// Answers with the run's report. Any status but 2xx is a failed run; the host then drops the body.
pub(super) fn answer(status: StatusCode, report: &impl Serialize) -> Reply {
    let report = String::from_utf8_lossy(&reply::to_json(report)).into_owned();
    reply::json(status, &Answer { outputs: Nothing {}, logs: vec![report], return_value: None })
}

pub(super) fn failed(status: StatusCode, reason: &str) -> Reply {
    answer(status, &serde_json::json!({ "failed": reason }))
}

/// The answer of a timer's run that was skipped.
pub(super) fn skipped() -> Reply {
    answer(StatusCode::OK, &serde_json::json!({ "idle": true }))
}

/// The answer of a run with a report: failed only if the store failed.
pub(super) fn run(report: &impl Serialize, store_error: Option<&str>) -> Reply {
    let status = match store_error {
        None => StatusCode::OK,
        Some(error) => {
            tracing::error!(error, "the store failed during the run");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    answer(status, report)
}
