//! Answers on their way out.

use serde::Serialize;
use warp::http::{HeaderValue, Response, StatusCode, header};

pub(super) type Reply = Response<Vec<u8>>;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Cannot fail for our own types, whose keys are all strings; if one ever did, an empty object still is an answer.
pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|error| {
        tracing::error!(%error, "an answer could not be written as JSON");
        b"{}".to_vec()
    })
}

pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    let mut reply = Reply::new(to_json(value));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, JSON);
    // Clients' figures; and Health is worth nothing when it is old.
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

pub(super) fn no_content() -> Reply {
    let mut reply = Reply::default();
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}

/// `value` is made by us of digits, quotes and ids; what could be no header is left out.
pub(super) fn set(reply: &mut Reply, name: &'static str, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) => {
            reply.headers_mut().insert(name, value);
        }
        Err(_) => tracing::error!(name, "a header could not be written"),
    }
}
