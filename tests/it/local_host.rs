//! The local host with a stub handler as its process: this test binary, started again by the host.

mod front;
mod stub;

use crate::support::{
    host::executable,
    http_client::{get, send},
};
use client_organizer::{
    adapters::clock::SystemClock,
    local::{
        self, DataLock, HandlerCommand, LocalError, LocalOptions,
        events::{Event, EventSink, Stream, What},
        queue::sas::Policy,
    },
};
use hyper::Method;
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{broadcast, oneshot},
    task::JoinHandle,
};

/// Only a failing test waits this long.
const DEADLINE: Duration = Duration::from_secs(30);

/// What a test changes of the usual setup.
struct Setup {
    env: Vec<(&'static str, String)>,
    max_delivery_count: u32,
    function_timeout: &'static str,
    hold_deliveries_until_exit: bool,
    /// Of Finance.
    route: &'static str,
    proxying: bool,
}

const CLIENTS: &str = "{*path:regex(^clients(/[A-Za-z0-9/-]*)?$)}";

impl Default for Setup {
    fn default() -> Self {
        Self {
            env: Vec::new(),
            max_delivery_count: 10,
            function_timeout: "00:05:00",
            hold_deliveries_until_exit: false,
            route: CLIENTS,
            proxying: false,
        }
    }
}

struct Host {
    port: u16,
    queue_port: u16,
    feed: broadcast::Receiver<Event>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), LocalError>>,
}

fn app(root: &Path, setup: &Setup) {
    let write = |path: &str, content: &Value| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content.to_string()).unwrap();
    };
    write(
        "host.json",
        &json!({
            "version": "2.0", "functionTimeout": setup.function_timeout,
            "customHandler": {"description": {"defaultExecutablePath": "handler"}, "enableForwardingHttpRequest": true,
                "enableProxyingHttpRequest": setup.proxying},
            "extensions": {"serviceBus": {"maxConcurrentCalls": 2}},
        }),
    );
    let http = |route: &str| {
        json!({"bindings": [
            {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "function", "route": route,
             "methods": if route == "health" { json!(["get", "post"]) } else { json!([]) }},
            {"type": "http", "direction": "out", "name": "res"},
        ]})
    };
    write("functions/Finance/function.json", &http(setup.route));
    write("functions/Health/function.json", &http("health"));
    let binary = json!({"type": "serviceBusTrigger", "name": "message", "direction": "in", "queueName": "%Queue%",
        "connection": "Bus", "dataType": "binary", "cardinality": "one"});
    write("functions/Work/function.json", &json!({"bindings": [binary]}));
    let timer = json!({"type": "timerTrigger", "name": "timer", "direction": "in", "schedule": "%Tick%"});
    write("functions/Tick/function.json", &json!({"bindings": [timer]}));
}

