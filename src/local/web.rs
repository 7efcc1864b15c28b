//! The small HTTP server and client under front, queue and pump.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{Request, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(super) type Body = BoxBody<Bytes, BoxError>;
pub(super) type Client = Pool<HttpConnector, Body>;

/// Connections open at once on one port: more than a browser, a test and a load run use, less than a process may.
const CONNECTIONS_MAX: usize = 512;
/// A client that has not finished its headers by then is not going to.
const HEADERS_WITHIN: Duration = Duration::from_secs(15);

pub(super) fn client() -> Client {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    // Loopback answers at once or never.
    connector.set_connect_timeout(Some(Duration::from_secs(2)));
    Pool::builder(TokioExecutor::new()).build(connector)
}

pub(super) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed()
}

pub(super) fn answer(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(full(text.to_owned()));
    *response.status_mut() = status;
    if !text.is_empty() {
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    response
}

/// Answers requests until dropped; its connections end with it.
pub(super) async fn serve<H, F>(listener: TcpListener, handle: H)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(seat) = seats.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file handles, or a client gone before its turn: neither is better for a busy loop.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let handle = handle.clone();
        connections.spawn(async move {
            let _ = stream.set_nodelay(true);
            let service = service_fn(move |request| {
                let response = handle(request);
                async move { Ok::<_, Infallible>(response.await) }
            });
            // Err: the client went away or spoke no HTTP; nobody is left to tell.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS_WITHIN)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(seat);
        });
    }
}

/// Whether Host names this very port on the loopback: a page elsewhere whose name was bound to 127.0.0.1 does not
/// (DNS rebinding). Exactly one Host, and an absolute request target must say the same.
pub(super) fn is_addressed_to<B>(request: &Request<B>, port: u16) -> bool {
    let ours = |authority: &str| {
        let (host, named) = match authority.rsplit_once(':') {
            Some((host, digits)) if !digits.ends_with(']') => (host, digits.parse().ok()),
            _ => (authority, Some(80)),
        };
        named == Some(port) && ["127.0.0.1", "localhost", "[::1]"].iter().any(|n| n.eq_ignore_ascii_case(host))
    };
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    host.to_str().is_ok_and(ours) && request.uri().authority().is_none_or(|a| ours(a.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_loopback_by_its_own_port_is_us() {
        let addressed = |host: &str| is_addressed_to(&Request::builder().header("Host", host).body(()).unwrap(), 7071);
        for host in ["127.0.0.1:7071", "localhost:7071", "LOCALHOST:7071", "[::1]:7071"] {
            assert!(addressed(host), "{host}");
        }
        for host in [
            "",
            "localhost",
            "localhost:80",
            "evil.example:7071",
            "127.0.0.1.evil:7071",
            "[::1]",
            "localhost:7071:7071",
            "a@localhost:7071",
        ] {
            assert!(!addressed(host), "{host}");
        }
    }

    #[test]
    fn a_second_host_header_or_another_target_is_refused() {
        let two = Request::builder().header("Host", "localhost:1").header("Host", "localhost:1").body(()).unwrap();
        assert!(!is_addressed_to(&two, 1));
        let target = Request::builder().uri("http://evil.example/api").header("Host", "localhost:1").body(()).unwrap();
        assert!(!is_addressed_to(&target, 1));
    }
}
