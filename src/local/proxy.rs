//! The front: forwards what a route matches to the handler, raw, and nothing else.

use super::{
    events::What,
    invoke::{HOST_VERSION, Invoker},
    manifest::{Function, Trigger},
    routes::{Template, has_dot_segment},
    web::{self, Body, answer},
};
use http_body_util::{BodyExt, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use percent_encoding::percent_decode_str;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// What every request sees.
#[derive(Clone)]
pub(super) struct Front {
    pub(super) port: u16,
    pub(super) routes: Arc<Vec<Route>>,
    pub(super) invoker: Invoker,
}

pub(super) struct Route {
    function: String,
    template: Template,
    methods: Vec<String>,
}

/// The Azure host's own limit for a request.
const BODY_BYTES_MAX: u64 = 100 * 1024 * 1024;
/// A dropped body is still read to here, so that a client in the middle of sending sees the answer.
const DROPPED_BYTES_MAX: usize = 1024 * 1024;
/// A request that meets a restart waits so long; a handler needs a fraction of it.
const READY_WITHIN: Duration = Duration::from_secs(10);

const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The HTTP functions, in the order in which the Azure host tries them.
pub(super) fn routes(functions: &[Function]) -> Vec<Route> {
    let http = |function: &Function| match &function.trigger {
        Trigger::Http { route, methods } => {
            Some(Route { function: function.name.clone(), template: route.clone(), methods: methods.clone() })
        }
        Trigger::Timer { .. } | Trigger::ServiceBus { .. } => None,
    };
    functions.iter().filter_map(http).collect()
}

pub(super) async fn handle(front: Front, request: Request<Incoming>) -> Response<Body> {
    if !web::is_addressed_to(&request, front.port) {
        let port = front.port;
        return answer(StatusCode::MISDIRECTED_REQUEST, &format!("Host must be localhost:{port} or 127.0.0.1:{port}"));
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    if has_dot_segment(&path) {
        return answer(StatusCode::NOT_FOUND, "");
    }
    // CONNECT asks for a tunnel and has no path to forward, whatever its target looks like.
    if method == Method::CONNECT {
        return answer(StatusCode::NOT_FOUND, "");
    }
    let takes = |r: &&Route| r.methods.is_empty() || r.methods.iter().any(|m| m == method.as_str());
    let Some(route) = front.routes.iter().filter(|r| r.template.matches(&path)).find(takes) else {
        return answer(StatusCode::NOT_FOUND, "");
    };
    let (started, id) = (Instant::now(), uuid::Uuid::new_v4().to_string());
    let response = forward(&front, request, &id).await;
    front.invoker.events.emit(What::Http {
        function: route.function.clone(),
        id,
        method: method.to_string(),
        path,
        status: response.status().as_u16(),
        ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    response
}

async fn forward(front: &Front, request: Request<Incoming>, id: &str) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let chunked = parts.headers.contains_key(header::TRANSFER_ENCODING);
    let length = parts.headers.get(header::CONTENT_LENGTH).filter(|_| !chunked);
    let length = length.and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|bytes| bytes > BODY_BYTES_MAX) {
        return answer(StatusCode::PAYLOAD_TOO_LARGE, "over 100 MB");
    }
    let Some(up) = front.invoker.child.ready(READY_WITHIN).await else {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "the handler is not up");
    };
    let query = parts.uri.query().map(|q| format!("?{}", joined(q))).unwrap_or_default();
    let target = format!("http://127.0.0.1:{}{}{query}", up.port, parts.uri.path());
    let cut = Arc::new(AtomicBool::new(false));
    let body = if length.is_some() {
        let cut = cut.clone();
        body.map_err(move |error| {
            cut.store(true, Ordering::Relaxed);
            error.into()
        })
        .boxed()
    } else {
        // As in Azure: a body without a length is dropped.
        let _ = Limited::new(body, DROPPED_BYTES_MAX).collect().await;
        web::full("")
    };
    let mut headers = end_to_end(parts.headers);
    headers.remove(header::CONTENT_ENCODING);
    headers.remove(header::EXPECT);
    if length.is_none() {
        headers.remove(header::CONTENT_LENGTH);
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
    }
    headers.insert("X-Azure-Functions-HostVersion", HeaderValue::from_static(HOST_VERSION));
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert("X-Azure-Functions-InvocationId", id);
    }
    let built = Request::builder().method(parts.method).uri(target).body(body);
    let Ok(mut onward) = built else { return answer(StatusCode::BAD_REQUEST, "") };
    *onward.headers_mut() = headers;
    match tokio::time::timeout(front.invoker.function_timeout, front.invoker.client.request(onward)).await {
        Ok(Ok(response)) => {
            let (mut parts, body) = response.into_parts();
            parts.headers = end_to_end(parts.headers);
            Response::from_parts(parts, body.map_err(Into::into).boxed())
        }
        Ok(Err(_)) if cut.load(Ordering::Relaxed) => answer(StatusCode::BAD_REQUEST, "the body did not arrive whole"),
        // The handler died or broke off: whatever it did, the client cannot know. A 5xx, and it may ask again.
        Ok(Err(_)) => answer(StatusCode::BAD_GATEWAY, "the handler broke off"),
        Err(_) => {
            front.invoker.child.kill(up.pid).await;
            answer(StatusCode::GATEWAY_TIMEOUT, "functionTimeout has passed")
        }
    }
}

/// All headers but those of one connection.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    headers
}

/// The query as it came; where a key repeats, its values joined by commas into the first, as the Azure host does.
fn joined(query: &str) -> String {
    let mut at = HashMap::new();
    let mut pieces: Vec<String> = Vec::new();
    let mut repeats = false;
    for piece in query.split('&').filter(|p| !p.is_empty()) {
        let (raw, value) = piece.split_once('=').unwrap_or((piece, ""));
        let key = percent_decode_str(raw).decode_utf8_lossy().to_lowercase();
        let first = *at.entry(key).or_insert(pieces.len());
        if let Some(whole) = pieces.get_mut(first) {
            repeats = true;
            whole.push_str("%2C");
            whole.push_str(value);
        } else {
            pieces.push(piece.to_owned());
        }
    }
    if repeats { pieces.join("&") } else { query.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_query_key_is_joined_by_commas_and_others_stay_as_they_are() {
        assert_eq!(joined("year=2026&month=%31&x"), "year=2026&month=%31&x");
        assert_eq!(joined("year=2026&month=1&YEAR=2027&ye%61r=3"), "year=2026%2C2027%2C3&month=1");
    }

    /// A client chooses how many there are: their cost must grow with them, and no faster.
    #[test]
    fn a_hundred_thousand_query_keys_are_joined_at_once() {
        let started = std::time::Instant::now();
        let distinct: Vec<String> = (0..100_000).map(|n| format!("k{n}=1")).collect();
        assert_eq!(joined(&distinct.join("&")), distinct.join("&"));
        let repeated = format!("a=1{}", "&a=1".repeat(100_000));
        assert_eq!(joined(&repeated).len(), "a=1".len() + 100_000 * "%2C1".len());
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }

    #[test]
    fn headers_of_one_connection_stay_behind() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("connection", "close, X-Once"), ("x-once", "1"), ("te", "trailers"), ("accept", "a")] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let left = end_to_end(headers);
        assert_eq!(left.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    }
}