fn options(root: &Path, data: &Path, setup: &Setup) -> LocalOptions {
    let mut env = BTreeMap::from(
        [("Queue", "email"), ("Tick", "0 0 0 29 2 *")].map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    env.extend(setup.env.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    app(root, setup);
    let executable = std::env::current_exe().unwrap();
    let args = stub::arguments("stub_handler");
    let handler = HandlerCommand { executable, args, root: root.to_owned(), env };
    let clock = Arc::new(SystemClock);
    let mut options = LocalOptions::new(data.to_owned(), handler, EventSink::silent(clock.clone()), clock);
    options.max_delivery_count = setup.max_delivery_count;
    options.hold_deliveries_until_exit = setup.hold_deliveries_until_exit;
    options
}

async fn run(options: LocalOptions, shutdown: impl Future<Output = ()>) -> Result<(), LocalError> {
    let lock = DataLock::take(&options.data)?;
    local::run(options, lock, shutdown).await
}

impl Host {
    /// Starts a host on `folder`; it listens, and its handler may not be up yet.
    async fn start(folder: &Path, setup: Setup) -> Self {
        let options = options(&folder.join("app"), &folder.join("data"), &setup);
        let feed = options.events.subscribe();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(run(options, async move {
            let _ = stopped.await;
        }));
        let mut host = Self { port: 0, queue_port: 0, feed, stop: Some(stop), task };
        (host.port, host.queue_port) = host
            .event("listening", |what| match what {
                What::Listening { port, queue_port } => Some((*port, *queue_port)),
                _ => None,
            })
            .await;
        host
    }

    /// The next event that `pick` wants.
    async fn event<T>(&mut self, name: &str, pick: impl Fn(&What) -> Option<T>) -> T {
        let mut seen = Vec::new();
        let wanted = async {
            loop {
                let event = self.feed.recv().await.unwrap();
                if let Some(picked) = pick(&event.what) {
                    return picked;
                }
                seen.push(event.to_string());
            }
        };
        let picked = tokio::time::timeout(DEADLINE, wanted).await;
        picked.unwrap_or_else(|_| panic!("no event `{name}`; seen: {seen:#?}"))
    }

    /// The next request that the handler printed.
    async fn got(&mut self) -> Value {
        let got = |what: &What| match what {
            What::Log { stream: Stream::Stdout, line } => line.get("got").cloned(),
            _ => None,
        };
        self.event("a request at the handler", got).await
    }

    async fn delivered(&mut self) -> u32 {
        let count = |what: &What| match what {
            What::Delivered { delivery_count, .. } => Some(*delivery_count),
            _ => None,
        };
        self.event("delivered", count).await
    }

    async fn exited(&mut self) -> (Option<i32>, Option<i32>) {
        let end = |what: &What| match what {
            What::HandlerExited { code, signal } => Some((*code, *signal)),
            _ => None,
        };
        self.event("handler-exited", end).await
    }

    async fn is(&mut self, wanted: What) {
        self.event(&format!("{wanted:?}"), |what| (*what == wanted).then_some(())).await;
    }

    /// What the handler sees of its environment.
    async fn handler_env(&self) -> BTreeMap<String, String> {
        serde_json::from_slice(&get(self.port, "/api/clients/env").await.body).unwrap()
    }

    /// Sends to the queue as the handler would: with the connection string that the host gave it.
    async fn enqueue(&self, message_id: &str, body: &str) {
        let env = self.handler_env().await;
        let connection = &env["ServiceBusConnection"];
        assert_eq!(connection, &env["Bus"], "the trigger's connection is the same");
        assert!(connection.contains(&format!("Endpoint=sb://127.0.0.1:{};", self.queue_port)));
        assert!(connection.contains("UseDevelopmentEmulator=true"));
        let part = |name: &str| connection.split(';').find_map(|part| part.strip_prefix(name)).unwrap().to_owned();
        let policy = Policy { name: part("SharedAccessKeyName="), key: part("SharedAccessKey=") };
        let token = policy.token("https://local.servicebus.windows.net/email", 33_000_000_000);
        let broker = json!({"MessageId": message_id, "Label": "Created", "CorrelationId": "corr-1"}).to_string();
        let headers = [
            ("authorization", token.as_str()),
            ("brokerproperties", broker.as_str()),
            ("content-type", "application/cloudevents+json"),
            ("traceparent", "\"00-ab-01\""),
        ];
        assert_eq!(send(self.queue_port, Method::POST, "/email/messages", &headers, body).await.status, 201);
    }

    async fn stop(mut self) -> Result<(), LocalError> {
        let _ = self.stop.take().unwrap().send(());
        self.task.await.unwrap()
    }
}

/// Sends bytes as they are; answers status and what follows.
async fn raw(port: u16, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

#[tokio::test]
async fn a_request_is_forwarded_with_what_dotnets_client_loses() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), Setup::default()).await;
    let headers = [("x-mine", "z"), ("content-encoding", "gzip"), ("idempotency-key", "k")];
    let path = "/api/CLIENTS/7/%66inance?a=%31&b=2&A=3";
    let answer = send(host.port, Method::POST, path, &headers, "{\"złoty\":1}").await;
    assert_eq!((answer.status.as_u16(), answer.header("x-stub"), &answer.body[..]), (201, Some("yes"), &b"made"[..]));
    let got = host.got().await;
    assert_eq!((&got["method"], &got["uri"]), (&json!("POST"), &json!("/api/CLIENTS/7/finance?a=%31%2C3&b=2")));
    assert_eq!(got["body"], "{\"złoty\":1}");
    assert_eq!((&got["headers"]["idempotency-key"], &got["headers"]["x-mine"]), (&json!("k"), &json!("z")));
    assert!(got["headers"]["user-agent"].as_str().unwrap().starts_with("Azure-Functions-Host/"));
    assert!(got["headers"]["x-azure-functions-invocationid"].is_string());
    assert!(got["headers"]["content-encoding"].is_null(), "lost, as in Azure");
}

