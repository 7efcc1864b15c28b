//! The host's edge: one warp service that answers the HTTP API and the host's invocations.
//!
//! `routes` matches the raw paths. `/api/…` is the HTTP API of Finance, Operations, Health and OpenApi, and Console's
//! page, forwarded or proxied: the answers reach the caller unchanged. `POST /<Function>` is an invocation by a timer or the queue, accepted only from
//! the host itself (`guard`). It always answers a JSON object: an empty 2xx hangs the host until it kills the process.
//!
#![doc = include_str!("README.md")]

mod routes;
mod guard;
mod request;
mod reply;
mod problem;
mod field_reader;
mod body;
mod write;
mod wire;
mod trace;
mod finance;
mod clients;
mod records;
mod reminders;
mod console;
mod health;
mod openapi;
mod openapi_messages;
mod operations;
mod envelope;
mod invocation;
mod idle;
mod heartbeat;
mod dispatch_outbox;
mod send_email;
mod retry_email;
mod prune_outbox;
mod edge;

pub use guard::Guard;
pub use heartbeat::{Heartbeat, Rhythm};
pub use idle::Idle;
pub use openapi::document;
pub use routes::{FUNCTIONS, Function, Trigger, endpoints, names, routes};

use crate::{
    flows::{
        book::BookContext, dispatch::DispatchContext, health::Health, mailing::NotifyContext, operate::OperateContext,
        prune::PruneContext,
    },
    http_server::{self, Limits},
};
use hyper_util::service::TowerToHyperService;
use std::{sync::Arc, time::Duration};
use tokio::net::TcpListener;
use warp::Filter;

/// The flows' contexts and the state that the functions share.
pub struct Services {
    /// For writes and reads of Finance.
    pub book: Arc<BookContext>,
    /// For DispatchOutbox.
    pub dispatch: Arc<DispatchContext>,
    /// For SendEmail and RetryEmail.
    pub notify: Arc<NotifyContext>,
    /// For Operations.
    pub operate: Arc<OperateContext>,
    /// Whether the platform signs operators in, so that Operations believes its `X-MS-CLIENT-PRINCIPAL-NAME`.
    pub principal_header: bool,
    /// For PruneOutbox.
    pub prune: Arc<PruneContext>,
    /// When DispatchOutbox may skip a run.
    pub idle_outbox: Idle,
    /// When RetryEmail may skip a run.
    pub idle_mail: Idle,
    /// That DispatchOutbox runs.
    pub heartbeat_outbox: Heartbeat,
    /// That RetryEmail runs.
    pub heartbeat_mail: Heartbeat,
    /// That PruneOutbox runs.
    pub heartbeat_prune: Heartbeat,
    /// The last known state of the dependencies, for Health.
    pub health: Arc<Health>,
    /// This build's version, as Health and the root path report it.
    pub version: &'static str,
}

/// Longer than the host keeps an idle connection (.NET: one minute), so that it never sends on a closing one.
const HEADERS_WITHIN: Duration = Duration::from_mins(2);

/// Serves until `shutdown`, then finishes the requests under way and accepts no more. The listener is bound before
/// anything else is opened.
pub async fn serve(
    listener: TcpListener,
    services: Arc<Services>,
    guard: Guard,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let guard = Arc::new(guard);
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let filter = warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |method, path: warp::path::FullPath, query, headers, stream| {
            let head = request::Head { method, path: path.as_str().to_owned(), query, headers };
            edge::answer(services.clone(), guard.clone(), head, stream)
        });
    let limits = Limits { headers_within: HEADERS_WITHIN, ..Limits::sharing(1) };
    let service = TowerToHyperService::new(warp::service(filter));
    http_server::serve(listener, limits, service, shutdown).await;
}
