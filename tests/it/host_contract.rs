//! The contract with the Functions host, as its sources and runs show it: folders, envelopes, answers.

use crate::support::{
    backend::Backend,
    edge::{Edge, OF_THE_HOST, draft, figures},
    host::Host,
    http_client::{Answer, post_json, send},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use client_organizer::{
    functions::{self, FUNCTIONS, Trigger},
    local::routes::{Template, overlap},
};
use hyper::Method;
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(root().join(path)).unwrap()).unwrap()
}

const TIMER: &str = r#"{"Data":{"timer":{"Schedule":{"AdjustForDST":true},"ScheduleStatus":{"Last":"2026-08-20T10:00:00.0012345+00:00","Next":"2026-08-20T10:01:00+00:00","LastUpdated":"2026-08-20T10:00:00.0012345+00:00"},"IsPastDue":false}},"Metadata":{"sys":{"MethodName":"DispatchOutbox","UtcNow":"2026-08-20T10:01:00.0034567Z","RandGuid":"6f7e0c1d-7d8a-4f1e-9a3e-0f6f2f7f1a11"}}}"#;
const MESSAGE: &str = r#"{"Data":{"message":"eyJldmVudCI6IkZpbmFuY2lhbFJlY29yZENyZWF0ZWQifQ=="},"Metadata":{"DeliveryCount":"1","LockToken":"\"4f0d3e0e-3d0e-4a9d-8d1f-1fb4c3a0d0aa\"","ExpiresAtUtc":"2026-09-03T10:01:00","EnqueuedTimeUtc":"2026-08-20T10:01:00","MessageId":"\"9a4c6b1e-0000-4000-8000-000000000001\"","ContentType":"\"application/json\"","SequenceNumber":"17","Subject":"\"FinancialRecordCreated\"","CorrelationId":"\"corr-1\"","ApplicationProperties":{"traceparent":"00-…-01"},"UserProperties":{"traceparent":"00-…-01"},"MessageReceiver":{},"Client":{},"sys":{"MethodName":"SendEmail","UtcNow":"2026-08-20T10:01:01.1234567Z","RandGuid":"…"}}}"#;

/// Checks what the host needs in every answer; returns the one log line, which is our report.
fn report(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{:?}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/json"), "the host reads nothing else");
    let body = answer.json();
    assert_eq!(body["Outputs"], json!({}));
    assert_eq!(body["ReturnValue"], Value::Null);
    assert_eq!(body.as_object().unwrap().len(), 3);
    let logs = body["Logs"].as_array().unwrap();
    assert_eq!(logs.len(), 1);
    serde_json::from_str(logs[0].as_str().unwrap()).unwrap()
}

#[test]
fn every_function_has_its_folder_and_every_folder_its_function() {
    let folders: BTreeSet<String> = fs::read_dir(root().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, functions::names().map(str::to_owned).collect());
    for function in FUNCTIONS {
        let described = read(&format!("functions/{}/function.json", function.name));
        let expected = match function.trigger {
            // Forwarding needs these two bindings and no other.
            Trigger::Http { route, anonymous } => json!([
                {"type": "httpTrigger", "direction": "in", "name": "req", "route": route,
                    "authLevel": if anonymous { "anonymous" } else { "function" }},
                {"type": "http", "direction": "out", "name": "res"},
            ]),
            Trigger::Timer { setting } => json!([
                {"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": format!("%{setting}%")},
            ]),
            Trigger::Queue { setting, connection, binding } => json!([
                {"type": "serviceBusTrigger", "direction": "in", "name": binding, "queueName": format!("%{setting}%"),
                    "connection": connection, "dataType": "binary", "cardinality": "one"},
            ]),
        };
        assert_eq!(described, json!({ "bindings": expected }), "{}", function.name);
    }
}

#[test]
fn no_two_routes_match_one_path() {
    // The host orders routes by name, not by specificity.
    let templates = templates();
    for (n, (name, template)) in templates.iter().enumerate() {
        for (other_name, other) in &templates[n + 1..] {
            assert!(!overlap(template, other), "{name} and {other_name}");
        }
    }
    for (path, _) in functions::endpoints() {
        let path = path.replace(['{', '}'], "");
        assert_eq!(templates.iter().filter(|(_, t)| t.matches(&path)).count(), 1, "{path} belongs to one function");
    }
}

