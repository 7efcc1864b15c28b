//! The answer to an invocation: always a JSON object with a body, whatever happened.

use super::reply::{self, Reply};
use serde::Serialize;
use warp::http::StatusCode;

/// What a message with its envelope has at most: 1 MB in base64, and its properties twice.
pub(super) const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    outputs: Nothing,
    /// Strings; the host writes them into the invocation's own log.
    logs: Vec<String>,
    /// No binding of ours has a return value, so it stays null: the report is in the logs.
    return_value: Option<String>,
}

#[derive(Serialize)]
struct Nothing {}

/// `report` is the run's report as JSON. A failed run is any status but 2xx; the host then drops the body.
pub(super) fn answer(status: StatusCode, report: &impl Serialize) -> Reply {
    let report = String::from_utf8_lossy(&reply::to_json(report)).into_owned();
    reply::json(status, &Answer { outputs: Nothing {}, logs: vec![report], return_value: None })
}

pub(super) fn failed(status: StatusCode, reason: &str) -> Reply {
    answer(status, &serde_json::json!({ "failed": reason }))
}

/// A run of a timer that asked nobody.
pub(super) fn skipped() -> Reply {
    answer(StatusCode::OK, &serde_json::json!({ "idle": true }))
}

/// A run that reports: failed only where the store failed.
pub(super) fn run(report: &impl Serialize, store_error: Option<&str>) -> Reply {
    let status = match store_error {
        None => StatusCode::OK,
        Some(error) => {
            tracing::error!(error, "the run met a store error");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    answer(status, report)
}
