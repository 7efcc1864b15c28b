//! Secrets and recipients planted in every setting and every booking: at the level `trace`, and whatever fails, none of
//! them is in a log line, an error, an answer, a trace, a metric, `Debug` or what `ops` prints.

use crate::support::{
    echo::{echo, parrot},
    edge::{OF_THE_HOST, draft, figures},
    host::{DEADLINE, executable},
    http_client::send,
    identity_endpoint::{self, IdentityEndpoint},
    queue_message::{body, envelope},
    tds::{Fault, TdsServer},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use client_organizer::{
    adapters::clock::SystemClock,
    config::{Kind, Settings, catalogue},
    ports::clock::Clock,
};
use hyper::Method;
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Output, Stdio},
    sync::{Mutex, mpsc},
};

/// In base64 it is a valid key; 48 characters, so that no padding separates it from what follows.
const KEY: &str = "c4n4ryKEYc4n4ryKEYc4n4ryKEYc4n4ryKEYc4n4ryKEYc4n";
const RECIPIENT: &str = "c4n4ry.client@example.pl";

/// A value of this setting with a secret in it; None: it holds none, and may be printed. A new setting needs its line.
fn planted(name: &str) -> Option<String> {
    match name {
        "ServiceBusConnection" => {
            Some(format!("Endpoint=sb://office.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey={KEY}"))
        }
        "SqlConnectionString" => Some(format!("Server=tcp:127.0.0.1,1;Database=office;User ID=app;Password={KEY}")),
        "Email__AcsConnectionString" => {
            Some(format!("endpoint=https://office.communication.azure.com/;accesskey={KEY}"))
        }
        "Email__SmtpPassword" | "Inbox__RecipientKey" => Some(KEY.to_owned()),
        "Email__SmtpUser"
        | "ServiceBusConnection__fullyQualifiedNamespace"
        | "ServiceBusConnection__credential"
        | "ServiceBusConnection__clientId"
        | "ServiceBus__SessionDestinations"
        | "ServiceBus__PartitionedDestinations"
        | "ServiceBus__Gateway"
        | "EmailQueueName"
        | "Store__Path"
        | "Email__Folder"
        | "Email__SmtpHost"
        | "Email__SmtpCaFile"
        | "Email__AcsEndpoint"
        | "Email__AcsEndpoint__credential"
        | "Email__AcsEndpoint__clientId"
        | "Email__From"
        | "Email__OfficeAddress"
        | "Email__OfficePhone"
        | "Email__ReplyTo"
        | "Email__ListUnsubscribe"
        | "Log__Level" => None,
        route if route.starts_with(catalogue::ROUTE_PREFIX) => None,
        new => panic!("{new} is a text: does it hold a secret?"),
    }
}

/// As it is, and as programs write it: in base64 alone or in SMTP's PLAIN, quoted, in a URL.
fn forms() -> Vec<String> {
    let plain = STANDARD.encode(format!("\0app\0{KEY}"));
    let url = RECIPIENT.replace('@', "%40");
    vec![KEY.to_owned(), STANDARD.encode(KEY), plain, RECIPIENT.to_owned(), STANDARD.encode(RECIPIENT), url]
}

fn holds_none(what: &str, text: &str) {
    for form in forms() {
        let lines: Vec<&str> = text.lines().filter(|line| line.contains(&form)).collect();
        assert!(lines.is_empty(), "{what} shows {form}: {lines:#?}");
    }
}

#[test]
fn no_secret_of_a_setting_is_shown_by_debug() {
    let texts = catalogue::all().filter(|setting| matches!(setting.kind, Kind::Text(_)));
    let mut env: BTreeMap<String, String> =
        texts.filter_map(|setting| Some((setting.name.to_owned(), planted(setting.name)?))).collect();
    for (name, value) in [("Store__Kind", "sqlserver"), ("Email__SmtpHost", "here"), ("Email__SmtpUser", "app")] {
        env.insert(name.to_owned(), value.to_owned());
    }
    for provider in ["smtp", "acs"] {
        env.insert("Email__Provider".to_owned(), provider.to_owned());
        holds_none("Debug", &format!("{:?}", Settings::read_with_bus(&env).unwrap()));
    }
    env.remove("ServiceBusConnection");
    for (name, value) in [
        ("ServiceBusConnection__fullyQualifiedNamespace", "office.servicebus.windows.net"),
        ("AZURE_TENANT_ID", "t"),
        ("AZURE_CLIENT_ID", "c"),
        ("AZURE_CLIENT_SECRET", KEY),
    ] {
        env.insert(name.to_owned(), value.to_owned());
    }
    holds_none("Debug", &format!("{:?}", Settings::read_with_bus(&env).unwrap()));
}

