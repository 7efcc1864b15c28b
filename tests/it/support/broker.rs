//! An independent broker that speaks Service Bus's AMQP, as a child process (tests/broker).

use super::{certificates::Certificate, http_client, skip};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{KeyInit, Mac};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

pub const KEY_NAME: &str = "sender";
pub const KEY: &str = "c2VjcmV0LWtleS1vZi10aGUtdGVzdHM=";

/// What no reason, log or report may hold: the start of the key, a signature, and what the tests' signatures hold.
pub const SECRETS: [&str; 3] = ["c2VjcmV0", "sig=", WRONG_KEY];
pub const WRONG_KEY: &str = "d3Jvbmcta2V5";

/// It ends when its stdin closes, so it also ends where this process dies.
pub struct Broker {
    #[allow(dead_code, reason = "a proof kills it; for the others it ends when this is dropped")]
    child: Child,
    ports: Value,
}

const BROKER: &str = "broker to test against";
static SHARED: OnceLock<Option<Broker>> = OnceLock::new();

/// A file that `tests/broker/prepare` made.
pub fn made(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bus-tests").join(name)
}

/// One broker for all tests that use entities of their own. `None`: its programs are missing, and the skip was reported.
pub fn shared() -> Option<&'static Broker> {
    let broker = SHARED.get_or_init(Broker::start).as_ref();
    if broker.is_none() {
        // Each test that comes here counts as skipped.
        skip::missing(BROKER);
    }
    broker
}

impl Broker {
    pub fn start() -> Option<Self> {
        Self::start_with(&json!({}))
    }

    /// One that keeps what it accepted in a file, and again does so there and on the same ports once it was killed.
    #[allow(dead_code, reason = "for a proof")]
    pub fn durable(journal: &Path, before: Option<&Self>) -> Option<Self> {
        Self::start_with(&json!({"journal": journal, "ports": before.map(|broker| &broker.ports)}))
    }

    /// kill -9.
    #[allow(dead_code, reason = "for a proof")]
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// `settings`: see main.js.
    fn start_with(settings: &Value) -> Option<Self> {
        if !made("done").exists() {
            skip::missing(BROKER);
            return None;
        }
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/broker/main.js");
        let mut child = Command::new("node")
            .arg(script)
            .arg(settings.to_string())
            .env("NODE_PATH", made("node_modules"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Self { child, ports: serde_json::from_str(&line).unwrap() })
    }

    /// `amqp`, `websocket`, `rest`.
    pub fn port(&self, door: &str) -> u16 {
        u16::try_from(self.ports[door].as_u64().unwrap()).unwrap()
    }

    pub fn connection(&self, door: &str) -> String {
        let port = self.port(door);
        format!(
            "Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName={KEY_NAME};SharedAccessKey={KEY};UseDevelopmentEmulator=true"
        )
    }

    /// A connection string with a ready signature, as the portal shows it, for one entity until then (seconds).
    pub fn signature(&self, door: &str, entity: &str, until: i64) -> String {
        let resource = format!("https%3A%2F%2Flocal.servicebus.windows.net%2F{entity}");
        let mut hmac = hmac::Hmac::<sha2::Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
        hmac.update(format!("{resource}\n{until}").as_bytes());
        let signed = STANDARD.encode(hmac.finalize().into_bytes());
        let signed = percent_encoding::utf8_percent_encode(&signed, percent_encoding::NON_ALPHANUMERIC);
        let port = self.port(door);
        format!(
            "Endpoint=sb://127.0.0.1:{port};UseDevelopmentEmulator=true;SharedAccessSignature=SharedAccessSignature \
             sr={resource}&sig={signed}&se={until}&skn={KEY_NAME}"
        )
    }

    /// Opens every transport a second time inside TLS, with this certificate (PEM); returns the ports by name.
    pub async fn secure(&self, certificate: &Certificate) -> Value {
        self.command("secure", json!({"key": certificate.key, "cert": certificate.chain})).await
    }

    /// Runs a command of tests/broker/control.js.
    pub async fn command(&self, command: &str, words: Value) -> Value {
        let answer = http_client::post_json(self.port("control"), &format!("/{command}"), &words).await;
        assert_eq!(answer.status, 200, "{command}");
        answer.json()
    }

    /// A new entity; `settings` as tests/broker/store.js has them.
    pub async fn create(&self, settings: Value) -> String {
        let name = format!("q-{}", uuid::Uuid::new_v4().simple());
        let mut settings = settings;
        settings["name"] = json!(name);
        self.command("create", settings).await;
        name
    }

    /// Faults for the next transfers to the entity, in this order.
    pub async fn plan(&self, entity: &str, faults: Value) {
        self.command("faults", json!({"name": entity, "faults": faults})).await;
    }

    /// What the broker counted for the entity: links, transfers, tokens, faults.
    pub async fn reported(&self, entity: &str) -> Value {
        self.command("seen", json!({"name": entity})).await
    }

    pub async fn stored(&self, entity: &str) -> Vec<Value> {
        self.command("stored", json!({"name": entity})).await.as_array().unwrap().clone()
    }

    pub async fn ids(&self, entity: &str) -> Vec<String> {
        let ids = self.command("ids", json!({"name": entity})).await;
        ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    }
}
