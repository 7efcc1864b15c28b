//! Traces and metrics of the real local host, as collectors that are not ours receive them.

use crate::support::{
    backend::Backend,
    collector::Collector,
    edge::Edge,
    heard::Heard,
    host::{DEADLINE, Host, executable},
    http_client::{self, post_json},
    smtp_server::{SmtpServer, made},
    world::nip,
};
use client_organizer::adapters::mail::SmtpSecurity;
use hyper::Method;
use regex::Regex;
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::Path, process::Command, time::Instant};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
/// Timers that tick often, so that idle runs happen; spans that are sent soon.
const QUICK: [(&str, &str); 4] = [
    ("OutboxSchedule", "* * * * * *"),
    ("RetryEmailSchedule", "* * * * * *"),
    ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ("OTEL_METRIC_EXPORT_INTERVAL", "300"),
];

/// Books one month in the caller's trace; the caller did not sample it, as the Functions host never does.
async fn book(port: u16) -> String {
    let draft = json!({"name": "Anna", "address": "ul. Prosta 1, Kraków", "nipNb": nip(1).as_str(), "email": "anna@example.pl"});
    let client = post_json(port, "/api/clients", &draft).await.json()["id"].as_i64().unwrap();
    let caller = format!("00-{TRACE}-{CALLER}-00");
    let headers = [("content-type", "application/json"), ("traceparent", caller.as_str())];
    let record = r#"{"year":2026,"month":3,"incomeTax":1,"vat":2,"insuranceAmount":3}"#;
    let path = format!("/api/clients/{client}/finance");
    let answer = http_client::send(port, Method::POST, &path, &headers, record).await;
    assert_eq!(answer.status, 201);
    answer.header("outbox-message-id").unwrap().to_owned()
}

fn ops(host: &Host, arguments: &[&str]) {
    let store = host.data.join("app.db");
    let done = Command::new(executable()).arg("ops").args(arguments).env("Store__Path", store).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn of_trace(seen: &[Value]) -> Vec<&Value> {
    seen.iter().filter(|one| one["trace"] == TRACE).collect()
}

fn span<'a>(seen: &'a [Value], name: &str, function: &str) -> Option<&'a Value> {
    let fits =
        |one: &&Value| one["span"] == name && (function.is_empty() || one["attributes"]["faas.name"] == function);
    of_trace(seen).into_iter().find(fits)
}