/// The routes as the folders have them.
fn templates() -> Vec<(String, Template)> {
    let folders = fs::read_dir(root().join("functions")).unwrap().map(|entry| entry.unwrap().path());
    let of = |folder: PathBuf| {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let described = read(&format!("functions/{name}/function.json"));
        let trigger = described["bindings"].as_array().unwrap().iter().find(|b| b["type"] == "httpTrigger")?.clone();
        Some((name.clone(), Template::parse("api", trigger["route"].as_str().unwrap_or(&name)).unwrap()))
    };
    folders.filter_map(of).collect()
}

#[test]
fn no_route_is_an_open_catch_all() {
    let templates = templates();
    assert_eq!(templates.len(), functions::routes().count());
    for (name, template) in templates {
        assert!(!template.is_open(), "{name}: {template} lets a client run the other functions");
        for path in ["..\\..\\SendEmail", "..%2f..%2fSendEmail", "a.b", "a%2fb", "a?b", "a#b"] {
            for below in ["clients", "ops", "ops/messages", "ops/destinations/queue:x"] {
                // A dot inside a segment leads nowhere.
                let leads_away = path != "a.b" || below == "clients";
                assert!(
                    !leads_away || !template.matches(&format!("/api/{below}/{path}")),
                    "{name} takes {below}/{path}"
                );
            }
        }
    }
}

#[test]
fn host_json_starts_the_handler_and_passes_http_on() {
    let host = read("host.json");
    assert_eq!(host["version"], "2.0");
    assert_eq!(
        host["customHandler"]["description"]["defaultExecutablePath"], "handler",
        "./handler loses its mode bit"
    );
    // A host that does not support proxying forwards instead.
    for mode in ["enableForwardingHttpRequest", "enableProxyingHttpRequest"] {
        assert_eq!(host["customHandler"][mode], true, "{mode}");
    }
    assert_eq!(host.pointer("/customHandler/http"), None, "routes beside function.json files make the host throw");
    assert_eq!(host["extensionBundle"]["version"], "[4.0.0, 5.0.0)");
    let bus = &host["extensions"]["serviceBus"];
    assert_eq!((bus["prefetchCount"].clone(), bus["autoCompleteMessages"].clone()), (json!(0), json!(true)));
    assert_eq!(bus["maxAutoLockRenewalDuration"], "00:05:00");
    assert!(bus["maxConcurrentCalls"].as_u64().unwrap() <= 16);
}

#[tokio::test]
async fn the_ping_touches_nothing() {
    let edge = Edge::new().await;
    for table in ["OutboxMessages", "FinancialRecords", "Clients", "InboxMessages"] {
        edge.backend.execute(&format!("DROP TABLE {table}"));
    }
    let ping = edge.get("/").await;
    assert_eq!(ping.status, 200);
    assert!(!ping.body.is_empty());
    assert_eq!(edge.get("/api/health").await.json()["parts"], json!({}), "nothing was queried");
}

#[tokio::test]
async fn the_timers_answer_with_their_reports() {
    let edge = Edge::new().await;
    let path = format!("/api/clients/{}/finance", edge.client(1).await);
    edge.write("POST", &path, &[], &figures(1)).await;
    // The first run, a schedule without status, and an unknown envelope: a timer needs none of these.
    let first = TIMER.replace("2026-08-20T10:00:00.0012345+00:00", "0001-01-01T00:00:00");
    let sent = report(&edge.invoke("DispatchOutbox", TIMER.as_bytes()).await, 200);
    assert_eq!((sent["claimed"].clone(), sent["sent"].clone(), sent["dead"].clone()), (json!(1), json!(1), json!(0)));
    for name in ["retried", "released", "lostLeases", "destinations", "routed"] {
        assert!(sent.get(name).is_some(), "{name} is reported");
    }
    for envelope in [first.as_str(), r#"{"Data":{"timer":{"ScheduleStatus":null}}}"#, "{}", "", "[[["] {
        assert_eq!(report(&edge.invoke("DispatchOutbox", envelope.as_bytes()).await, 200)["claimed"], 0, "{envelope}");
    }
    assert_eq!(report(&edge.invoke("RetryEmail", TIMER.as_bytes()).await, 200)["taken"], 0);
    assert_eq!(report(&edge.invoke("PruneOutbox", TIMER.as_bytes()).await, 200)["outboxRows"], 0);
    assert_eq!(edge.bus.accepted(crate::support::world::EMAILS).len(), 1);
    let well = "SELECT group_concat(Function) FROM (SELECT * FROM Heartbeats WHERE Error IS NULL ORDER BY Function)";
    assert_eq!(edge.backend.query(well).as_deref(), Some("DispatchOutbox,PruneOutbox,RetryEmail"));
}

