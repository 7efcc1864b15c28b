//! The HTTP server under the handler, the local front and the local queue: connections, times and bodies are bounded.
//!
//! Each connection holds a slot. When no slot is free, a new connection takes the slot of a client that the server is
//! waiting for: one that is idle, or in the middle of its headers or body. The peer with the most slots loses one
//! first, and of its connections the one that has waited longest. A request that is being answered is never cut. When
//! no connection may be cut, the new one waits a little and gets 503.
//!
//! The limits: at most 512 connections, fewer if the process may open few files. A client that keeps the server waiting
//! for more than 1 s may lose its connection to a new one, which waits 2 s for a slot. Headers must arrive within 15 s
//! (at the handler's port 2 min: longer than .NET keeps an idle connection), a whole body within 30 s, whatever its
//! framing.

mod inbound;
mod slots;

pub use inbound::Inbound;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::{Body, Incoming},
    header::{CONNECTION, RETRY_AFTER},
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use slots::{Slot, Slots};
use std::{convert::Infallible, error::Error, future::Future, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::Instant,
};

/// How many connections clients may hold, and how long they may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections served at once.
    pub slots: usize,
    /// From the connection's begin, or the end of the last answer, to the end of the next headers.
    pub headers_within: Duration,
    /// From the headers to the end of the body, whatever its framing.
    pub body_within: Duration,
    /// A client that keeps the server waiting for less than this keeps its slot.
    pub patience: Duration,
    /// How long a new connection waits for a slot before it gets 503.
    pub slot_within: Duration,
}

impl Limits {
    /// The limits of one of `servers` servers that share this process's file handles. Each connection counts as two:
    /// it may need another connection onward.
    #[must_use]
    pub fn sharing(servers: u64) -> Self {
        let open_max = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
        let share = open_max.saturating_sub(HANDLES_KEPT) / servers.max(1).saturating_mul(2);
        Self {
            slots: usize::try_from(share).unwrap_or(SLOTS_MAX).clamp(SLOTS_MIN, SLOTS_MAX),
            headers_within: Duration::from_secs(15),
            body_within: Duration::from_secs(30),
            patience: Duration::from_secs(1),
            slot_within: Duration::from_secs(2),
        }
    }
}

/// More than a browser, a test or a load run uses.
const SLOTS_MAX: usize = 512;
const SLOTS_MIN: usize = 4;
/// File handles kept for databases, pipes, outgoing connections, and new connections that wait.
const HANDLES_KEPT: u64 = 64;
/// New connections that wait for a slot or are being refused; further ones wait in the operating system's queue.
const PENDING_MAX: usize = 16;

/// Answers requests until `shutdown`, then finishes those under way and accepts no more. When the future is dropped, all
/// its connections end.
pub async fn serve<S, B>(listener: TcpListener, limits: Limits, service: S, shutdown: impl Future<Output = ()>)
where
    S: Service<Request<Inbound>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let (stop, stopping) = watch::channel(false);
    let (slots, pending) = (Arc::new(Slots::new(limits)), Arc::new(Semaphore::new(PENDING_MAX)));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        while connections.try_join_next().is_some() {}
        let next = async {
            let permit = pending.clone().acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            () = &mut shutdown => break,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file handles, or the client went away before its turn: a busy loop helps with neither.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let (slots, service, stopping) = (slots.clone(), service.clone(), stopping.clone());
        connections.spawn(async move {
            let _ = stream.set_nodelay(true);
            let Some(slot) = slots.acquire(peer.ip()).await else { return refuse(stream).await };
            drop(permit);
            attend(stream, limits, service, &slot, stopping).await;
            slots.release(&slot);
        });
    }
    stop.send_replace(true);
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn attend<S, B>(stream: TcpStream, limits: Limits, service: S, slot: &Arc<Slot>, mut stop: watch::Receiver<bool>)
where
    S: Service<Request<Inbound>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let at = slot.clone();
    let counted = service_fn(move |request: Request<Incoming>| {
        let until = Instant::now() + limits.body_within;
        let answering = service.call(request.map(|body| Inbound::new(body, at.clone(), until)));
        let slot = at.clone();
        async move {
            let response = answering.await;
            slot.waits();
            response
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers_within)
        .serve_connection(TokioIo::new(stream), counted);
    let mut connection = pin!(connection);
    let mut is_stopping = false;
    loop {
        tokio::select! {
            // Err: the client went away or did not speak HTTP; there is no one to answer.
            _ = &mut connection => return,
            () = slot.evicted() => return,
            _ = stop.wait_for(|stop| *stop), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Answers 503. Reads the headers first: a client that is cut while it sends never sees the answer.
async fn refuse(stream: TcpStream) {
    let full = service_fn(|_: Request<Incoming>| async {
        let mut response = Response::new(Full::<Bytes>::from("all connection slots are in use"));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert(RETRY_AFTER, hyper::header::HeaderValue::from_static("1"));
        response.headers_mut().insert(CONNECTION, hyper::header::HeaderValue::from_static("close"));
        Ok::<_, Infallible>(response)
    });
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(1))
        .serve_connection(TokioIo::new(stream), full)
        .await;
}

#[cfg(test)]
#[path = "http_server/tests.rs"]
mod tests;
