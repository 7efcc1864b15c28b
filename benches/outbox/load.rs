//! HTTP requests by callers that each keep one connection, and how long their answers took.

use crate::rounds::percentile;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{net::TcpStream, task::JoinSet};

/// A POST.
pub struct Post {
    pub path: String,
    pub body: String,
}

/// How a round of requests went.
pub struct Load {
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

impl Load {
    pub fn of(took: Duration, mut times_ms: Vec<f64>) -> Self {
        times_ms.sort_by(f64::total_cmp);
        let of = |percent| percentile(&times_ms, percent);
        Self { per_second: times_ms.len() as f64 / took.as_secs_f64(), p50_ms: of(50.0), p99_ms: of(99.0) }
    }
}

/// Sends `count` posts, each caller the next one as soon as it has its answer.
pub async fn closed(port: u16, callers: u32, count: u32, make: impl Fn(u32) -> Post + Send + Sync + 'static) -> Load {
    let (next, make) = (Arc::new(AtomicU32::new(0)), Arc::new(make));
    let mut connections = Vec::new();
    for _ in 0..callers {
        connections.push(connect(port).await);
    }
    let (began, mut running) = (Instant::now(), JoinSet::new());
    for mut connection in connections {
        let (next, make) = (next.clone(), make.clone());
        running.spawn(async move {
            let mut times = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return times;
                }
                let request = make(n);
                let sent = Instant::now();
                let answer = send(&mut connection, port, request).await;
                answer.into_body().collect().await.unwrap();
                times.push(sent.elapsed().as_secs_f64() * 1e3);
            }
        });
    }
    let times = running.join_all().await.concat();
    Load::of(began.elapsed(), times)
}

pub async fn connect(port: u16) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

pub async fn send(connection: &mut SendRequest<Full<Bytes>>, port: u16, request: Post) -> Response<Incoming> {
    connection.ready().await.unwrap();
    let request = Request::post(request.path)
        .header("host", format!("127.0.0.1:{port}"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(request.body)))
        .unwrap();
    let answer = connection.send_request(request).await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    answer
}