#[tokio::test]
async fn only_a_route_reaches_the_handler() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), Setup::default()).await;
    for target in [
        "/Work",
        "/api/../Work",
        "/api/clients/../../Work",
        "/api/%2e%2e/Work",
        "/api/%2E./Work",
        "/api/clients/.%2e/.%2E/Work",
        "/api/clients/..%2f..%2fWork",
        "/api/clients/..%5c..%5cWork",
        "/api/clients\\..\\..\\Work",
        "/api/clients/%252e%252e/%252e%252e/Work",
        "//Work",
        "/api//Work",
        "/api/Work",
        "/api",
        "/",
        "/clients/7",
        "/api/healthy",
    ] {
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}",
            host.port
        );
        let (status, answer) = raw(host.port, &request).await;
        assert!(status == 404 || status == 400, "{target}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "a bare {status}: {answer}");
    }
    for target in ["/api/clients", "/api/health"] {
        let request =
            format!("CONNECT {target} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n", host.port);
        assert_eq!(raw(host.port, &request).await.0, 404, "a tunnel to {target}");
    }
    assert_eq!(send(host.port, Method::PUT, "/api/health", &[], "").await.status, 404, "a method it does not list");
    assert_eq!(get(host.port, "/api/health").await.status, 201);
    assert_eq!(host.got().await["uri"], "/api/health", "the first the handler saw");
}

#[tokio::test]
async fn a_setting_bound_to_this_machine_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), Setup::default()).await;
    for name in ["evil.example", "evil.example:80", "127.0.0.1", "localhost:1"] {
        let answer = send(host.port, Method::GET, "/api/health", &[("host", name)], "").await;
        assert_eq!(answer.status, 421, "{name}");
        let would_do = format!("Host must be localhost:{0} or 127.0.0.1:{0}", host.port);
        assert_eq!(answer.body, would_do.as_bytes());
    }
    let name = format!("localhost:{}", host.port);
    assert_eq!(send(host.port, Method::GET, "/api/health", &[("host", &name)], "").await.status, 201);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_the_callers_400() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), Setup::default()).await;
    let mut stream = TcpStream::connect(("127.0.0.1", host.port)).await.unwrap();
    let head = format!("POST /api/clients HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: 170\r\n\r\n{{", host.port);
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(DEADLINE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn a_queue_message_arrives_in_the_hosts_envelope_and_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), Setup::default()).await;
    host.enqueue("m-1", "ok").await;
    let got = loop {
        let got = host.got().await;
        if got["uri"] == "/Work" {
            break got;
        }
    };
    let headers = &got["headers"];
    assert_eq!(headers["transfer-encoding"], "chunked", "no Content-Length, as in Azure");
    assert!(headers["content-length"].is_null());
    assert_eq!(headers["content-type"], "application/json; charset=utf-8");
    assert!(headers["user-agent"].as_str().unwrap().starts_with("Azure-Functions-Host/"));
    assert!(headers["x-azure-functions-invocationid"].is_string());
    let envelope: Value = serde_json::from_str(got["body"].as_str().unwrap()).unwrap();
    assert_eq!(envelope["Data"], json!({"message": "b2s="}));
    let metadata = &envelope["Metadata"];
    assert_eq!(metadata["MessageId"], "\"m-1\"");
    assert_eq!(metadata["Subject"], "\"Created\"");
    assert_eq!(metadata["ContentType"], "\"application/cloudevents+json\"");
    assert_eq!(metadata["DeliveryCount"], "1");
    assert_eq!(metadata["ApplicationProperties"], json!({"traceparent": "00-ab-01"}));
    assert_eq!(metadata["sys"]["MethodName"], "Work");
    host.is(What::Completed { entity: "email".into(), message_id: "m-1".into(), delivery_count: 1 }).await;
}

#[tokio::test]
async fn a_failed_delivery_is_repeated_until_it_is_dead() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), Setup { max_delivery_count: 3, ..Setup::default() }).await;
    host.enqueue("m-1", "fail").await;
    for expected in 1..=3 {
        assert_eq!(host.delivered().await, expected);
    }
    let dead = |what: &What| match what {
        What::DeadLettered { message_id, delivery_count, .. } => Some((message_id.clone(), *delivery_count)),
        _ => None,
    };
    assert_eq!(host.event("dead-lettered", dead).await, ("m-1".to_owned(), 3));
    assert_eq!(get(host.queue_port, "/$inspect/email").await.json(), json!({"active": 0, "locked": 0, "dead": 1}));
}

