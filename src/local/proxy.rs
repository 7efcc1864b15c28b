//! The HTTP front: a request that matches a route goes to the handler, forwarded or proxied as by the Azure host.

use super::{
    events::What,
    invoke::{HOST_VERSION, Invoker},
    keys::Keys,
    manifest::{Function, Trigger},
    paths,
    relay::{self, BODY_BYTES_MAX, Onward},
    routes::Template,
    web::{self, Body, answer},
};
use crate::http_server::Inbound;
use http_body_util::{BodyExt, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Body as _,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use percent_encoding::percent_decode_str;
use std::{collections::HashMap, sync::Arc};
use tokio::time::Instant;

/// What every request sees.
#[derive(Clone)]
pub(super) struct Front {
    pub(super) port: u16,
    pub(super) routes: Arc<Vec<Route>>,
    /// None: every function is open, as under Core Tools.
    pub(super) keys: Option<Arc<Keys>>,
    /// host.json's `enableProxyingHttpRequest`, which takes precedence over forwarding.
    pub(super) is_proxying: bool,
    pub(super) invoker: Invoker,
}

pub(super) struct Route {
    function: String,
    template: Template,
    needs_key: bool,
    methods: Vec<String>,
}

/// How much of a refused body is read, so that a client in the middle of sending sees the answer.
const DROPPED_BYTES_MAX: usize = 1024 * 1024;
const INVOCATION_ID: &str = "x-azure-functions-invocationid";
const HOST_VERSION_HEADER: &str = "x-azure-functions-hostversion";

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
        Trigger::Http { route, needs_key, methods } => Some(Route {
            function: function.name.clone(),
            template: route.clone(),
            needs_key: *needs_key,
            methods: methods.clone(),
        }),
        Trigger::Timer { .. } | Trigger::ServiceBus { .. } => None,
    };
    functions.iter().filter_map(http).collect()
}

pub(super) async fn handle(front: Front, request: Request<Inbound>) -> Response<Body> {
    if !web::is_addressed_to(&request, front.port) {
        let port = front.port;
        return answer(StatusCode::MISDIRECTED_REQUEST, &format!("Host must be localhost:{port} or 127.0.0.1:{port}"));
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    // CONNECT requests a tunnel and has no path to forward, whatever its target looks like.
    if method == Method::CONNECT {
        return answer(StatusCode::NOT_FOUND, "");
    }
    let Some(decoded) = paths::decoded(&path) else { return answer(StatusCode::BAD_REQUEST, "") };
    let takes = |r: &&Route| r.methods.is_empty() || r.methods.iter().any(|m| m == method.as_str());
    let Some(route) = front.routes.iter().filter(|r| r.template.matches(&decoded)).find(takes) else {
        return answer(StatusCode::NOT_FOUND, "");
    };
    if route.needs_key
        && let Some(keys) = &front.keys
        && !keys.open_to(&route.function, request.headers(), request.uri())
    {
        // As the Azure host answers, and the handler sees nothing.
        return answer(StatusCode::UNAUTHORIZED, "");
    }
    let (started, id) = (Instant::now(), uuid::Uuid::new_v4().to_string());
    let response = if front.is_proxying {
        proxied(&front, &decoded, request, &id).await
    } else {
        // A forwarded request continues when its client disconnects.
        let (front, id) = (front.clone(), id.clone());
        let forwarding = tokio::spawn(async move { forwarded(&front, &decoded, request, &id).await });
        forwarding.await.unwrap_or_else(|_| answer(StatusCode::INTERNAL_SERVER_ERROR, ""))
    };
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

/// As through YARP: unchanged except for the path, which is encoded again, and the headers that a proxy adds.
async fn proxied(front: &Front, path: &str, request: Request<Inbound>, id: &str) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if let Some(refused) = refused(&parts.headers) {
        return refused;
    }
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut headers = end_to_end(parts.headers);
    // The client sets the handler's host instead.
    let host = headers.remove(header::HOST);
    headers.remove(header::EXPECT);
    headers.insert("x-forwarded-for", HeaderValue::from_static("127.0.0.1"));
    headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
    if let Some(host) = host {
        headers.insert("x-forwarded-host", host);
    }
    for name in ["x-ms-invocation-id", INVOCATION_ID] {
        if let Ok(id) = HeaderValue::from_str(id) {
            headers.insert(name, id);
        }
    }
    headers.insert(HOST_VERSION_HEADER, HeaderValue::from_static(HOST_VERSION));
    let body = (!body.is_end_stream()).then_some(body);
    let target = format!("{}{query}", paths::proxied(path));
    relay::send(front, Onward { method: parts.method, target, headers }, body).await
}

/// As copied into a new request of .NET's HttpClient, including what that drops and refuses.
async fn forwarded(front: &Front, path: &str, request: Request<Inbound>, id: &str) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if let Some(refused) = refused(&parts.headers) {
        return refused;
    }
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    let has_content = length.is_some_and(|bytes| bytes > 0);
    let is_media_type = |value: &HeaderValue| value.to_str().is_ok_and(|text| text.parse::<mime::Mime>().is_ok());
    let is_sent = !parts.headers.contains_key(header::TRANSFER_ENCODING)
        && (!has_content || parts.headers.get_all(header::CONTENT_TYPE).iter().all(is_media_type));
    if !is_sent {
        // HttpClient throws, and the handler sees nothing. The body is read so that a client in the middle of sending
        // sees the answer.
        let _ = Limited::new(body, DROPPED_BYTES_MAX).collect().await;
        return answer(StatusCode::INTERNAL_SERVER_ERROR, "");
    }
    let query = parts.uri.query().map(|query| format!("?{}", joined(query))).unwrap_or_default();
    let mut headers = end_to_end(parts.headers);
    headers.remove(header::CONTENT_ENCODING);
    headers.remove(header::EXPECT);
    let added = |name: HeaderName, value: &str, between: &str| {
        let theirs = headers.get_all(&name).iter().filter_map(|theirs| theirs.to_str().ok());
        let all: Vec<&str> = theirs.chain([value]).collect();
        (name, HeaderValue::from_str(&all.join(between)))
    };
    for (name, value) in [
        added(HeaderName::from_static(INVOCATION_ID), id, ", "),
        added(HeaderName::from_static(HOST_VERSION_HEADER), HOST_VERSION, ", "),
        added(header::USER_AGENT, &format!("Azure-Functions-Host/{HOST_VERSION}"), " "),
    ] {
        let _ = value.map(|value| headers.insert(name, value));
    }
    let target = format!("{}{query}", paths::forwarded(path));
    let mut response =
        relay::send(front, Onward { method: parts.method, target, headers }, has_content.then_some(body)).await;
    for name in [header::ALLOW, header::VARY, header::WWW_AUTHENTICATE] {
        one_line_per_value(response.headers_mut(), &name);
    }
    response
}

