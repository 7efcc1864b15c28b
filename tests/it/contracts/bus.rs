//! The bus over REST, against small servers in this file: what goes on the wire, and what each response means.

use crate::support::{
    backend::{Backend, SqliteBackend},
    fakes::FakeClock,
    world::{dispatcher, routes},
};
use base64::Engine;
use bytes::Bytes;
use chrono::DateTime;
use client_organizer::{
    adapters::servicebus::{ConnectionString, RestBus, RestOptions},
    domain::{ids::MessageId, message::Headers, route::Destination, timing::Timing, verdict::PublishOutcome},
    flows::dispatch::dispatch,
    ports::bus::{Bus, Outgoing},
};
use hmac::{KeyInit, Mac};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::Instant,
};

const KEY: &str = "c2VjcmV0LWtleS1vZi10aGUtdGVzdA==";

/// What a server does with a request that it has read in full.
#[derive(Clone)]
enum Does {
    Answers(String),
    /// Closes without an answer.
    Cuts,
    /// Closes with a reset, the body unread.
    Resets,
    /// Never answers.
    Stalls,
}

/// A request as it came over the wire.
#[derive(Debug, Clone)]
struct Seen {
    line: String,
    headers: BTreeMap<String, String>,
    body: String,
}

struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// `does` is asked for each request, by its body.
async fn serve(does: impl Fn(&str) -> Does + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (does, log) = (Arc::new(does), seen.clone());
    let task = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(talk(stream, does.clone(), log.clone()));
        }
    });
    Server { port, seen, task }
}

async fn talk(mut stream: TcpStream, does: Arc<dyn Fn(&str) -> Does + Send + Sync>, log: Arc<Mutex<Vec<Seen>>>) {
    let mut read = Vec::new();
    loop {
        let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") else {
            if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
            continue;
        };
        let head = String::from_utf8(read[..end].to_vec()).unwrap();
        assert!(head.is_ascii(), "{head}");
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap().to_owned();
        let headers: BTreeMap<String, String> =
            lines.map(|l| l.split_once(": ").unwrap()).map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned())).collect();
        let length: usize = headers["content-length"].parse().unwrap();
        if matches!(does(""), Does::Resets) {
            stream.set_zero_linger().unwrap();
            return;
        }
        while read.len() < end + 4 + length {
            if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let body = String::from_utf8(read[end + 4..end + 4 + length].to_vec()).unwrap();
        read.drain(..end + 4 + length);
        log.lock().unwrap().push(Seen { line, headers, body: body.clone() });
        match does(&body) {
            Does::Answers(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
            Does::Cuts | Does::Resets => return,
            Does::Stalls => std::future::pending().await,
        }
    }
}

fn answer(status: &str, headers: &str, body: &str) -> Does {
    Does::Answers(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()))
}