#[tokio::test]
async fn an_empty_success_is_reported_as_a_hang_and_counts_as_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), Setup::default()).await;
    host.enqueue("m-1", "empty-once").await;
    let hang = |what: &What| match what {
        What::Hang { function, .. } => Some(function.clone()),
        _ => None,
    };
    assert_eq!(host.event("hang", hang).await, "Work");
    host.is(What::Abandoned { entity: "email".into(), message_id: "m-1".into(), delivery_count: 1 }).await;
    host.is(What::Completed { entity: "email".into(), message_id: "m-1".into(), delivery_count: 2 }).await;
}

#[tokio::test]
async fn a_handler_that_dies_is_restarted_and_gets_the_message_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), Setup::default()).await;
    host.enqueue("m-1", "die-once").await;
    assert_eq!(host.exited().await, (Some(7), None));
    host.is(What::Completed { entity: "email".into(), message_id: "m-1".into(), delivery_count: 2 }).await;
}

#[tokio::test]
async fn deliveries_can_be_held_back_until_the_handler_has_died() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), Setup { hold_deliveries_until_exit: true, ..Setup::default() }).await;
    host.enqueue("m-1", "ok").await;
    assert_eq!(get(host.port, "/api/clients/die").await.status, 500);
    let first = |what: &What| match what {
        What::Delivered { .. } => Some("delivered"),
        What::HandlerExited { .. } => Some("exited"),
        _ => None,
    };
    assert_eq!(host.event("delivered or exited", first).await, "exited");
    host.is(What::Completed { entity: "email".into(), message_id: "m-1".into(), delivery_count: 1 }).await;
}

#[tokio::test]
async fn an_invocation_past_the_function_timeout_ends_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup { function_timeout: "00:00:01", ..Setup::default() };
    let mut host = Host::start(folder.path(), setup).await;
    host.enqueue("m-1", "never-once").await;
    assert_eq!(host.exited().await, (None, Some(9)));
    host.is(What::Completed { entity: "email".into(), message_id: "m-1".into(), delivery_count: 2 }).await;
    // The host ended it itself, so it is not one of the three exits.
    for id in ["m-2", "m-3"] {
        host.enqueue(id, "die-once").await;
        assert_eq!(host.exited().await, (Some(7), None));
        let next = |what: &What| match what {
            What::HostStopped { .. } => Some(None),
            What::Completed { message_id, .. } => Some(Some(message_id.clone())),
            _ => None,
        };
        assert_eq!(host.event("completed", next).await.as_deref(), Some(id));
    }
}

#[tokio::test]
async fn a_timer_fires_by_its_schedule_without_status_when_faster_than_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup { env: vec![("Tick", "* * * * * *".to_owned())], ..Setup::default() };
    let mut host = Host::start(folder.path(), setup).await;
    for _ in 0..2 {
        let got = host.got().await;
        assert_eq!((&got["method"], &got["uri"]), (&json!("POST"), &json!("/Tick")));
        let body: Value = serde_json::from_str(got["body"].as_str().unwrap()).unwrap();
        let timer = json!({"Schedule": {"AdjustForDST": true}, "ScheduleStatus": null, "IsPastDue": false});
        assert_eq!(body["Data"], json!({ "timer": timer }));
    }
}

#[tokio::test]
async fn the_third_exit_is_reported_and_the_host_starts_afresh() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup { env: vec![("STUB_EXIT", "3".to_owned())], ..Setup::default() };
    let mut host = Host::start(folder.path(), setup).await;
    for _ in 0..3 {
        assert_eq!(host.exited().await, (Some(3), None));
    }
    host.is(What::HostStopped { exits: 3 }).await;
    assert_eq!(host.exited().await, (Some(3), None), "started again");
}

#[tokio::test]
async fn a_handler_that_ends_well_is_never_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup { env: vec![("STUB_EXIT", "0".to_owned())], ..Setup::default() };
    let host = Host::start(folder.path(), setup).await;
    let ended = tokio::time::timeout(DEADLINE, host.task).await.unwrap().unwrap();
    assert!(matches!(ended, Err(LocalError::ExitedZero)), "{ended:?}");
}

#[tokio::test]
async fn a_second_host_on_the_same_data_is_refused_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), Setup::default()).await;
    let second = options(&folder.path().join("app"), &folder.path().join("data"), &Setup::default());
    let refused = tokio::time::timeout(DEADLINE, run(second, std::future::pending())).await;
    let refused = refused.expect("it runs").unwrap_err().to_string();
    assert!(refused.contains("--data"), "{refused}");
    host.stop().await.unwrap();
    Host::start(folder.path(), Setup::default()).await.stop().await.unwrap();
}

