//! The handler as a process whose database is away: it is up, reports it, and recovers without a restart.

use super::*;
use crate::support::{
    edge::OF_THE_HOST,
    host::{DEADLINE, executable},
    http_client,
};
use hyper::Method;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
};

struct Handler {
    child: Child,
    lines: Receiver<Value>,
    port: u16,
}

impl Drop for Handler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Handler {
    fn start(server: &TdsServer) -> Self {
        let port = client_organizer::local::free_port().unwrap();
        let bus = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=k;SharedAccessKey=a2V5;UseDevelopmentEmulator=true";
        let mut child = Command::new(executable())
            .arg("serve")
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
            .env("ServiceBusConnection", bus)
            .env("Store__Kind", "sqlserver")
            .env("SqlConnectionString", server.plain())
            .env("Sql__WaitMs", "1000")
            .env("Sql__DeliveryWaitMs", "100")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(serde_json::from_str(&line).unwrap()))
        });
        Self { child, lines, port }
    }

    /// The next log line with these words.
    fn logs(&self, words: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("never logged: {words}"));
            if line["message"].as_str().unwrap_or_default().contains(words) {
                return line;
            }
        }
    }

    async fn health(&self) -> (u16, Value) {
        let answer = http_client::get(self.port, "/api/health").await;
        (answer.status.as_u16(), answer.json())
    }
}

const TIMER: &str = r#"{"Data":{"timer":{"ScheduleStatus":null,"IsPastDue":false}},"Metadata":{}}"#;
const MESSAGE: &str = r#"{"Data":{"message":"e30="},"Metadata":{"DeliveryCount":"1","MessageId":"\"m-1\""}}"#;

async fn invoke(port: u16, function: &str, envelope: &str) -> (u16, Value) {
    let answer = http_client::send(port, Method::POST, &format!("/{function}"), &OF_THE_HOST, envelope).await;
    let logs = answer.json()["Logs"][0].as_str().unwrap().to_owned();
    (answer.status.as_u16(), serde_json::from_str(&logs).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_handler_is_up_while_its_database_is_away_and_recovers_without_a_restart() {
    let mut server = TdsServer::down(None).await;
    server.answer("books_client", client());
    let handler = Handler::start(&server);
    let port = handler.port;
    handler.logs("handler up");
    assert_eq!(http_client::get(port, "/").await.status, 200);
    let line = handler.logs("the database is away");
    assert!(line["reason"].as_str().unwrap().contains("connection refused"), "{line}");
    assert!(!line.to_string().contains("geheim"), "{line}");

    let answer = http_client::get(port, "/api/clients/1").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("retry-after"), Some("5"));
    let draft = crate::support::edge::draft(1);
    assert_eq!(http_client::post_json(port, "/api/clients", &draft).await.status, 503);
    let (status, health) = handler.health().await;
    assert_eq!((status, &health["status"]), (503, &"degraded".into()), "{health}");
    let database = health["parts"]["database"].clone();
    assert!(database["reason"].as_str().unwrap().contains("connection refused"), "{database}");
    for function in ["DispatchOutbox", "RetryEmail", "PruneOutbox"] {
        let (status, report) = invoke(port, function, TIMER).await;
        assert_eq!(status, 500, "{function}");
        assert!(report["storeError"].as_str().unwrap().contains("connection refused"), "{function}: {report}");
    }
    assert_eq!(invoke(port, "SendEmail", MESSAGE).await.0, 500, "so that the queue delivers it again");
    let (_, health) = handler.health().await;
    assert_eq!(health["parts"]["database"]["since"], database["since"], "since when, not when last met");

    server.migrated(false);
    server.listen().await;
    let line = handler.logs("the database is away");
    assert!(line["detail"].as_str().unwrap().contains("run `client-organizer migrate`"), "{line}");
    let (status, health) = handler.health().await;
    assert_eq!(status, 503);
    assert!(health["parts"]["database"]["reason"].as_str().unwrap().contains("schema"), "{health}");

    server.migrated(true);
    handler.logs("the database is back");
    assert_eq!(http_client::get(port, "/api/clients/1").await.status, 200);
    assert_eq!(handler.health().await.0, 200);
    assert!(!server.requests("outbox_destination_add").is_empty(), "named once it could be");
}