/// The handler as a process, with all that it prints.
struct Served {
    child: Child,
    port: u16,
    printed: std::thread::JoinHandle<String>,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    fn start(settings: &[(&str, String)]) -> Self {
        let port = client_organizer::local::free_port().unwrap();
        let mut child = command(settings)
            .arg("serve")
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (up, is_up) = mpsc::channel();
        let printed = std::thread::spawn(move || {
            let mut all = String::new();
            for line in lines.map_while(Result::ok) {
                if line.contains("\"handler up\"") {
                    let _ = up.send(());
                }
                all += &(line + "\n");
            }
            all
        });
        is_up.recv_timeout(DEADLINE).unwrap();
        Self { child, port, printed }
    }

    /// One invocation by the host.
    async fn invoke(&self, function: &str, body: &str) -> String {
        let answer = send(self.port, Method::POST, &format!("/{function}"), &OF_THE_HOST, body).await;
        String::from_utf8_lossy(&answer.body).into_owned()
    }

    /// Ends it; all that it printed.
    fn end(mut self) -> String {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        self.child.wait().unwrap();
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let printed = std::mem::replace(&mut self.printed, std::thread::spawn(String::new));
        printed.join().unwrap() + &stderr
    }
}

fn command(settings: &[(&str, String)]) -> Command {
    let mut command = Command::new(executable());
    command.env_clear().envs(settings.iter().map(|(name, value)| (*name, value.as_str())));
    command.env("Log__Level", "trace").env("RUST_BACKTRACE", "1");
    command
}