/// Its tables would be those of a later version.
#[test]
fn a_host_that_is_refused_has_not_migrated_the_database_of_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let _other = DataLock::take(folder.path()).unwrap();
    let mut refused = std::process::Command::new(executable());
    refused.args(["local", "--port", "0", "--root", env!("CARGO_MANIFEST_DIR"), "--data"]).arg(folder.path());
    let refused = refused.output().unwrap();
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("--data"), "{refused:?}");
    assert!(!folder.path().join("app.db").exists());
}

#[tokio::test]
async fn a_host_that_must_stop_finishes_what_is_in_flight() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), Setup::default()).await;
    host.enqueue("m-1", "slow").await;
    host.delivered().await;
    let _ = host.stop.take().unwrap().send(());
    host.is(What::Completed { entity: "email".into(), message_id: "m-1".into(), delivery_count: 1 }).await;
    host.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_message_waits_for_the_next_host() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), Setup::default()).await;
    let local = [("x-local", "1")];
    send(host.queue_port, Method::POST, "/$hold/email", &local, "").await;
    host.enqueue("m-1", "ok").await;
    host.is(What::Queued { entity: "email".into(), message_id: "m-1".into() }).await;
    host.stop().await.unwrap();
    let mut host = Host::start(folder.path(), Setup::default()).await;
    host.is(What::Completed { entity: "email".into(), message_id: "m-1".into(), delivery_count: 1 }).await;
}

#[tokio::test]
async fn the_handler_sees_no_setting_but_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let env = Host::start(folder.path(), Setup::default()).await.handler_env().await;
    assert!(!env.contains_key("CARGO_MANIFEST_DIR"), "this process has it");
    assert_eq!((env["Queue"].as_str(), env["CLIENT_ORGANIZER_LOCAL"].len()), ("email", 32), "a secret of this run");
    assert_eq!(env["FUNCTIONS_CUSTOMHANDLER_PORT"], env["FUNCTIONS_HTTPWORKER_PORT"]);
    assert_eq!(Path::new(&env["FUNCTIONS_APP_ROOT_PATH"]), folder.path().join("app"));
}

#[tokio::test]
async fn a_handler_has_one_id_by_two_names_and_keeps_its_port_when_it_is_restarted() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), Setup::default()).await;
    let first = host.handler_env().await;
    host.enqueue("m-1", "die-once").await;
    host.exited().await;
    let second = host.handler_env().await;
    for env in [&first, &second] {
        assert_eq!(env["FUNCTIONS_CUSTOMHANDLER_WORKER_ID"], env["FUNCTIONS_HTTPWORKER_ID"]);
        assert_eq!(env["FUNCTIONS_CUSTOMHANDLER_PORT"], env["FUNCTIONS_HTTPWORKER_PORT"]);
    }
    assert_eq!(first["FUNCTIONS_CUSTOMHANDLER_PORT"], second["FUNCTIONS_CUSTOMHANDLER_PORT"]);
    assert_ne!(first["FUNCTIONS_HTTPWORKER_ID"], second["FUNCTIONS_HTTPWORKER_ID"], "each process has its own");
}

#[tokio::test]
async fn a_host_whose_data_folder_is_deleted_reports_it_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), Setup::default()).await;
    host.handler_env().await;
    std::fs::remove_dir_all(folder.path().join("data")).unwrap();
    let ended = tokio::time::timeout(DEADLINE, host.task).await.expect("it runs on").unwrap();
    assert!(matches!(ended, Err(LocalError::DataGone { .. })), "{ended:?}");
}

#[tokio::test]
async fn a_host_whose_data_folder_is_replaced_reports_it_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), Setup::default()).await;
    std::fs::rename(folder.path().join("data"), folder.path().join("elsewhere")).unwrap();
    let other = options(&folder.path().join("app"), &folder.path().join("data"), &Setup::default());
    let other = tokio::spawn(run(other, std::future::pending()));
    let ended = tokio::time::timeout(DEADLINE, host.task).await.expect("it runs on").unwrap();
    assert!(matches!(ended, Err(LocalError::DataGone { .. })), "{ended:?}");
    other.abort();
}

