//! A stand-in for Azure Communication Services' mail, as a child process, with faults by plan (tests/acs/server.py).

use super::skip;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};
use tokio::sync::mpsc;

pub const KEY: &str = "c3RhbmQtaW4ga2V5";
pub const TOKEN: &str = "stand-in-token";

pub struct AcsServer {
    pub port: u16,
    child: Child,
    /// Its end is the server's.
    stdin: Option<ChildStdin>,
    lines: mpsc::Receiver<Value>,
}

/// What a started Python may take on a busy machine; nothing waits so long that works.
const LINE_WITHIN: Duration = Duration::from_mins(1);
/// More than any test's requests.
const LINES_MAX: usize = 100_000;

impl AcsServer {
    /// `None`: there is no python3, and that was said. `plan` and `status`: who meets what, see server.py.
    pub async fn start(dedup: bool, plan: Value, status: Value) -> Option<Self> {
        Self::start_with(json!({ "dedup": dedup, "plan": plan, "status": status })).await
    }

    pub async fn start_with(mut settings: Value) -> Option<Self> {
        settings["key"] = json!(KEY);
        settings["token"] = json!(TOKEN);
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/acs/server.py");
        let started = Command::new("python3")
            .args(["-B", "-W", "ignore"])
            .arg(script)
            .arg(settings.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = started else {
            skip::missing("python3 for the mail service's stand-in");
            return None;
        };
        let (sender, lines) = mpsc::channel(LINES_MAX);
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.blocking_send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        let mut server = Self { port: 0, stdin: child.stdin.take(), child, lines };
        let first = server.next().await;
        server.port = u16::try_from(first["port"].as_u64().unwrap()).unwrap();
        Some(server)
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What `Email__AcsConnectionString` takes.
    pub fn connection_string(&self) -> String {
        format!("endpoint={}/;accesskey={KEY}", self.endpoint())
    }

    /// The next request that came, whatever was answered.
    pub async fn next(&mut self) -> Value {
        // None: the server ended; its stderr says why.
        tokio::time::timeout(LINE_WITHIN, self.lines.recv()).await.unwrap().unwrap()
    }

    /// The next line of its stdout, however long that takes. `None`: it has ended.
    #[allow(dead_code, reason = "for the long proofs")]
    pub async fn line(&mut self) -> Option<Value> {
        self.lines.recv().await
    }

    /// A line of its stdin, see server.py.
    #[allow(dead_code, reason = "for the long proofs")]
    pub fn command(&mut self, command: &Value) {
        writeln!(self.stdin.as_mut().unwrap(), "{command}").unwrap();
    }

    /// Every request there was, once the server has ended.
    pub async fn end(mut self) -> Vec<Value> {
        drop(self.stdin.take());
        let mut requests = Vec::new();
        while let Some(request) = tokio::time::timeout(LINE_WITHIN, self.lines.recv()).await.unwrap() {
            requests.push(request);
        }
        requests
    }
}

impl Drop for AcsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
