//! One request to the handler and its response, with the Azure host's retries.

use super::{
    proxy::Front,
    web::{self, Body, answer},
};
use crate::http_server::Inbound;
use http_body_util::{BodyExt, Limited};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, body::Incoming};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// A request as the handler receives it.
pub(super) struct Onward {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) headers: HeaderMap,
}

/// The Azure host's own limit for a request.
pub(super) const BODY_BYTES_MAX: u64 = 100 * 1024 * 1024;
/// How long a request waits for a handler that is being restarted; a restart takes a fraction of it.
const READY_WITHIN: Duration = Duration::from_secs(10);
/// The time limit of a proxied request.
const PROXIED_WITHIN: Duration = Duration::from_mins(4);
/// A request without a body is sent again if its connection broke before an answer. The proxy pauses before each retry,
/// twice as long each time, so that it reaches the process that replaces a killed one. .NET's client retries at once, as
/// long as it can connect.
const TRIES_PROXIED: u32 = 10;
const TRIES_FORWARDED: u32 = 4;
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_millis(250);

pub(super) async fn send(front: &Front, onward: Onward, body: Option<Inbound>) -> Response<Body> {
    let function_timeout = front.invoker.function_timeout;
    let limit = if front.is_proxying { function_timeout.min(PROXIED_WITHIN) } else { function_timeout };
    let Some(up) = front.invoker.child.ready(READY_WITHIN).await else {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "the handler did not start within 10 s");
    };
    let cut = Arc::new(AtomicBool::new(false));
    let tried = tokio::time::timeout(limit, attempts(front, onward, body, up.port, &cut)).await;
    match tried {
        Ok(Some(response)) => {
            let (mut parts, body) = response.into_parts();
            parts.headers = super::proxy::end_to_end(parts.headers);
            Response::from_parts(parts, body.map_err(Into::into).boxed())
        }
        Ok(None) if cut.load(Ordering::Relaxed) => answer(StatusCode::BAD_REQUEST, "the body did not arrive whole"),
        // The handler died or broke the connection. The client cannot know what it did, so a 5xx permits a retry.
        Ok(None) => {
            front.invoker.child.noticed(up.pid).await;
            answer(StatusCode::INTERNAL_SERVER_ERROR, "the handler broke the connection")
        }
        Err(_) if limit < function_timeout => answer(StatusCode::GATEWAY_TIMEOUT, "240 s have passed"),
        Err(_) => {
            front.invoker.child.kill(up.pid).await;
            answer(StatusCode::GATEWAY_TIMEOUT, "functionTimeout has passed")
        }
    }
}

async fn attempts(
    front: &Front,
    onward: Onward,
    body: Option<Inbound>,
    mut port: u16,
    cut: &Arc<AtomicBool>,
) -> Option<Response<Incoming>> {
    let build = |port: u16, body: Body| {
        let uri = format!("http://127.0.0.1:{port}{}", onward.target);
        let mut request = Request::builder().method(onward.method.clone()).uri(uri).body(body).ok()?;
        *request.headers_mut() = onward.headers.clone();
        Some(request)
    };
    if let Some(body) = body {
        let cut = cut.clone();
        let whole = Limited::new(body, usize::try_from(BODY_BYTES_MAX).unwrap_or(usize::MAX));
        let body = whole.map_err(move |error| {
            cut.store(true, Ordering::Relaxed);
            error
        });
        return front.invoker.client.request(build(port, body.boxed())?).await.ok();
    }
    let mut pause = PAUSE_MIN;
    let tries = if front.is_proxying { TRIES_PROXIED } else { TRIES_FORWARDED };
    for _ in 0..tries {
        match front.invoker.client.request(build(port, web::full(""))?).await {
            Ok(response) => return Some(response),
            Err(error) if !front.is_proxying && error.is_connect() => return None,
            Err(_) if front.is_proxying => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
                if let Some(up) = front.invoker.child.ready(Duration::ZERO).await {
                    port = up.port;
                }
            }
            Err(_) => {}
        }
    }
    None
}
