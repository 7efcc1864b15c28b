//! The handler as a process that can be killed at any moment, and the Functions host's side of it.

use crate::support::{edge::OF_THE_HOST, host::executable, queue_message::envelope};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, body::Bytes};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;
use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::sync::mpsc::{self, UnboundedReceiver};

pub struct Handler {
    child: Child,
    lines: UnboundedReceiver<Value>,
    pub port: u16,
}

/// How long a handler may take to start on a busy machine.
const UP_WITHIN: Duration = Duration::from_mins(1);

impl Handler {
    /// Returns when it is up.
    pub async fn start(settings: &[(&str, String)]) -> Self {
        Self::start_of(executable(), settings).await
    }

    /// Of another build.
    pub async fn start_of(program: impl AsRef<OsStr>, settings: &[(&str, String)]) -> Self {
        let port = client_organizer::local::free_port().unwrap();
        let mut child = Command::new(program)
            .arg("serve")
            .envs(settings.iter().map(|(name, value)| (*name, value.as_str())))
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let event =
                    serde_json::from_str(&line).unwrap_or_else(|e| panic!("the log line is not JSON ({e}): {line}"));
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        let mut handler = Self { child, lines, port };
        loop {
            let line = tokio::time::timeout(UP_WITHIN, handler.line()).await.unwrap();
            if line.expect("the handler ended")["message"] == "handler up" {
                return handler;
            }
        }
    }

    /// The next line of its log; `None` when it has ended.
    pub async fn line(&mut self) -> Option<Value> {
        self.lines.recv().await
    }

    /// kill -9; returns the log lines that were not read before.
    pub fn kill(&mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::iter::from_fn(|| self.lines.blocking_recv()).collect()
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A delivery as the host makes it. Returns the status, or `None` if the handler was gone before it answered.
pub async fn deliver(port: u16, id: String, body: String) -> (String, String, Option<u16>) {
    let status = invoke(port, "SendEmail", envelope(&id, &body)).await;
    (id, body, status)
}

pub async fn invoke(port: u16, function: &str, body: String) -> Option<u16> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let mut request = Request::builder().method(Method::POST).uri(format!("http://127.0.0.1:{port}/{function}"));
    for (name, value) in OF_THE_HOST {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    let response = client.request(request).await.ok()?;
    let status = response.status().as_u16();
    response.into_body().collect().await.ok()?;
    Some(status)
}
