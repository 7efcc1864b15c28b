//! The small HTTP server and client that front, queue and pump use.

use crate::http_server::{self, Inbound, Limits};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{Request, Response, StatusCode, header, service::service_fn};
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::TokioExecutor,
};
use std::{convert::Infallible, future::Future, time::Duration};
use tokio::net::TcpListener;

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(super) type Body = BoxBody<Bytes, BoxError>;
pub(super) type Client = Pool<HttpConnector, Body>;

/// Servers that share the connection limit of this process: the front and the queue.
const SERVERS: u64 = 2;

pub(super) fn client() -> Client {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    // A connection on the loopback succeeds at once or never.
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

/// Answers requests until the future is dropped; its connections end with it.
pub(super) async fn serve<H, F>(listener: TcpListener, handle: H)
where
    H: Fn(Request<Inbound>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let service = service_fn(move |request| {
        let response = handle(request);
        async move { Ok::<_, Infallible>(response.await) }
    });
    http_server::serve(listener, Limits::sharing(SERVERS), service, std::future::pending()).await;
}

/// Whether Host names this port on the loopback. Requests of a page elsewhere whose name was bound to 127.0.0.1 (DNS
/// rebinding) do not. There must be exactly one Host, and an absolute request target must name the same.
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
    fn only_the_loopback_with_this_port_is_accepted() {
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