fn created() -> Does {
    // As the cloud answers: chunked and empty.
    Does::Answers("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned())
}

fn bus(port: u16, concurrency: usize, timeout: Duration) -> RestBus {
    let text = format!(
        "Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=send only;SharedAccessKey={KEY};UseDevelopmentEmulator=true"
    );
    RestBus::new(ConnectionString::parse(&text).unwrap(), RestOptions { timeout, concurrency }).unwrap()
}

fn message(id: &str, body: &str) -> Outgoing {
    Outgoing {
        id: MessageId::parse(id).unwrap(),
        event_type: "FinancialRecordCreated".to_owned(),
        content_type: "application/cloudevents+json".to_owned(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        ordering_key: None,
        headers: Headers::default(),
        timing: Timing::default(),
        occurred_on: DateTime::from_timestamp(1_795_473_000, 5_000_000).unwrap(),
    }
}

#[tokio::test]
async fn a_message_carries_its_time_to_live_and_due_time_in_the_documented_form() {
    let server = serve(|_| created()).await;
    let not_before = DateTime::from_timestamp_millis(1_404_264_746_001);
    let timed = Outgoing { timing: Timing { live_ms: Some(4_444), not_before }, ..message("m1", "{}") };
    let outcomes = bus(server.port, 4, LONG).publish(&queue(), std::slice::from_ref(&timed), far()).await;
    assert_eq!(outcomes, [PublishOutcome::Accepted]);
    let seen = server.seen.lock().unwrap().remove(0);
    let broker: serde_json::Value = serde_json::from_str(&seen.headers["brokerproperties"]).unwrap();
    assert_eq!(broker["TimeToLive"].as_f64(), Some(4.444));
    assert_eq!(broker["ScheduledEnqueueTimeUtc"], "Wed, 02 Jul 2014 01:32:27 GMT", "never before the requested time");
}

fn queue() -> Destination {
    Destination::parse("queue:client-emails").unwrap()
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

const LONG: Duration = Duration::from_secs(20);

async fn publish_one(does: Does) -> (PublishOutcome, Server) {
    let server = serve(move |_| does.clone()).await;
    let mut outcomes = bus(server.port, 4, LONG).publish(&queue(), &[message("m1", "{}")], far()).await;
    (outcomes.remove(0), server)
}

#[tokio::test]
async fn a_message_carries_its_id_its_type_and_its_trace() {
    let server = serve(|_| created()).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [("traceparent", trace), ("tracestate", "office=ż\"1\"")];
    let sent = Outgoing {
        ordering_key: Some("17/2026-03".to_owned()),
        headers: Headers(headers.map(|(n, v)| (n.to_owned(), v.to_owned())).into()),
        event_type: "Zażółć".to_owned(),
        ..message("0198-żółw", "{\"nazwa\":\"Żółw 🦀\"}")
    };
    let outcomes = bus(server.port, 4, LONG).publish(&queue(), std::slice::from_ref(&sent), far()).await;
    assert_eq!(outcomes, [PublishOutcome::Accepted]);

    let seen = server.seen.lock().unwrap().remove(0);
    assert_eq!(seen.line, "POST /client-emails/messages HTTP/1.1");
    assert_eq!(seen.body, "{\"nazwa\":\"Żółw 🦀\"}");
    assert_eq!(seen.headers["content-type"], "application/cloudevents+json");
    let broker: serde_json::Value = serde_json::from_str(&seen.headers["brokerproperties"]).unwrap();
    let expected = serde_json::json!({
        "MessageId": "0198-żółw", "Label": "Zażółć", "CorrelationId": "4bf92f3577b34da6a3ce929d0e0e4736"
    });
    assert_eq!(broker, expected);
    for (name, value) in [
        ("eventtype", "Zażółć"),
        ("schemaversion", "1"),
        ("occurredon", "2026-11-23T22:30:00.005Z"),
        ("orderingkey", "17/2026-03"),
        ("traceparent", trace),
        ("diagnostic-id", trace),
        ("tracestate", "office=ż\"1\""),
    ] {
        let quoted: String = serde_json::from_str(&seen.headers[name]).unwrap();
        assert_eq!(quoted, value, "{name}");
    }
}

#[tokio::test]
async fn a_request_is_signed_for_the_namespace_and_entity() {
    let server = serve(|_| created()).await;
    let topic = Destination::parse("topic:finance/events").unwrap();
    bus(server.port, 4, LONG).publish(&topic, &[message("m1", "{}")], far()).await;
    let seen = server.seen.lock().unwrap().remove(0);
    assert_eq!(seen.line, "POST /finance/events/messages HTTP/1.1");

    let token = seen.headers["authorization"].strip_prefix("SharedAccessSignature ").unwrap();
    let field = |name: &str| {
        let part = token.split('&').find_map(|part| part.strip_prefix(&format!("{name}="))).unwrap();
        (part.to_owned(), percent_encoding::percent_decode_str(part).decode_utf8().unwrap().into_owned())
    };
    let (resource_as_sent, resource) = field("sr");
    assert_eq!(resource, "https://local.servicebus.windows.net/finance/events/messages");
    assert_eq!(resource_as_sent, "https%3A%2F%2Flocal.servicebus.windows.net%2Ffinance%2Fevents%2Fmessages");
    assert_eq!(field("skn").0, "send%20only");
    let signed = format!("{resource_as_sent}\n{}", field("se").1);
    // The key is used as text, not decoded from base64.
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    let expected = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(field("sig").1, expected);
}

#[tokio::test]
async fn outcomes_come_in_the_order_of_the_messages() {
    let server = serve(|body| match body {
        "bad" => answer("400 Bad Request", "", "<Detail>no</Detail>"),
        "large" => answer("413 Payload Too Large", "", ""),
        _ => created(),
    })
    .await;
    let batch: Vec<_> =
        ["ok", "bad", "ok", "large", "ok"].iter().enumerate().map(|(i, b)| message(&format!("m{i}"), b)).collect();
    let outcomes = bus(server.port, 3, LONG).publish(&queue(), &batch, far()).await;
    assert_eq!(outcomes.len(), 5);
    for accepted in [0, 2, 4] {
        assert_eq!(outcomes[accepted], PublishOutcome::Accepted);
    }
    assert!(matches!(&outcomes[1], PublishOutcome::Permanent { reason } if reason.contains("<Detail>no</Detail>")));
    assert!(matches!(&outcomes[3], PublishOutcome::Permanent { reason } if reason.contains("too large")));
}

#[tokio::test]
async fn a_failure_of_the_destination_blocks_it_and_names_the_remedy() {
    for (status, headers, after, expected) in [
        ("401 Unauthorized", "", None, "lacks the Send claim on client-emails"),
        ("404 Not Found", "", None, "create it"),
        ("410 Gone", "", None, "enable"),
        ("429 Too Many Requests", "Retry-After: 7\r\n", Some(7_000), "throttled"),
        ("429 Too Many Requests", "Retry-After-Ms: 1500\r\nRetry-After: 2\r\n", Some(1_500), "throttled"),
        (
            "503 Service Unavailable",
            "Date: Sun, 29 Nov 2026 12:00:00 GMT\r\nRetry-After: Sun, 29 Nov 2026 12:01:30 GMT\r\n",
            Some(90_000),
            "fails",
        ),
        ("500 Internal Server Error", "", None, "fails"),
        ("307 Temporary Redirect", "Location: http://127.0.0.1:1/\r\n", None, "proxy"),
    ] {
        let (outcome, _server) = publish_one(answer(status, headers, "<Code>40000</Code>")).await;
        let PublishOutcome::Blocked { after_ms, reason } = outcome else { panic!("{status}: {outcome:?}") };
        assert_eq!(after_ms, after, "{status}");
        for part in [expected, &status[..3], "client-emails", "40000"] {
            assert!(reason.contains(part), "{status}: {reason}");
        }
        assert!(!reason.contains(KEY), "{reason}");
    }
}

#[tokio::test]
async fn a_refused_connection_blocks_the_destination_because_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let outcomes = bus(port, 1, LONG).publish(&queue(), &[message("m1", "{}"), message("m2", "{}")], far()).await;
    let PublishOutcome::Blocked { after_ms: None, reason } = &outcomes[0] else { panic!("{outcomes:?}") };
    assert!(reason.contains(&format!("127.0.0.1:{port}")) && reason.contains("refused"), "{reason}");
    assert_eq!(outcomes[1], PublishOutcome::NotTried);
}

#[tokio::test]
async fn a_link_cut_before_the_answer_is_a_cut_not_a_failure() {
    for does in [Does::Cuts, Does::Resets, Does::Answers("no HTTP at all\r\n\r\n".to_owned())] {
        let (outcome, _server) = publish_one(does).await;
        assert!(matches!(outcome, PublishOutcome::Cut { .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_request_cut_on_a_reused_connection_is_not_silently_sent_again() {
    let server = serve(|body| if body == "cut" { Does::Cuts } else { created() }).await;
    let bus = bus(server.port, 1, LONG);
    let outcomes = bus.publish(&queue(), &[message("m1", "ok"), message("m2", "cut")], far()).await;
    assert!(matches!(outcomes[..], [PublishOutcome::Accepted, PublishOutcome::Cut { .. }]), "{outcomes:?}");
    assert_eq!(server.seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_link_cut_by_one_message_does_not_stop_its_neighbours() {
    let server = serve(|body| if body == "poison" { Does::Cuts } else { created() }).await;
    let batch = [message("m1", "poison"), message("m2", "ok"), message("m3", "ok")];
    let outcomes = bus(server.port, 2, LONG).publish(&queue(), &batch, far()).await;
    assert!(matches!(outcomes[0], PublishOutcome::Cut { .. }));
    assert_eq!(outcomes[1..], [PublishOutcome::Accepted, PublishOutcome::Accepted]);
}

#[tokio::test]
async fn a_destination_that_is_down_is_not_hammered_with_the_rest() {
    for does in [answer("503 Service Unavailable", "", ""), Does::Cuts] {
        let server = serve(move |_| does.clone()).await;
        let batch: Vec<_> = (0..50).map(|i| message(&format!("m{i}"), "{}")).collect();
        let outcomes = bus(server.port, 2, LONG).publish(&queue(), &batch, far()).await;
        assert_eq!(outcomes.len(), 50);
        let tried = outcomes.iter().filter(|o| **o != PublishOutcome::NotTried).count();
        assert!((1..=4).contains(&tried), "{tried}");
        assert_eq!(server.seen.lock().unwrap().len(), tried);
    }
}

#[tokio::test]
async fn a_message_whose_headers_a_gateway_refuses_is_dead_alone_and_delays_no_other() {
    let server = serve(|body| if body.contains("odd") { answer("431 Too Large", "", "") } else { created() }).await;
    let store = SqliteBackend::new();
    let insert = |id: &str| {
        let values = format!("('{id}', 'Plain', '\"{id}\"')");
        store.execute(&format!("INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES {values}"));
    };
    let bus = Arc::new(bus(server.port, 4, LONG));
    let context =
        dispatcher(&store, bus, Arc::new(FakeClock::new()), routes(&[("Plain", &["queue:client-emails"])]), 1);
    insert("odd");
    for n in 0..40 {
        insert(&format!("m{n}"));
        dispatch(&context).await;
        store.advance_ms(10_000);
    }
    let column = |sql: &str| store.query(&format!("SELECT {sql} FROM OutboxMessages")).unwrap();
    assert_eq!(column("group_concat(CASE State WHEN 3 THEN Id END)"), "odd");
    assert_eq!(column("count(*) FILTER (WHERE State = 2 AND RetryCount = 0)"), "40");
    assert_eq!(store.query("SELECT count(*) FROM Destinations WHERE OpenUntil IS NOT NULL").unwrap(), "0");
}

#[tokio::test]
async fn a_message_without_answer_times_out_and_the_next_goes_on() {
    let server = serve(|body| if body == "slow" { Does::Stalls } else { created() }).await;
    let batch = [message("m1", "slow"), message("m2", "ok")];
    let outcomes = bus(server.port, 2, Duration::from_secs(4)).publish(&queue(), &batch, far()).await;
    assert!(matches!(outcomes[..], [PublishOutcome::TimedOut { .. }, PublishOutcome::Accepted]), "{outcomes:?}");
}

#[tokio::test]
async fn at_the_deadline_what_was_started_has_timed_out_and_the_rest_was_not_tried() {
    let server = serve(|_| Does::Stalls).await;
    let batch: Vec<_> = (0..3).map(|i| message(&format!("m{i}"), "{}")).collect();
    let deadline = Instant::now() + Duration::from_secs(2);
    let bus = bus(server.port, 2, LONG);
    // Far less than the timeout of a send.
    let outcomes = tokio::time::timeout(LONG / 2, bus.publish(&queue(), &batch, deadline)).await.unwrap();
    assert!(matches!(outcomes[0], PublishOutcome::TimedOut { .. }), "{outcomes:?}");
    assert!(matches!(outcomes[1], PublishOutcome::TimedOut { .. }), "{outcomes:?}");
    assert_eq!(outcomes[2], PublishOutcome::NotTried);
    let outcomes = bus.publish(&queue(), &batch, Instant::now()).await;
    assert!(outcomes.iter().all(|o| *o == PublishOutcome::NotTried), "{outcomes:?}");
}

#[tokio::test]
async fn what_rest_cannot_carry_is_permanent_and_never_sent() {
    let server = serve(|_| created()).await;
    let header = |name: &str| Headers(BTreeMap::from([(name.to_owned(), "x".to_owned())]));
    let batch = [
        Outgoing { body: Bytes::from_static(b"\xff\xfe"), ..message("m1", "") },
        Outgoing { headers: header("Authorization"), ..message("m2", "") },
        Outgoing { headers: header("bad name"), ..message("m3", "") },
        Outgoing { headers: header("X\r\nHost"), ..message("m4", "") },
        Outgoing { content_type: "text/plain\r\nX: y".to_owned(), ..message("m5", "") },
        message("m6", "ok"),
    ];
    let outcomes = bus(server.port, 4, LONG).publish(&queue(), &batch, far()).await;
    for (outcome, expected) in
        outcomes.iter().zip(["UTF-8", "Authorization", "header name", "header name", "content-type"])
    {
        assert!(matches!(outcome, PublishOutcome::Permanent { reason } if reason.contains(expected)), "{outcome:?}");
    }
    assert_eq!(outcomes[5], PublishOutcome::Accepted);
    assert_eq!(server.seen.lock().unwrap().len(), 1);
}