#[tokio::test]
async fn an_idle_timer_does_not_query_the_database_until_a_write_or_message_arrives() {
    let edge = Edge::idle(Duration::from_hours(1)).await;
    let path = format!("/api/clients/{}/finance", edge.client(1).await);
    for function in ["DispatchOutbox", "RetryEmail"] {
        assert!(report(&edge.invoke(function, TIMER.as_bytes()).await, 200).get("idle").is_none(), "{function}");
        let reported = report(&edge.invoke(function, TIMER.as_bytes()).await, 200);
        assert_eq!(reported, json!({ "idle": true }), "{function}");
        let hour = "SELECT count(*) FROM Heartbeats WHERE NextByUtc - LastRunOnUtc BETWEEN 3600000 AND 3700000";
        assert_eq!(edge.backend.query(&format!("{hour} AND Function = '{function}'")).as_deref(), Some("1"));
    }
    edge.write("POST", &path, &[], &figures(1)).await;
    assert_eq!(report(&edge.invoke("DispatchOutbox", TIMER.as_bytes()).await, 200)["sent"], 1);
    edge.invoke("SendEmail", MESSAGE.as_bytes()).await;
    assert_eq!(report(&edge.invoke("RetryEmail", TIMER.as_bytes()).await, 200)["taken"], 0);
}

/// In Azure the timer that would find it runs on another instance, and may rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_remedy_is_dispatched_by_the_instance_that_took_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), &[("OutboxSchedule", "0 0 0 29 2 *")], &[]);
    assert_eq!(post_json(host.port, "/api/clients", &draft(1)).await.status, 201);
    let headers = [("content-type", "application/json")];
    let booked = send(host.port, Method::POST, "/api/clients/1/finance", &headers, &figures(3)).await;
    let id = booked.header("outbox-message-id").unwrap().to_owned();
    let arrived = |id: String| move |e: &Value| e["event"] == "completed" && e["messageId"] == id.as_str();
    host.wait_for("its mail", arrived(id.clone()));
    let replay = json!({"action": "replay", "force": true, "selection": {"ids": [id]}, "dryRun": true});
    let plan = post_json(host.port, "/api/ops/remedies", &replay).await.json();
    let run = json!({"token": plan["token"], "reason": "again", "by": "anna"});
    let replayed = post_json(host.port, "/api/ops/remedies", &run).await.json();
    let copy = replayed["rows"][0]["newId"].as_str().unwrap_or_else(|| panic!("{replayed}")).to_owned();
    host.wait_for("the copy's mail", arrived(copy));
}

#[tokio::test]
async fn a_timer_run_whose_store_failed_is_a_failed_run() {
    let edge = Edge::new().await;
    for table in ["OutboxMessages", "InboxMessages"] {
        edge.backend.execute(&format!("DROP TABLE {table}"));
    }
    for function in ["DispatchOutbox", "RetryEmail", "PruneOutbox"] {
        let reported = report(&edge.invoke(function, TIMER.as_bytes()).await, 500);
        assert!(reported["storeError"].is_string(), "{function}: {reported}");
        let why = format!("SELECT Error FROM Heartbeats WHERE Function = '{function}'");
        assert_eq!(edge.backend.query(&why).as_deref(), reported["storeError"].as_str());
    }
    let reported = report(&edge.invoke("SendEmail", MESSAGE.as_bytes()).await, 500);
    assert!(reported["failed"].is_string(), "the broker must deliver it again: {reported}");
    assert_eq!(edge.get("/").await.status, 200);
}