/// The host's own refusal, the same for forwarded and proxied requests.
fn refused(headers: &HeaderMap) -> Option<Response<Body>> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|bytes| bytes > BODY_BYTES_MAX) {
        return Some(answer(StatusCode::PAYLOAD_TOO_LARGE, "over 100 MB"));
    }
    // .NET cannot send headers with other characters: it throws, and the handler sees nothing.
    let ascii = headers.values().all(|value| value.as_bytes().is_ascii());
    (!ascii).then(|| answer(StatusCode::INTERNAL_SERVER_ERROR, ""))
}

fn one_line_per_value(headers: &mut HeaderMap, name: &HeaderName) {
    let lines: Vec<HeaderValue> = headers.get_all(name).iter().cloned().collect();
    headers.remove(name);
    let values = lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    for value in values.filter_map(|value| HeaderValue::from_str(value.trim()).ok()) {
        headers.append(name, value);
    }
}

/// Removes the headers that apply to one connection only.
pub(super) fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
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

/// The query as the Azure host forwards it: unchanged, except that the values of a repeated key are joined by commas
/// into the first.
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

    /// The client decides how many keys there are, so the cost must be linear.
    #[test]
    fn a_hundred_thousand_query_keys_are_joined_at_once() {
        let started = std::time::Instant::now();
        let distinct: Vec<String> = (0..100_000).map(|n| format!("k{n}=1")).collect();
        assert_eq!(joined(&distinct.join("&")), distinct.join("&"));
        let repeated = format!("a=1{}", "&a=1".repeat(100_000));
        assert_eq!(joined(&repeated).len(), "a=1".len() + 100_000 * "%2C1".len());
        assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
    }

    #[test]
    fn headers_of_one_connection_are_removed() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("connection", "close, X-Once"), ("x-once", "1"), ("te", "trailers"), ("accept", "a")] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let left = end_to_end(headers);
        assert_eq!(left.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    }
}
