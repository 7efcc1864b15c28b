//! The HTTP client under the REST crate. It is ours so that status, Retry-After and body are not lost.

use super::{
    ConnectionString,
    access::{Access, now},
    outcome::{Answer, NoAnswer},
    properties,
    proxy::Proxy,
    rest::RestOptions,
};
use crate::{
    adapters::quoted::quoted,
    domain::{causes, retry_after},
};
use async_trait::async_trait;
use azure_core::{Body, HttpClient, Request, StatusCode, headers::Headers};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;

/// An error that carries the answer: the crate's own errors lose the body and headers of any answer but 2xx.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("the bus answered {}", .0.status)]
    Answered(Answer),
    #[error("the bus gave no answer")]
    NoAnswer(NoAnswer),
}

#[derive(Debug)]
pub(super) struct BusHttp {
    client: reqwest::Client,
    /// `host:port` of a local bus, where requests go instead, without TLS.
    local: Option<String>,
    access: Access,
}

/// A destination that completes no handshake in this time, or in half of a send's timeout, counts as unreachable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shorter than the minutes after which gateways silently drop idle connections.
const POOL_IDLE: Duration = Duration::from_secs(50);
/// How much of an answer's body is read, and for how long: the status alone decides.
const BODY_BYTES_MAX: usize = 4_096;
const BODY_WAIT: Duration = Duration::from_secs(1);

/// # Errors
/// TLS cannot be set up on this machine (no root certificates, for example).
pub(super) fn client(
    connection: &ConnectionString,
    timeout: Duration,
    idle_max: usize,
) -> Result<reqwest::Client, String> {
    let builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT.min(timeout / 2))
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(idle_max)
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true);
    // No TLS to this machine, so that a demo needs no root certificates, and no proxy, which could not reach it.
    let builder = if connection.is_local() { builder.no_proxy().tls_certs_only([]) } else { builder.https_only(true) };
    builder.build().map_err(|e| format!("TLS cannot be set up: {}", root_cause(&e)))
}

impl BusHttp {
    /// # Errors
    /// As `client`.
    pub(super) fn new(connection: &ConnectionString, access: Access, options: RestOptions) -> Result<Self, String> {
        let client = client(connection, options.timeout, options.concurrency)?;
        Ok(Self { client, local: connection.local.clone(), access })
    }

    fn prepare(&self, request: &Request) -> Result<reqwest::Request, String> {
        let url = match &self.local {
            Some(authority) => format!("http://{authority}{}", request.url().path()),
            None => request.url().to_string(),
        };
        let mut headers = HeaderMap::new();
        for (name, value) in request.headers().iter() {
            // The broker properties are the crate's own JSON, which may have characters that a header cannot carry.
            let value = match name.as_str() {
                "brokerproperties" => properties::broker_line(value.as_str()),
                _ => value.as_str().to_owned(),
            };
            let name = HeaderName::from_bytes(name.as_str().as_bytes()).map_err(|_| "a header name is invalid")?;
            let value = HeaderValue::from_str(&value).map_err(|_| format!("the value of header {name} is invalid"))?;
            headers.insert(name, value);
        }
        let Body::Bytes(body) = request.body() else { return Err("its body is a stream".to_owned()) };
        let request = self.client.post(url).headers(headers).body(body.clone()).build();
        request.map_err(|e| root_cause(&e))
    }

    async fn send(&self, request: &Request) -> Result<u16, Ended> {
        // Replaces the crate's own signature, which encodes like a form, and the policy's name not at all.
        let authorization = self.access.header(request.url().as_str()).await;
        let authorization = authorization.map_err(|cause| Ended::NoAnswer(NoAnswer::NoToken { cause }))?;
        let mut request = self.prepare(request).map_err(|cause| Ended::NoAnswer(NoAnswer::Unsendable { cause }))?;
        request.headers_mut().insert(AUTHORIZATION, authorization);
        // hyper repeats a request only if the pooled connection was closed before any byte of it was written.
        let mut response = self.client.execute(request).await.map_err(|e| Ended::NoAnswer(no_answer(&e)))?;
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let after_ms = retry_after::wait_ms(header, now());
        let mut body = Vec::new();
        let reading = async {
            while let Ok(Some(chunk)) = response.chunk().await {
                body.extend_from_slice(&chunk[..chunk.len().min(BODY_BYTES_MAX - body.len())]);
                if body.len() == BODY_BYTES_MAX {
                    break;
                }
            }
        };
        // Read to its end after a 2xx too, so that the connection can be reused.
        let _ = tokio::time::timeout(BODY_WAIT, reading).await;
        if (200..300).contains(&status) {
            return Ok(status);
        }
        Err(Ended::Answered(Answer { status, after_ms, detail: quoted(&String::from_utf8_lossy(&body)) }))
    }
}

#[async_trait]
impl HttpClient for BusHttp {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<azure_core::Response> {
        let status = match self.send(request).await {
            Ok(status) => StatusCode::try_from(status).unwrap_or(StatusCode::Ok),
            Err(ended) => return Err(azure_core::Error::new(azure_core::error::ErrorKind::Other, ended)),
        };
        let empty = azure_core::BytesStream::new_empty();
        Ok(azure_core::Response::new(status, Headers::new(), Box::pin(empty)))
    }
}

fn no_answer(error: &reqwest::Error) -> NoAnswer {
    let cause = root_cause(error);
    if error.is_connect() {
        NoAnswer::NotConnected { cause }
    } else if error.is_builder() {
        NoAnswer::Unsendable { cause }
    } else {
        // Reset, closed, or an answer that is not HTTP: part of the request may have arrived.
        NoAnswer::Cut { cause }
    }
}

/// The innermost error's text; the outer ones only repeat the URL. If no connection was made over HTTPS, the proxy that
/// reqwest takes from the environment is named too.
pub(super) fn root_cause(error: &reqwest::Error) -> String {
    let outside = error.url().filter(|url| error.is_connect() && url.scheme() == "https");
    let note = outside.and_then(|url| url.host_str()).map(Proxy::note);
    format!("{}{}", causes::root_cause(error), note.unwrap_or_default())
}
