//! A stand-in for Azure Communication Services' mail, with faults by plan (tests/acs/server.py).

use super::python_server::PythonServer;
use serde_json::{Value, json};
use std::path::Path;

pub const KEY: &str = "c3RhbmQtaW4ga2V5";
pub const TOKEN: &str = "stand-in-token";

pub enum Acs {}
pub type AcsServer = PythonServer<Acs>;

impl AcsServer {
    /// `None`: python3 is missing, and the skip was reported. `plan` and `status`: planned faults, see server.py.
    pub async fn start(dedup: bool, plan: Value, status: Value) -> Option<Self> {
        Self::start_with(json!({ "dedup": dedup, "plan": plan, "status": status })).await
    }

    pub async fn start_with(mut settings: Value) -> Option<Self> {
        settings["key"] = json!(KEY);
        settings["token"] = json!(TOKEN);
        Self::run(Path::new("python3"), "tests/acs/server.py", &settings).await
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A value for `Email__AcsConnectionString`.
    pub fn connection_string(&self) -> String {
        format!("endpoint={}/;accesskey={KEY}", self.endpoint())
    }
}