#[tokio::test]
async fn a_request_that_is_not_the_hosts_invocation_is_refused_and_does_nothing() {
    let edge = Edge::new().await;
    let path = format!("/api/clients/{}/finance", edge.client(1).await);
    edge.write("POST", &path, &[], &figures(1)).await;
    let forged = |added: &[(&'static str, &'static str)]| {
        let kept = OF_THE_HOST.into_iter().filter(|(name, _)| added.iter().all(|(other, _)| other != name));
        kept.chain(added.iter().copied()).collect::<Vec<_>>()
    };
    let page = [
        ("content-type", "text/plain"),
        ("user-agent", "Mozilla/5.0"),
        ("origin", "https://evil.example"),
        ("sec-fetch-mode", "no-cors"),
    ];
    let cases: Vec<(&str, Vec<(&str, &str)>)> = vec![
        ("", page.to_vec()),
        ("", forged(&[("host", "app.azurewebsites.net"), ("x-functions-key", "k")])),
        ("", forged(&[("host", "evil.example")])),
        ("", forged(&[("user-agent", "curl/8 Azure-Functions-Host/4.1037.0.0")])),
        ("", forged(&[("x-azure-functions-invocationid", "mine, 6f7e0c1d-7d8a-4f1e-9a3e-0f6f2f7f1a11")])),
        ("", forged(&[("x-forwarded-for", "10.0.0.1")])),
        ("", forged(&[("x-arr-log-id", "1")])),
        ("", forged(&[("authorization", "Bearer x")])),
        ("", forged(&[("cookie", "a=b")])),
        ("?code=k", forged(&[])),
    ];
    for function in functions::names().filter(|name| functions::routes().all(|(http, _)| http != *name)) {
        for (query, headers) in &cases {
            let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
            let answer = edge.send("POST", &format!("/{function}{query}"), &headers, &[MESSAGE.as_bytes()]).await;
            let reported = report(&answer, 403);
            assert!(reported["failed"].is_string(), "{function} {query} {headers:?}");
            assert!(!reported.to_string().contains("evil") && !reported.to_string().contains("mine"), "{reported}");
        }
    }
    assert_eq!(edge.backend.query("SELECT count(*) FROM InboxMessages").unwrap(), "0");
    assert_eq!((edge.bus.accepted(crate::support::world::EMAILS).len(), edge.mailer.sent().len()), (0, 0));
    report(&edge.invoke("DispatchOutbox", TIMER.as_bytes()).await, 200);
    assert_eq!(edge.bus.accepted(crate::support::world::EMAILS).len(), 1, "the host's own does");
}

#[tokio::test]
async fn a_panic_is_a_500_of_its_own_invocation_only() {
    let edge = Edge::new().await;
    let path = format!("/api/clients/{}/finance", edge.client(1).await);
    edge.write("POST", &path, &[], &figures(1)).await;
    report(&edge.invoke("DispatchOutbox", TIMER.as_bytes()).await, 200);
    let (id, body) = {
        let log = edge.bus.log.lock().unwrap();
        (log[0].1.id.to_string(), log[0].1.body.to_vec())
    };
    edge.mailer.behave(|_| panic!("of the test"));
    let envelope = json!({"Data": {"message": STANDARD.encode(body)}, "Metadata": {"MessageId": id}}).to_string();
    let reported = report(&edge.invoke("SendEmail", envelope.as_bytes()).await, 500);
    assert!(reported["failed"].is_string(), "{reported}");

    edge.write("POST", &path, &[], &figures(2)).await;
    edge.bus.behave(|_, _| panic!("of the test"));
    let reported = report(&edge.invoke("DispatchOutbox", TIMER.as_bytes()).await, 500);
    assert!(reported["storeError"].as_str().unwrap().contains("panicked"), "{reported}");
    assert_eq!(edge.get("/").await.status, 200, "the process lives");
}