/// Writes, wrong writes, and every function once; what was answered, but for what a client reads of itself.
async fn used(served: &Served) -> String {
    let mut answers = String::new();
    let mut client = draft(1);
    client["email"] = RECIPIENT.into();
    let json = [("content-type", "application/json")];
    let wrong = format!(r#"{{"email":"{RECIPIENT}","name":7,"zzz":"{RECIPIENT}"}}"#);
    for (path, body) in [
        ("/api/clients", client.to_string()),
        ("/api/clients/1/finance", figures(3)),
        ("/api/clients", wrong.clone()),
        ("/api/clients", wrong[..40].to_owned()),
        ("/api/clients?x=c4n4ry.client%40example.pl", "{}".to_owned()),
        ("/api/ops/remedies", wrong),
    ] {
        let answer = send(served.port, Method::POST, path, &json, &body).await;
        if !answer.status.is_success() {
            answers += &String::from_utf8_lossy(&answer.body);
        }
    }
    let message = body("m-1", RECIPIENT, SystemClock.now());
    for envelope in [envelope("m-1", &message), envelope("m-2", &message), envelope("m-3", RECIPIENT), message] {
        answers += &served.invoke("SendEmail", &envelope).await;
    }
    for function in ["DispatchOutbox", "RetryEmail", "PruneOutbox"] {
        answers += &served.invoke(function, "{}").await;
    }
    for path in
        ["overview", "messages", "groups", "mails", "audit", "metrics", "messages/m-1", "messages/m-3", "messages/1"]
    {
        let answer = send(served.port, Method::GET, &format!("/api/ops/{path}"), &[], "").await;
        answers += &String::from_utf8_lossy(&answer.body);
    }
    answers + &String::from_utf8_lossy(&send(served.port, Method::GET, "/api/health", &[], "").await.body)
}

/// What the commands print that say most; the others print what the API answers.
fn operated(settings: &[(&str, String)]) -> String {
    let mut all = String::new();
    for words in [&["ops", "show", "m-1"][..], &["ops", "mail", "list"], &["doctor"]] {
        let Output { stdout, stderr, .. } = command(settings).args(words).output().unwrap();
        all.extend([stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned()));
    }
    all
}

/// A database that any setup may open, and what all of them have.
fn store(folder: &std::path::Path) -> Vec<(&'static str, String)> {
    vec![
        ("Store__Path", folder.join("app.db").display().to_string()),
        // Tables are made at the start.
        ("AZURE_FUNCTIONS_ENVIRONMENT", "Development".to_owned()),
        ("Inbox__RecipientKey", KEY.to_owned()),
        ("Bus__TimeoutMs", "1000".to_owned()),
        ("Email__From", "biuro@office.example.pl".to_owned()),
    ]
}

fn smtp(port: u16) -> [(&'static str, String); 6] {
    [
        ("Email__Provider", "smtp".to_owned()),
        ("Email__SmtpHost", "127.0.0.1".to_owned()),
        ("Email__SmtpPort", port.to_string()),
        ("Email__SmtpSecurity", "none".to_owned()),
        ("Email__SmtpUser", "app".to_owned()),
        ("Email__SmtpPassword", KEY.to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_a_mail_server_and_a_collector_that_repeat_what_they_were_sent_reveal_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ((bus, at_bus), (collector, collected)) = (echo(401).await, echo(200).await);
    let (failing, _) = echo(500).await;
    let mut settings = store(folder.path());
    settings.extend(smtp(parrot("AUTH").await));
    settings.extend([
        (
            "ServiceBusConnection",
            format!("Endpoint=sb://127.0.0.1:{bus};SharedAccessKeyName=send;SharedAccessKey={KEY};UseDevelopmentEmulator=true"),
        ),
        ("ServiceBus__Transport", "rest".to_owned()),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", format!("http://127.0.0.1:{collector}/v1/traces")),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", format!("http://127.0.0.1:{failing}/v1/metrics")),
        ("OTEL_EXPORTER_OTLP_HEADERS", format!("x-key={KEY}")),
    ]);
    let served = Served::start(&settings);
    let answers = used(&served).await;
    let printed = served.end();
    for part in ["answered 502 at the login", "answered 401"] {
        assert!(printed.contains(part), "no {part}: {printed}");
    }
    holds_none("the log", &printed);
    holds_none("an answer", &answers);
    holds_none("ops", &operated(&settings));
    let text = |seen: &Mutex<Vec<u8>>| String::from_utf8_lossy(&seen.lock().unwrap()).into_owned();
    assert!(text(&collected).contains("send client-emails"), "no span arrived");
    holds_none("a span", &text(&collected).replace(&format!("x-key: {KEY}"), ""));
    assert!(!text(&at_bus).contains(KEY), "a signature is sent, not its key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_provider_that_repeats_what_it_was_sent_reveals_nothing() {
    for status in [400, 500] {
        let folder = tempfile::tempdir().unwrap();
        let (acs, at_acs) = echo(status).await;
        let mut settings = store(folder.path());
        settings.extend([
            ("ServiceBusConnection", planted("ServiceBusConnection").unwrap()),
            ("ServiceBus__Gateway", "127.0.0.1:1".to_owned()),
            ("Email__Provider", "acs".to_owned()),
            ("Email__AcsConnectionString", format!("endpoint=http://127.0.0.1:{acs}/;accesskey={KEY}")),
        ]);
        let served = Served::start(&settings);
        let answers = used(&served).await;
        let printed = served.end();
        assert!(String::from_utf8_lossy(&at_acs.lock().unwrap()).contains(RECIPIENT), "no mail was tried");
        holds_none("the log", &printed);
        holds_none("an answer", &answers);
        holds_none("ops", &operated(&settings));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_without_a_token_and_a_refused_recipient_reveal_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = IdentityEndpoint::start(vec![identity_endpoint::refused()]);
    let mut settings = store(folder.path());
    settings.extend(smtp(parrot("RCPT").await));
    settings.extend([
        ("ServiceBusConnection__fullyQualifiedNamespace", "office.servicebus.windows.net".to_owned()),
        ("ServiceBusConnection__credential", "managedidentity".to_owned()),
        ("IDENTITY_ENDPOINT", endpoint.url.clone()),
        ("IDENTITY_HEADER", KEY.to_owned()),
        ("ServiceBus__Transport", "rest".to_owned()),
    ]);
    let registration = [
        ("AZURE_TENANT_ID", "11111111-1111-4111-8111-111111111111".to_owned()),
        ("AZURE_CLIENT_ID", "22222222-2222-4222-8222-222222222222".to_owned()),
        ("AZURE_CLIENT_SECRET", KEY.to_owned()),
        ("AZURE_AUTHORITY_HOST", "https://127.0.0.1:1".to_owned()),
    ];
    let by_secret: Vec<_> = settings.iter().filter(|(name, _)| !name.contains("__credential")).cloned().collect();
    for (n, mut settings) in [settings, by_secret.into_iter().chain(registration).collect()].into_iter().enumerate() {
        // In the first one's database the breaker is open.
        settings[0] = ("Store__Path", folder.path().join(format!("{n}.db")).display().to_string());
        let served = Served::start(&settings);
        let answers = used(&served).await;
        let printed = served.end();
        assert!(printed.contains("destination failed"), "{printed}");
        holds_none("the log", &printed);
        holds_none("an answer", &answers);
        holds_none("ops", &operated(&settings));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_refuses_the_login_reveals_nothing() {
    let tds = TdsServer::start().await;
    for _ in 0..100 {
        tds.login_fault(Fault::Error(18_456));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut settings = store(folder.path());
    settings.extend(smtp(1));
    let refusing = tds.connection_string(&format!("User ID=app;Password={KEY};Encrypt=DANGER_PLAINTEXT"));
    for connection in [refusing, planted("SqlConnectionString").unwrap()] {
        let mut settings = settings.clone();
        settings.extend([
            ("Store__Kind", "sqlserver".to_owned()),
            ("SqlConnectionString", connection),
            ("Sql__WaitMs", "100".to_owned()),
            ("Sql__DeliveryWaitMs", "0".to_owned()),
            ("ServiceBusConnection", planted("ServiceBusConnection").unwrap()),
            ("ServiceBus__Gateway", "127.0.0.1:1".to_owned()),
        ]);
        let served = Served::start(&settings);
        let answers = used(&served).await;
        holds_none("the log", &served.end());
        holds_none("an answer", &answers);
        holds_none("ops", &operated(&settings));
    }
}
