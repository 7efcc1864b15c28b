//! The host's edge: one warp service that answers the HTTP API and the host's invocations.
//!
//! Paths are taken raw and matched by `places`. `/api/…` is the HTTP of Finance, Health and OpenApi, forwarded or
//! proxied: their answers reach the caller as they are. `POST /<Function>` is an invocation by a timer or the queue,
//! taken only from the host itself (`guard`): its answer is always a JSON object with a body, since an empty 2xx would
//! hang the host until it kills the process.
//!
#![doc = include_str!("README.md")]

mod routes;
mod guard;
mod request;
mod reply;
mod problem;
mod fields;
mod body;
mod write;
mod wire;
mod trace;
mod finance;
mod clients;
mod records;
mod reminders;
mod health;
mod openapi;
mod openapi_messages;
mod envelope;
mod invocation;
mod idle;
mod dispatch_outbox;
mod send_email;
mod retry_email;
mod prune_outbox;
mod edge;

pub use guard::Guard;
pub use idle::Idle;
pub use openapi::document;
pub use routes::{FUNCTIONS, Function, Trigger, endpoints, names, routes};

use crate::{
    flows::{
        book::BookContext, dispatch::DispatchContext, health::Health, mailing::NotifyContext, prune::PruneContext,
    },
    http_server::{self, Limits},
};
use hyper_util::service::TowerToHyperService;
use std::{sync::Arc, time::Duration};
use tokio::net::TcpListener;
use warp::Filter;

/// What the functions work with.
pub struct Services {
    pub book: Arc<BookContext>,
    pub dispatch: Arc<DispatchContext>,
    pub notify: Arc<NotifyContext>,
    pub prune: Arc<PruneContext>,
    /// What DispatchOutbox and RetryEmail remember of their runs.
    pub idle_outbox: Idle,
    pub idle_mail: Idle,
    pub health: Arc<Health>,
    pub version: &'static str,
}

/// Longer than the host keeps a connection that it does not use (.NET: one minute), so that it never sends on one that
/// ends just then.
const HEADERS_WITHIN: Duration = Duration::from_mins(2);

/// Serves on a listener that was bound before anything else was opened, until `shutdown`; then what is being answered
/// is answered, and no more is taken.
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