/// The message of a booking, as the bus accepted it: id and body.
async fn booked(edge: &Edge, month: u8) -> (String, Vec<u8>) {
    let client = if month == 1 { edge.client(1).await } else { 1 };
    edge.write("POST", &format!("/api/clients/{client}/finance"), &[], &figures(month)).await;
    report(&edge.invoke("DispatchOutbox", TIMER.as_bytes()).await, 200);
    let log = edge.bus.log.lock().unwrap();
    let (_, message, _) = log.last().unwrap();
    (message.id.to_string(), message.body.to_vec())
}

#[tokio::test]
async fn a_booking_is_mailed_once_however_its_delivery_is_written() {
    let edge = Edge::new().await;
    for (month, form) in (1..).zip(["twice", "bare", "text", "object", "unknown", "old"]) {
        let (id, body) = booked(&edge, month).await;
        let text = String::from_utf8(body.clone()).unwrap();
        let (message, metadata) = match form {
            "twice" => (
                json!(STANDARD.encode(&body)),
                json!({"MessageId": json!(id).to_string(), "DeliveryCount": "1",
                "EnqueuedTimeUtc": "2126-08-20T10:01:00", "MessageReceiver": {}, "Client": {"x": [[]]}}),
            ),
            "bare" => (
                json!(STANDARD.encode(&body)),
                json!({"MessageId": id, "DeliveryCount": 1,
                "EnqueuedTimeUtc": "2126-08-20T10:01:00.1234567Z"}),
            ),
            "text" => (json!(text), json!({"MessageId": json!(id).to_string(), "DeliveryCount": "\"1\""})),
            // Not binary: the metadata also has the body's own fields, which must not replace the broker's.
            "object" => {
                (serde_json::from_str(&text).unwrap(), json!({"id": "x", "messageid": "forged", "MessageId": id}))
            }
            // Fields of newer extensions, and known fields of another type than today's.
            "unknown" => (
                json!(STANDARD.encode(&body)),
                json!({"MessageId": json!(id).to_string(), "DeliveryCount": "1", "EnqueuedTime": 7, "ExpiresAt": [],
                "Label": {}, "MessageSession": "x", "MessageActions": null, "SequenceNumber": {"a": [1]},
                "ApplicationProperties": [1], "LockToken": true, "": null, "x": 1e300, "sys": "x"}),
            ),
            _ => (
                json!(STANDARD.encode(&body)),
                json!({"messageId": id, "Label": "\"x\"", "UserProperties": null,
                "EnqueuedTimeUtc": "0001-01-01T00:00:00"}),
            ),
        };
        let envelope = json!({"Data": {"message": message}, "Metadata": metadata, "More": 1}).to_string();
        let first = report(&edge.invoke("SendEmail", envelope.as_bytes()).await, 200);
        assert_eq!(first, json!({"messageId": id, "deliveryCount": 1, "outcome": "sent"}), "{form}");
        let again = report(&edge.invoke("SendEmail", envelope.as_bytes()).await, 200);
        assert_eq!((again["outcome"].clone(), again["state"].clone()), (json!("duplicate"), json!("sent")), "{form}");
        assert_eq!(edge.mailer.sent().last(), Some(&id), "{form}");
        assert_eq!(edge.mailer.sent().len(), usize::from(month), "{form}");
    }
}

