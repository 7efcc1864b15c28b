//! A server written in Python, as a child process: its settings are its argument, and it reports in lines of JSON.

use super::skip;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Write},
    marker::PhantomData,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};
use tokio::sync::mpsc;

/// A server of this `Kind`.
pub struct PythonServer<Kind> {
    pub port: u16,
    child: Child,
    /// The server ends when this closes.
    stdin: Option<ChildStdin>,
    lines: mpsc::Receiver<Value>,
    kind: PhantomData<Kind>,
}

/// How long Python may take to start on a busy machine; only a failing test waits this long.
const LINE_WITHIN: Duration = Duration::from_mins(1);
/// More than any test's requests.
const LINES_MAX: usize = 100_000;

impl<Kind> PythonServer<Kind> {
    /// `None`: this Python is missing, and the skip was reported.
    pub(super) async fn run(python: &Path, script: &str, settings: &Value) -> Option<Self> {
        let started = Command::new(python)
            .args(["-B", "-W", "ignore"])
            .arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(script))
            .arg(settings.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = started else {
            skip::missing(&format!("{} to run {script} with", python.display()));
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
        let mut server = Self { port: 0, stdin: child.stdin.take(), child, lines, kind: PhantomData };
        let first = server.next().await;
        server.port = u16::try_from(first["port"].as_u64().unwrap()).unwrap();
        Some(server)
    }

    /// Its next report, whatever it answered.
    pub async fn next(&mut self) -> Value {
        // None: the server ended; its stderr holds the reason.
        tokio::time::timeout(LINE_WITHIN, self.lines.recv()).await.unwrap().unwrap()
    }

    /// The next line of its stdout, however long that takes. `None`: it has ended.
    #[allow(dead_code, reason = "for the long proofs")]
    pub async fn line(&mut self) -> Option<Value> {
        self.lines.recv().await
    }

    /// Sends a line to its stdin, see its script.
    #[allow(dead_code, reason = "for the long proofs")]
    pub fn command(&mut self, command: &Value) {
        writeln!(self.stdin.as_mut().unwrap(), "{command}").unwrap();
    }

    /// All its reports, once it has ended.
    pub async fn end(mut self) -> Vec<Value> {
        drop(self.stdin.take());
        let mut seen = Vec::new();
        while let Some(one) = tokio::time::timeout(LINE_WITHIN, self.lines.recv()).await.unwrap() {
            seen.push(one);
        }
        seen
    }
}

impl<Kind> Drop for PythonServer<Kind> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
