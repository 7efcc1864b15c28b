//! An SMTP server that is not ours, as a child process: aiosmtpd, with faults by plan (tests/smtp/server.py).

use super::skip;
use client_organizer::adapters::mail::SmtpSecurity;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};
use tokio::sync::mpsc;

pub const USER: &str = "office";
pub const PASSWORD: &str = "pass wörd ";

pub struct SmtpServer {
    pub port: u16,
    child: Child,
    /// Its end is the server's.
    stdin: Option<ChildStdin>,
    lines: mpsc::Receiver<Value>,
}

/// What a started Python may take on a busy machine; nothing waits so long that works.
const LINE_WITHIN: Duration = Duration::from_mins(1);
/// More than any test's mails.
const LINES_MAX: usize = 100_000;

/// A file that `tests/smtp/prepare` made.
pub fn made(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/smtp-tests").join(name)
}

impl SmtpServer {
    /// `None`: what it needs is not there, and that was said. `plan`: who meets what, see server.py.
    pub async fn start(security: SmtpSecurity, certificate: &str, plan: Value) -> Option<Self> {
        if !made("done").exists() {
            skip::missing("SMTP server to test against");
            return None;
        }
        let (security, login) = match security {
            SmtpSecurity::Starttls => ("starttls", Some((USER, PASSWORD))),
            SmtpSecurity::Tls => ("tls", Some((USER, PASSWORD))),
            SmtpSecurity::None => ("none", None),
        };
        let settings = json!({
            "security": security,
            "cert": made(&format!("{certificate}.pem")),
            "key": made(&format!("{certificate}.key")),
            "user": login.map(|(user, _)| user),
            "password": login.map(|(_, password)| password),
            "plan": plan,
        });
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/smtp/server.py");
        let mut child = Command::new(made("python/bin/python"))
            .arg("-B")
            .args(["-W", "ignore"])
            .arg(script)
            .arg(settings.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
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

    /// The next mail that came, whatever was answered.
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

    /// Every mail there was, once the server has ended.
    pub async fn end(mut self) -> Vec<Value> {
        drop(self.stdin.take());
        let mut mails = Vec::new();
        while let Some(mail) = tokio::time::timeout(LINE_WITHIN, self.lines.recv()).await.unwrap() {
            mails.push(mail);
        }
        mails
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