#[tokio::test]
async fn a_message_that_is_not_our_event_is_recorded_as_refused_and_answered_200() {
    let edge = Edge::new().await;
    let (_, body) = booked(&edge, 1).await;
    let known = report(&edge.invoke("SendEmail", MESSAGE.as_bytes()).await, 200);
    assert_eq!(known["outcome"], "refused", "the contract's example is no event of ours");
    let bodies: [(&str, Value, Value); 6] = [
        ("not-json", json!(STANDARD.encode("hello")), json!("not-json")),
        ("not-utf8", json!(STANDARD.encode([0xff, 0xfe])), json!("not-utf8")),
        ("not-base64", json!("%%%"), json!("not-base64")),
        ("empty", json!(""), json!("empty")),
        ("absent", Value::Null, json!("absent")),
        ("other-id", json!(STANDARD.encode(&body)), json!("other-id")),
    ];
    for (name, message, id) in bodies {
        let envelope = json!({"Data": {"message": message}, "Metadata": {"MessageId": id}}).to_string();
        for _ in 0..2 {
            let reported = report(&edge.invoke("SendEmail", envelope.as_bytes()).await, 200);
            assert_eq!(reported["outcome"], "refused", "{name}: {reported}");
        }
        let reason = format!("SELECT LastError FROM InboxMessages WHERE MessageId = '{name}'");
        assert!(edge.backend.query(&reason).is_some_and(|reason| !reason.is_empty()), "{name}");
    }
    let nameless = json!({"Data": {"message": STANDARD.encode("hello")}, "Metadata": {}}).to_string();
    assert_eq!(report(&edge.invoke("SendEmail", nameless.as_bytes()).await, 200)["outcome"], "refused");
    assert_eq!(edge.backend.query("SELECT count(*) FROM InboxMessages WHERE State = 5").unwrap(), "8");
    assert_eq!(edge.mailer.sent().len(), 0);
}

