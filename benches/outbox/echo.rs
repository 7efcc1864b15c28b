//! A bare warp server in a process of its own: what HTTP alone allows, with bodies of the same sizes.

use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};
use warp::Filter;

/// Ends with this value.
pub struct Echo {
    child: Child,
    pub port: u16,
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Echo {
    /// Its answers have so many bytes.
    pub fn start(bytes: usize) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--echo", &bytes.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, port: line.trim().parse().unwrap() }
    }
}

/// Runs in that process.
pub async fn serve(bytes: usize) {
    let body = "x".repeat(bytes);
    let answer = warp::post().and(warp::body::bytes()).map(move |received: bytes::Bytes| {
        std::hint::black_box(received);
        warp::reply::with_header(body.clone(), "content-type", "application/json")
    });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    let service = TowerToHyperService::new(warp::service(answer));
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
        tokio::spawn(connection);
    }
}
