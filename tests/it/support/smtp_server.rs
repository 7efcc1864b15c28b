//! An independent SMTP server: aiosmtpd, with planned faults (tests/smtp/server.py).

use super::{python_server::PythonServer, skip};
use client_organizer::adapters::mail::SmtpSecurity;
use serde_json::{Value, json};
use std::path::PathBuf;

pub const USER: &str = "office";
pub const PASSWORD: &str = "pass wörd ";

pub enum Smtp {}
pub type SmtpServer = PythonServer<Smtp>;

/// A file that `tests/smtp/prepare` made.
pub fn made(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/smtp-tests").join(name)
}

impl SmtpServer {
    /// `None`: its programs are missing, and the skip was reported. `plan`: planned faults, see server.py.
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
        Self::run(&made("python/bin/python"), "tests/smtp/server.py", &settings).await
    }
}