fn the<'a>(seen: &'a [Value], name: &str, function: &str) -> &'a Value {
    span(seen, name, function).unwrap_or_else(|| panic!("no span {name} of {function}: {seen:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_booking_is_one_trace_to_the_mail() {
    let Some(mut collector) = Collector::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let endpoint = format!("http://127.0.0.1:{}", collector.port);
    let env = [&QUICK[..], &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_SERVICE_NAME", "office")]].concat();
    let host = Host::start(folder.path(), &env, &[]);
    let message_id = book(host.port).await;
    let metrics = [
        "http.server.request.duration",
        "messaging.client.sent.messages",
        "client_organizer.outbox.commit_to_accepted",
        "client_organizer.mails",
        "client_organizer.outbox.lag",
    ];
    let seen = collector
        .until(|seen| {
            let mailed = span(seen, "process client-emails", "SendEmail").is_some();
            mailed
                && span(seen, "send client-emails", "").is_some()
                && span(seen, "POST /api/clients/{id}/finance", "Finance").is_some()
                && metrics.iter().all(|name| seen.iter().any(|one| one["metric"] == *name))
        })
        .await;

    let finance = the(&seen, "POST /api/clients/{id}/finance", "Finance");
    assert_eq!((&finance["kind"], &finance["parent"]), (&json!("SERVER"), &json!(CALLER)));
    assert_eq!(finance["attributes"]["http.response.status_code"], 201);
    assert_eq!(finance["resource"]["service.name"], "office");
    let create = the(&seen, "create", "");
    assert_eq!((&create["kind"], &create["parent"]), (&json!("PRODUCER"), &finance["id"]));
    let commit = the(&seen, "commit Finance", "");
    assert_eq!((&commit["kind"], &commit["parent"]), (&json!("CLIENT"), &finance["id"]));
    assert_eq!(commit["attributes"]["db.system.name"], "sqlite");

    // A nudge right after the commit; the timer does the same (below).
    let send = the(&seen, "send client-emails", "");
    assert_eq!((&send["kind"], &send["parent"]), (&json!("CLIENT"), &create["id"]));
    assert_eq!(send["attributes"]["messaging.destination.name"], "client-emails");
    assert_eq!(send["attributes"]["messaging.operation.type"], "send");
    let batch = seen.iter().find(|one| one["span"] == "dispatch client-emails").unwrap();
    assert!(batch["links"].as_array().unwrap().contains(&send["id"]), "{batch}");
    assert_eq!(send["links"], json!([batch["id"]]));

    let process = the(&seen, "process client-emails", "SendEmail");
    assert_eq!((&process["kind"], &process["parent"]), (&json!("CONSUMER"), &create["id"]));
    let mail = the(&seen, "send mail:folder", "");
    assert_eq!((&mail["kind"], &mail["parent"]), (&json!("CLIENT"), &process["id"]));
    for one in [create, send, process] {
        assert_eq!(one["attributes"]["messaging.message.id"], message_id.as_str(), "{one}");
        assert_eq!(one["attributes"]["messaging.system"], "servicebus", "{one}");
    }
    for one in of_trace(&seen) {
        assert!(one["ended"] == true && one["error"] == false, "{one}");
    }

    // The timers have ticked: RetryEmail had no mail, and no idle run is a span.
    let idle =
        seen.iter().find(|one| one["span"] == "RetryEmail" || one["attributes"]["client_organizer.idle"] == true);
    assert_eq!(idle, None);
    let text = serde_json::to_string(&seen).unwrap();
    assert!(!text.contains("anna@") && !text.contains("Prosta"), "personal data");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_retry_email_sends_stays_in_its_trace() {
    let Some(mut collector) = Collector::start().await else { return };
    let plan = json!({"anna@example.pl": ["rcpt 450 not now"]});
    let Some(server) = SmtpServer::start(SmtpSecurity::None, "here", plan).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let (endpoint, port) = (format!("http://127.0.0.1:{}", collector.port), server.port.to_string());
    let smtp = [
        ("Email__Provider", "smtp"),
        ("Email__SmtpHost", "127.0.0.1"),
        ("Email__SmtpPort", port.as_str()),
        ("Email__SmtpSecurity", "none"),
        ("Email__RetryBaseMs", "1"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", ""),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
    ];
    let mut host = Host::start(folder.path(), &[&QUICK[..], &smtp].concat(), &[]);
    // While the destination is paused no nudge sends it: the timer does, once it is resumed.
    ops(&host, &["pause", "queue:client-emails", "--reason", "a test", "--by", "test"]);
    let message_id = book(host.port).await;
    ops(&host, &["resume", "queue:client-emails", "--reason", "a test", "--by", "test"]);
    let seen = collector.until(|seen| span(seen, "process", "RetryEmail").is_some()).await;
    let create = the(&seen, "create", "");
    let sent = the(&seen, "send client-emails", "DispatchOutbox");
    assert_eq!(sent["parent"], create["id"]);
    let first = the(&seen, "process client-emails", "SendEmail");
    let refused = of_trace(&seen).into_iter().find(|one| one["parent"] == first["id"] && one["error"] == true).unwrap();
    assert_eq!(refused["attributes"]["error.type"], "recipient_transient");
    let again = the(&seen, "process", "RetryEmail");
    assert_eq!((&again["kind"], &again["parent"]), (&json!("CONSUMER"), &create["id"]));
    assert_eq!(again["attributes"]["messaging.message.id"], message_id.as_str());
    assert!(of_trace(&seen).iter().any(|one| one["span"] == "send mail:smtp" && one["parent"] == again["id"]));
    // So do the lines of the log.
    let line = host.wait_for("taken up", |e| e["event"] == "log" && e["line"]["message"] == "taken up");
    assert_eq!((&line["line"]["message_id"], &line["line"]["trace"]), (&json!(message_id), &json!(TRACE)));
}

#[tokio::test(flavor = "multi_thread")]
async fn application_insights_gets_the_same_trace() {
    let Some(mut collector) = Collector::over_tls().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let connection = format!(
        "InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=https://127.0.0.1:{}/",
        collector.port
    );
    let authority = made("ca.pem");
    let ours = [
        ("APPLICATIONINSIGHTS_CONNECTION_STRING", connection.as_str()),
        ("SSL_CERT_FILE", authority.to_str().unwrap()),
    ];
    let env = [&QUICK[..], &ours].concat();
    let host = Host::start(folder.path(), &env, &[]);
    book(host.port).await;
    let is = |one: &Value, kind: &str, name: &str| {
        one["item"] == kind && one["data"]["name"] == name && one["tags"]["ai.operation.id"] == TRACE
    };
    collector
        .until(|seen| {
            seen.iter().any(|one| is(one, "Request", "POST /api/clients/{id}/finance"))
                && seen.iter().any(|one| is(one, "Request", "process client-emails"))
                && seen.iter().any(|one| is(one, "RemoteDependency", "send client-emails"))
                && seen.iter().any(|one| one["item"] == "Metric")
        })
        .await;
}

/// Accepts connections and never answers.
async fn black_hole() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            open.push(connection);
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_collector_holds_nothing_up_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = format!("http://127.0.0.1:{}", black_hole().await);
    // Each export hangs for longer than the whole test may take.
    let hanging = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_EXPORTER_OTLP_TIMEOUT", "600000")];
    let mut host = Host::start(folder.path(), &[&QUICK[..], &hanging].concat(), &[]);
    let message_id = book(host.port).await;
    host.wait_for("the mail", |e| e["event"] == "log" && e["line"]["message"] == "taken in");
    assert_eq!(host.mails().get(&message_id), Some(&1));
    let stopping = Instant::now();
    Command::new("kill").arg(host.handler_pid.to_string()).status().unwrap();
    host.wait_for("the handler's end", |e| e["event"] == "handler-exited");
    assert!(stopping.elapsed() < DEADLINE / 2, "it waited for the collector");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_fails_is_reported_once() {
    let folder = tempfile::tempdir().unwrap();
    let env = [&QUICK[..], &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/v1/traces")]].concat();
    let mut host = Host::start(folder.path(), &env, &[]);
    let is_report = |e: &Value| {
        e["event"] == "log"
            && e["line"]["message"].as_str().is_some_and(|text| text.starts_with("spans are not exported"))
    };
    book(host.port).await;
    host.wait_for("the report", is_report);
    // More spans are made and dropped, from second to second.
    for _ in 0..3 {
        http_client::get(host.port, "/api/clients").await;
        host.wait_for("a sweep", |e| e["event"] == "invocation");
    }
    assert_eq!(host.seen.iter().filter(|event| is_report(event)).count(), 1);
}

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[tokio::test]
async fn a_dead_row_is_logged_with_its_trace_and_for_the_alert_rules() {
    let heard = Heard::at("info");
    let edge = Edge::new().await;
    edge.backend.execute(&format!(
        r#"INSERT INTO OutboxMessages (Id, EventType, Payload, Destination, ContentType, Headers)
           VALUES ('m-1', 'Plain', 'not JSON', 'queue:client-emails', 'application/json',
                   '{{"traceparent":"00-{TRACE}-{CALLER}-01"}}')"#
    ));
    // The second run is within the same minute.
    for _ in 0..2 {
        assert_eq!(edge.invoke("DispatchOutbox", b"{}").await.status, 200);
    }
    let text = heard.text();
    let dead = text.lines().find(|line| line.contains("row is dead")).unwrap();
    let dead: Value = serde_json::from_str(dead).unwrap();
    assert_eq!((&dead["message_id"], &dead["trace"]), (&json!("m-1"), &json!(TRACE)), "{dead}");
    // As the rules' query finds it.
    let query = r#"message contains "\\"attention\\":\\"${one.kind}\\"""#;
    assert!(file("infra/modules/alerts.bicep").contains(query));
    let found: Vec<&str> = text.lines().filter(|line| line.contains(r#""attention":"dead-rows""#)).collect();
    let [line] = found[..] else { panic!("{text}") };
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["about"], "queue:client-emails");
    assert!(line["message"].as_str().unwrap().contains("dead") && line["remedy"].as_str().unwrap().contains("ops"));
}

#[test]
fn every_alert_rule_is_about_a_kind_that_is_reported_and_in_the_runbook() {
    let (rules, kinds) = (file("infra/modules/alerts.bicep"), file("src/domain/operations/attention.rs"));
    let runbook = file("src/ops/README.md");
    let named = Regex::new(r"kind: '([a-z-]+)',?\s+severity").unwrap();
    let named: Vec<String> = named.captures_iter(&rules).map(|found| found[1].to_owned()).collect();
    let reported = Regex::new(r#"(?:one\(\s*|mails_of\(\s*overview,\s*MailState::\w+,\s*)"([a-z-]+)""#).unwrap();
    let program = kinds.split("#[cfg(test)]").next().unwrap();
    let reported: BTreeSet<&str> = reported.captures_iter(program).map(|found| found.extract::<1>().1[0]).collect();
    let without = Regex::new(r"one for each kind but `([a-z-]+)`, `([a-z-]+)` and `([a-z-]+)`").unwrap();
    let without = without.captures(&runbook).unwrap().extract::<3>().1;
    let both: BTreeSet<&str> = named.iter().map(String::as_str).chain(without).collect();
    assert_eq!((both, named.len() + without.len()), (reported.clone(), reported.len()));
    for kind in reported {
        assert!(runbook.lines().any(|line| line == format!("### {kind}")), "the runbook has no section {kind}");
    }
}

/// A person who has one line finds the others by the trace.
#[test]
fn a_line_about_a_message_names_its_trace() {
    let call = Regex::new(r"(?s)tracing::(?:info|warn|error)!\((.*?)\);").unwrap();
    let mut wrong = Vec::new();
    for folder in ["src/flows", "src/functions"] {
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = if path.is_file() { std::fs::read_to_string(&path).unwrap() } else { continue };
            let calls = call.captures_iter(&text).map(|found| found[1].to_owned());
            let about = calls.filter(|call| call.contains("message_id") || call.contains("seq,"));
            wrong.extend(
                about.filter(|call| !call.contains("trace,")).map(|call| format!("{}: {call}", path.display())),
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