#[tokio::test]
async fn a_new_host_waits_until_the_old_handler_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    Host::start(folder.path(), Setup::default()).await.stop().await.unwrap();
    // What a handler holds when something prevents it from ending with its host.
    let old = std::fs::File::options().write(true).open(folder.path().join("data/handler.lock")).unwrap();
    old.lock().unwrap();
    let options = options(&folder.path().join("app"), &folder.path().join("data"), &Setup::default());
    let mut feed = options.events.subscribe();
    let host = tokio::spawn(run(options, std::future::pending()));
    let seen = async {
        let mut waits = false;
        loop {
            match feed.recv().await.unwrap().what {
                What::Note { text } => {
                    assert!(text.contains("earlier host"), "{text}");
                    waits = true;
                    old.unlock().unwrap();
                }
                What::HandlerStarted { .. } => return waits,
                _ => {}
            }
        }
    };
    assert!(tokio::time::timeout(DEADLINE, seen).await.unwrap(), "it did not wait");
    host.abort();
}

/// Started as in production, with the runtime's own threads: the handler listens already, and its database is a folder.
#[tokio::test]
async fn a_handler_that_fails_after_it_listens_ends_at_once_and_the_host_reports_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut options = options(&folder.path().join("app"), &folder.path().join("data"), &Setup::default());
    let store = folder.path().to_str().unwrap().to_owned();
    options.handler = HandlerCommand {
        executable: executable().into(),
        args: vec!["serve".to_owned()],
        root: root.to_owned(),
        env: BTreeMap::from([
            ("Store__Path".to_owned(), store),
            ("ServiceBus__Transport".to_owned(), "rest".to_owned()),
            ("EmailQueueName".to_owned(), "client-emails".to_owned()),
            ("OutboxSchedule".to_owned(), "0 0 0 29 2 *".to_owned()),
            ("RetryEmailSchedule".to_owned(), "0 0 0 29 2 *".to_owned()),
            ("PruneSchedule".to_owned(), "0 0 0 29 2 *".to_owned()),
        ]),
    };
    let mut feed = options.events.subscribe();
    let host = tokio::spawn(run(options, std::future::pending()));
    let ended = async {
        let mut failed_at = None;
        loop {
            let event = feed.recv().await.unwrap();
            match event.what {
                What::Log { stream: Stream::Stderr, line } if line.to_string().contains("error: ") => {
                    failed_at = Some(event.at);
                }
                What::HandlerExited { code, .. } => return (code, failed_at, event.at),
                _ => {}
            }
        }
    };
    let (code, failed_at, exited_at) = tokio::time::timeout(DEADLINE, ended).await.expect("it hangs");
    assert_eq!(code, Some(1));
    let took = exited_at - failed_at.expect("its error was passed on");
    assert!(took < chrono::TimeDelta::seconds(1), "{took}");
    host.abort();
}

#[tokio::test]
async fn no_handler_survives_a_killed_host() {
    let folder = tempfile::tempdir().unwrap();
    let leash = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mut host = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(stub::arguments("stub_host"))
        .env("STUB_FOLDER", folder.path())
        .env("STUB_LEASH", leash.local_addr().unwrap().port().to_string())
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // The handler holds this connection for as long as it lives.
    let (mut handler, _) = tokio::time::timeout(DEADLINE, leash.accept()).await.unwrap().unwrap();
    host.start_kill().unwrap();
    let ended = tokio::time::timeout(DEADLINE, handler.read(&mut [0])).await.expect("the handler lives on");
    assert!(matches!(ended, Ok(0) | Err(_)));
}

/// Not a test: a host to be killed.
#[test]
#[ignore = "a process that a test starts"]
fn stub_host() {
    let Some(folder) = stub::variable("STUB_FOLDER") else { return };
    let folder = Path::new(&folder);
    let setup = Setup { env: vec![("STUB_LEASH", stub::variable("STUB_LEASH").unwrap())], ..Setup::default() };
    let options = options(&folder.join("app"), &folder.join("data"), &setup);
    tokio::runtime::Runtime::new().unwrap().block_on(run(options, std::future::pending())).unwrap();
}

/// Not a test: the handler that the hosts start.
#[test]
#[ignore = "a process that the host starts"]
fn stub_handler() {
    if let Some(port) = stub::variable("FUNCTIONS_CUSTOMHANDLER_PORT") {
        tokio::runtime::Runtime::new().unwrap().block_on(stub::serve(port.parse().unwrap()));
    }
}
