//! A collector of telemetry that is not ours: OpenTelemetry's own protobuf classes in Python (tests/otlp/server.py).

use super::{python_server::PythonServer, skip, smtp_server::made};
use serde_json::{Value, json};
use std::path::PathBuf;

pub enum Otlp {}
pub type Collector = PythonServer<Otlp>;

impl Collector {
    /// `None`: its programs are missing, and the skip was reported.
    pub async fn start() -> Option<Self> {
        Self::with(json!({})).await
    }

    /// Over TLS, with a certificate of the authority of the SMTP tests.
    pub async fn over_tls() -> Option<Self> {
        Self::with(json!({ "cert": made("here.pem"), "key": made("here.key") })).await
    }

    async fn with(settings: Value) -> Option<Self> {
        let ours = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/otlp-tests");
        if !ours.join("done").exists() || !made("done").exists() {
            skip::missing("collector of telemetry to test against");
            return None;
        }
        Self::run(&ours.join("python/bin/python"), "tests/otlp/server.py", &settings).await
    }

    /// What it received until all of these are there; each is a span's, a metric's or an item's description.
    pub async fn until(&mut self, all: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let mut seen = Vec::new();
        while !all(&seen) {
            seen.push(self.next().await);
        }
        seen
    }
}