#[tokio::test]
async fn an_envelope_without_a_message_fails_so_that_the_broker_keeps_the_message() {
    let edge = Edge::new().await;
    let huge = json!({"Data": {"message": "A".repeat(3 << 20)}, "Metadata": {"MessageId": "m"}}).to_string();
    for (envelope, status) in [("", 400), ("null", 400), ("{", 400), ("[]", 400), (r#"{"Data":{}}"#, 400), (&huge, 413)]
    {
        let reported = report(&edge.invoke("SendEmail", envelope.as_bytes()).await, status);
        assert!(reported["failed"].is_string(), "{reported}");
    }
    assert_eq!(edge.backend.query("SELECT count(*) FROM InboxMessages").unwrap(), "0");
    let junk = format!(
        r#"{{"Data":{{"message":"aGk="}},"Metadata":{{"MessageId":"m","Client":{}{}}}}}"#,
        "[".repeat(99_999),
        "]".repeat(99_999)
    );
    assert_eq!(report(&edge.invoke("SendEmail", junk.as_bytes()).await, 200)["outcome"], "refused", "junk is not read");
}

#[tokio::test]
async fn a_test_run_of_the_portal_is_answered_200() {
    let edge = Edge::new().await;
    let metadata = json!({"DeliveryCount": "0", "SequenceNumber": "-1", "sys": {"MethodName": "SendEmail"}});
    for nothing in [json!({ "Metadata": metadata }), json!({"Data": {"message": null}, "Metadata": metadata})] {
        let reported = report(&edge.invoke("SendEmail", nothing.to_string().as_bytes()).await, 200);
        assert_eq!(reported["outcome"], "nothingToSend", "{reported}");
    }
    assert_eq!(edge.backend.query("SELECT count(*) FROM InboxMessages").unwrap(), "0");
    let (_, body) = booked(&edge, 1).await;
    for body in [&b"{\"a\":1}"[..], b"{\"a\":1}", &body] {
        let run = json!({"Data": {"message": STANDARD.encode(body)}, "Metadata": metadata}).to_string();
        let reported = report(&edge.invoke("SendEmail", run.as_bytes()).await, 200);
        assert_eq!(reported["outcome"], "refused", "{reported}");
        assert_eq!(reported["deliveryCount"], 0);
    }
    assert_eq!(edge.mailer.sent().len(), 0, "an event without the broker's id is nobody's mail");
}

/// No caller can exhaust the stack or the memory; if one did, this whole test run would end.
#[tokio::test]
async fn no_invocation_kills_the_process() {
    let edge = Edge::new().await;
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(300_000), close.repeat(300_000));
    let bodies = [
        deep("[", "]"),
        deep("{\"a\":", "}"),
        format!(r#"{{"Data":{},"Metadata":{}}}"#, deep("[", "]"), deep("{\"Data\":", "}")),
        format!(r#"{{"Data":{{"message":{}}},"Metadata":{{"DeliveryCount":1e999999999}}}}"#, "9".repeat(1_000_000)),
        format!(r#"{{"Data":{{"message":"{}"}}}}"#, "\\u0000".repeat(200_000)),
        format!(r#"{{"Metadata":{{"MessageId":"{}","EnqueuedTimeUtc":"99999-99-99"}}}}"#, "\\\"".repeat(200_000)),
        "[".repeat(2 << 20),
        "\u{feff}".repeat(100_000),
    ];
    for function in ["SendEmail", "DispatchOutbox", "RetryEmail", "PruneOutbox"] {
        for body in &bodies {
            edge.invoke(function, body.as_bytes()).await;
        }
    }
    let inside = json!({"Data": {"message": STANDARD.encode(deep("{\"a\":", "}"))}, "Metadata": {"MessageId": "m"}});
    edge.invoke("SendEmail", inside.to_string().as_bytes()).await;
    assert_eq!(edge.get("/").await.status, 200);
}

#[tokio::test]
async fn a_stop_ends_the_server_although_the_host_keeps_its_connection() {
    let mut edge = Edge::new().await;
    assert_eq!(edge.get("/").await.status, 200);
    // A server that waits for idle connections would never end.
    edge.stop().await;
}

#[tokio::test]
async fn every_request_is_one_log_line_without_secrets() {
    // In a process of its own, as the host reads its log: all tests of this process share tracing's caches.
    let folder = tempfile::tempdir().unwrap();
    let mut host = Host::start(folder.path(), &[("Log__Level", "info")], &[]);
    let client = post_json(host.port, "/api/clients", &draft(1)).await.json()["id"].clone();
    let path = format!("/api/clients/{client}/finance");
    let headers = [
        ("content-type", "application/json"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("idempotency-key", "secret-key"),
    ];
    send(host.port, Method::POST, &format!("{path}?code=function-key"), &headers, &figures(3)).await;
    post_json(host.port, "/api/clients", &json!({"email": "nobody@example.pl", "name": 7})).await;
    let answered = |function: &'static str| {
        move |e: &Value| e["line"]["message"] == "answered" && e["line"]["function"] == function
    };
    let taken = host.wait_for("taken in", |e| e["line"]["message"] == "taken in");
    assert_eq!(taken["line"]["trace"], "0af7651916cd43dd8448eb211c80319c", "from the booking to the mail");
    assert_eq!(taken["line"]["span"]["function"], "SendEmail", "what the flows log carries the invocation");
    assert_eq!(taken["line"]["span"]["id"].as_str().unwrap().len(), 36);
    host.wait_for("the answer to the queue", answered("SendEmail"));

    let of_finance: Vec<&Value> = host.seen.iter().filter(|e| answered("Finance")(e)).map(|e| &e["line"]).collect();
    let statuses: Vec<u64> = of_finance.iter().map(|line| line["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 201, 422]);
    let booking = of_finance[1];
    assert_eq!(booking["trace"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!((booking["method"].clone(), booking["path"].clone()), (json!("POST"), json!(path)));
    assert_eq!(booking["invocation"].as_str().unwrap().len(), 36);
    assert!(booking["ms"].is_u64());
    let logged: String = host.seen.iter().filter(|e| e["event"] == "log").map(Value::to_string).collect();
    for secret in ["@example.pl", "Klient", "1234.5", "function-key", "secret-key", "Prosta"] {
        assert!(!logged.contains(secret), "{secret} is logged: {logged}");
    }
}

#[tokio::test]
async fn the_openapi_document_names_every_path_method_status_and_header() {
    let edge = Edge::new().await;
    let answer = edge.get("/api/openapi.json").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/json")));
    let document = answer.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    let reported: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(|method| (path.clone(), method.to_ascii_uppercase()))
        })
        .collect();
    let served = functions::endpoints()
        .flat_map(|(path, methods)| methods.iter().map(move |method| (path.to_owned(), (*method).to_owned())))
        .collect();
    assert_eq!(reported, served);

    let keys = |value: &Value| value.as_object().map(|o| o.keys().cloned().collect()).unwrap_or_default();
    let parameters = |operation: &Value| -> BTreeSet<String> {
        let list = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().map(|p| p["name"].as_str().unwrap().to_owned()).collect()
    };
    for (path, item) in paths.iter().filter(|(path, _)| path.starts_with("/api/clients")) {
        for (method, operation) in item.as_object().unwrap() {
            let statuses: BTreeSet<String> = keys(&operation["responses"]);
            let write = method != "get";
            for status in ["404", "422", "500", "503"] {
                assert!(statuses.contains(status), "{method} {path} {status}");
            }
            for status in ["400", "409", "412", "413", "415"] {
                assert!(!write || statuses.contains(status), "{method} {path} {status}");
            }
            for name in ["Idempotency-Key", "If-Match", "traceparent"] {
                assert_eq!(parameters(operation).contains(name), write, "{method} {path} {name}");
            }
            for variable in path.split(['{', '}']).skip(1).step_by(2) {
                assert!(parameters(operation).contains(variable), "{method} {path} {variable}");
            }
            assert_eq!(operation["requestBody"].is_object(), ["post", "put", "patch"].contains(&method.as_str()));
        }
    }
    let post = &paths["/api/clients/{id}/finance"]["post"];
    let created = &post["responses"]["201"]["headers"];
    let headers: BTreeSet<String> = keys(created);
    assert_eq!(headers, ["ETag", "Idempotency-Replayed", "Location", "Outbox-Message-Id"].map(str::to_owned).into());
    // Every reference has a target.
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn the_documented_request_bodies_are_the_accepted_ones() {
    let edge = Edge::new().await;
    let id = edge.client(1).await;
    let document: Value = serde_json::from_str(functions::document()).unwrap();
    let fields = |name: &str, key: &str| -> BTreeSet<String> {
        match &document["components"]["schemas"][name][key] {
            Value::Array(names) => names.iter().map(|name| name.as_str().unwrap().to_owned()).collect(),
            Value::Object(properties) => properties.keys().cloned().collect(),
            _ => BTreeSet::new(),
        }
    };
    let reported = |answer: &Answer, message: &str| -> BTreeSet<String> {
        let errors = answer.json()["errors"].as_array().unwrap().clone();
        let such = errors.iter().filter(|e| e["message"].as_str().unwrap().contains(message));
        such.map(|e| e["field"].as_str().unwrap().to_owned()).collect()
    };
    let record = format!("/api/clients/{id}/finance");
    for (method, path, schema) in [
        ("POST", "/api/clients".to_owned(), "ClientDraft"),
        ("PUT", format!("/api/clients/{id}"), "ClientDraft"),
        ("POST", record.clone(), "FinancialRecordDraft"),
        ("PATCH", format!("{record}/2026/1"), "FinancialRecordPatch"),
        ("POST", format!("{record}/2026/1/reminders"), "PaymentReminderDraft"),
    ] {
        assert_eq!(document["components"]["schemas"][schema]["additionalProperties"], false, "{schema}");
        let missing = reported(&edge.write(method, &path, &[], r#"{"zzz":1}"#).await, "is missing");
        assert_eq!(missing, fields(schema, "required"), "{schema}");
        let all: Vec<String> = fields(schema, "properties").iter().map(|name| format!("\"{name}\":true")).collect();
        let refused = edge.write(method, &path, &[], &format!("{{{}}}", all.join(","))).await;
        assert_eq!(reported(&refused, ""), fields(schema, "properties"), "each is read, and refuses `true`: {schema}");
        assert!(reported(&refused, "not known").is_empty(), "{schema}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_provider_that_fails_is_logged_as_a_warning() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("mail"), "a file where the folder should be").unwrap();
    let mut host = Host::start(data.path(), &[], &[]);
    assert_eq!(post_json(host.port, "/api/clients", &draft(1)).await.status, 201);
    let headers = [("content-type", "application/json")];
    let booked = send(host.port, Method::POST, "/api/clients/1/finance", &headers, &figures(3)).await;
    assert_eq!(booked.status, 201);
    let failed = host.wait_for("the warning", |e| {
        e["line"]["message"].as_str().is_some_and(|text| text.starts_with("mail provider failed"))
    });
    assert_eq!(failed["line"]["level"], "WARN");
}
