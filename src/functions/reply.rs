//! HTTP answers: JSON, no content, and extra headers.

use serde::Serialize;
use warp::http::{HeaderValue, Response, StatusCode, header};

pub(super) type Reply = Response<Vec<u8>>;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Cannot fail for our own types, whose keys are all strings. If it did, an empty object would still be an answer.
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
    // The answers hold clients' figures, and an old Health is worthless.
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

pub(super) fn no_content() -> Reply {
    let mut reply = Reply::default();
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}

/// Sets a header. `value` is made of digits, quotes and ids; a value that a header cannot carry is logged and left out.
pub(super) fn set(reply: &mut Reply, name: &'static str, value: &str) {
    let Ok(value) = HeaderValue::from_str(value) else {
        tracing::error!(name, "a header could not be written");
        return;
    };
    reply.headers_mut().insert(name, value);
}
