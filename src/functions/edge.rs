//! One request: matched to its endpoint, answered in a task of its own, logged in one line.

use super::{
    Guard, Services, body, console, dispatch_outbox, finance, health, invocation, openapi, operations,
    operations::OpsPath,
    problem::{Kind, Problem},
    prune_outbox,
    reply::{self, Reply},
    request::{self, Head, Request},
    retry_email,
    routes::Endpoint,
    send_email,
    trace::Trace,
};
use crate::{
    domain::{message::Headers, route::Destination},
    telemetry::{
        meters,
        spans::{self, Span},
    },
};
use futures::Stream;
use std::sync::Arc;
use tokio::time::Instant;
use tracing::Instrument;
use warp::{
    Buf,
    http::{HeaderMap, Method, StatusCode},
};

/// Runs in a task of its own: a caller that disconnects cancels nothing halfway, and a panic fails this request only.
pub(super) async fn answer<B: Buf + Send, E: Send + 'static>(
    services: Arc<Services>,
    guard: Arc<Guard>,
    head: Head,
    stream: impl Stream<Item = Result<B, E>> + Send + 'static,
) -> Reply {
    let started = Instant::now();
    let endpoint = Endpoint::find(&head.path);
    let mut line = Line::of(&head, endpoint);
    let given = Trace::given(&head.headers);
    let recorded = span_of(endpoint, &head, given.as_ref());
    recorded.invoked(&line.invocation);
    let trace = Trace::of(given, &recorded);
    let trace_id = trace.id();
    // Every line that the flows log carries these.
    let span = tracing::info_span!("invocation", function = line.function, id = line.invocation, trace = trace_id);
    let is_invocation = endpoint.is_some_and(Endpoint::is_invocation);
    let reply = if let Some(reason) = guard.refusal(endpoint, &head) {
        recorded.idle();
        // The id was not sent by the host.
        line.invocation.clear();
        tracing::warn!(function = line.function, trace = trace_id, reason, "refused: not the host's own request");
        if is_invocation {
            invocation::failed(StatusCode::FORBIDDEN, reason)
        } else {
            Problem::new(Kind::Misdirected, reason).reply()
        }
    } else {
        let answering = async move {
            let bytes_max = if is_invocation { invocation::BODY_BYTES_MAX } else { body::BODY_BYTES_MAX };
            let body = request::read(stream, bytes_max).await;
            route(&services, endpoint, &Request { head, body, trace }).await
        };
        let within = recorded.clone();
        let answering = async move { within.around(answering).await };
        tokio::spawn(answering.instrument(span)).await.unwrap_or_else(|_| {
            tracing::error!(function = line.function, invocation = line.invocation, trace = trace_id, "panicked");
            if is_invocation {
                invocation::failed(StatusCode::INTERNAL_SERVER_ERROR, "it panicked")
            } else {
                Problem::panicked().reply()
            }
        })
    };
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let Line { function, invocation, method, path } = line;
    let status = reply.status().as_u16();
    recorded.answered(status);
    if !is_invocation {
        meters::answered(&method, endpoint.map(Endpoint::template), status, started.elapsed());
    }
    if endpoint == Some(Endpoint::Root) {
        tracing::debug!(status, "ping");
    } else {
        tracing::info!(function, invocation, trace = trace_id, method, path, status, ms, "answered");
    }
    reply
}

/// The span of a request or of a timer's run. A queue's message has its own (`send_email`), in the message's trace, and
/// what only looks, every few seconds, has none.
fn span_of(endpoint: Option<Endpoint>, head: &Head, given: Option<&Headers>) -> Span {
    match endpoint {
        Some(
            Endpoint::Root
            | Endpoint::Health
            | Endpoint::Console(_)
            | Endpoint::Operations(OpsPath::Overview | OpsPath::Metrics),
        ) => Span::default(),
        Some(Endpoint::SendEmail) => spans::invocation("SendEmail", given),
        Some(timer) if timer.is_invocation() => spans::run(timer.function(), given),
        _ => {
            let (function, route) = (endpoint.map_or("none", Endpoint::function), endpoint.map(Endpoint::template));
            spans::request(function, head.method.as_str(), route, &head.path, given)
        }
    }
}

async fn route(services: &Services, endpoint: Option<Endpoint>, request: &Request) -> Reply {
    let Some(endpoint) = endpoint else { return Problem::not_found().reply() };
    let method = if request.head.method == Method::HEAD { "GET" } else { request.head.method.as_str() };
    if !endpoint.methods().contains(&method) {
        let allow = endpoint.allow();
        let problem = Problem::new(Kind::MethodNotAllowed, format!("this path allows {allow}"));
        return problem.with_header("allow", allow).reply();
    }
    match endpoint {
        // Uses nothing: the host polls it until the handler is up, and later to check that it still is.
        Endpoint::Root => reply::json(StatusCode::OK, &serde_json::json!({ "version": services.version })),
        Endpoint::Console(asset) => console::console(asset),
        Endpoint::Health => health::health(&services.health, services.version),
        Endpoint::OpenApi => openapi::openapi(),
        Endpoint::Operations(path) => {
            let reply = operations::answer(services, path, request).await.unwrap_or_else(Problem::reply);
            if method != "GET" && path != OpsPath::FindMails && reply.status().is_success() {
                // A remedy or a resume makes work for both. The timer that would find it may be elsewhere, and rest.
                services.book.nudge.wake();
                services.idle_outbox.wake();
                services.idle_mail.wake();
            }
            reply
        }
        Endpoint::Clients
        | Endpoint::Client(_)
        | Endpoint::Records(_)
        | Endpoint::Record(..)
        | Endpoint::Reminders(..) => {
            if method != "GET" {
                services.idle_outbox.wake();
            }
            finance::answer(&services.book, endpoint, request).await.unwrap_or_else(Problem::reply)
        }
        Endpoint::DispatchOutbox => {
            let (idle, heartbeat) = (&services.idle_outbox, &services.heartbeat_outbox);
            dispatch_outbox::answer(&services.dispatch, &services.operate, idle, heartbeat).await
        }
        Endpoint::SendEmail => {
            services.idle_mail.wake();
            let queue = services.operate.mail_queue.as_ref().map(Destination::entity);
            send_email::answer(&services.notify, queue, request).await
        }
        Endpoint::RetryEmail => {
            retry_email::answer(&services.notify, &services.idle_mail, &services.heartbeat_mail).await
        }
        Endpoint::PruneOutbox => prune_outbox::answer(&services.prune, &services.heartbeat_prune).await,
    }
}

/// The log line of a request. It never has the query, which may hold the function key, or the body.
struct Line {
    function: &'static str,
    invocation: String,
    method: String,
    path: String,
}

/// Longer than every path of the API.
const PATH_CHARS_MAX: usize = 120;
const ID_CHARS_MAX: usize = 64;

impl Line {
    fn of(head: &Head, endpoint: Option<Endpoint>) -> Self {
        Self {
            function: endpoint.map_or("none", Endpoint::function),
            invocation: invocation_id(&head.headers),
            method: head.method.as_str().chars().take(ID_CHARS_MAX).collect(),
            path: head.path.chars().take(PATH_CHARS_MAX).collect(),
        }
    }
}

fn invocation_id(headers: &HeaderMap) -> String {
    let given = headers.get_all("x-azure-functions-invocationid").iter().next_back();
    let given = given.and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Text before the last comma is from the client: when it forwards, the host appends its own id.
    given.rsplit(',').next().unwrap_or_default().trim().chars().take(ID_CHARS_MAX).collect()
}
