//! A plain HTTP client on loopback: sends its input byte for byte.

use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode, body::Bytes};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

/// Keeps its connections for further requests.
pub type Plain = Client<HttpConnector, Full<Bytes>>;

pub struct Answer {
    pub status: StatusCode,
    pub headers: hyper::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub fn plain() -> Plain {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Sends no body where `body` is empty. `Err`: there was no whole answer within the deadline, and why.
pub async fn exchange(
    client: &Plain,
    port: u16,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Answer, String> {
    let mut request = Request::builder().method(method).uri(format!("http://127.0.0.1:{port}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap();
    let answer = async {
        let (parts, body) = client.request(request).await.map_err(|e| format!("{e:?}"))?.into_parts();
        let body = body.collect().await.map_err(|e| e.to_string())?.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    };
    let late = |_| Err(format!("no answer from {path} within the deadline"));
    tokio::time::timeout(super::host::DEADLINE, answer).await.unwrap_or_else(late)
}

pub async fn send(port: u16, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    exchange(&plain(), port, method, path, headers, body).await.unwrap()
}

pub async fn post_json(port: u16, path: &str, body: &Value) -> Answer {
    send(port, Method::POST, path, &[("content-type", "application/json")], &body.to_string()).await
}

pub async fn get(port: u16, path: &str) -> Answer {
    send(port, Method::GET, path, &[], "").await
}
