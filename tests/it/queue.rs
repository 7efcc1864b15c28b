//! The Service Bus stand-in: what senders and receivers of a real queue rely on.

use crate::support::http_client::{Answer, send};
use async_trait::async_trait;
use azure_core::{Body, HttpClient, Request, Response, StatusCode, headers::Headers};
use azure_messaging_servicebus::service_bus::{QueueClient, SendMessageOptions, SettableBrokerProperties};
use chrono::{DateTime, TimeDelta, Utc};
use client_organizer::{
    adapters::clock::SystemClock,
    local::{
        events::EventSink,
        queue::{Queue, QueueOptions, sas::Policy},
    },
    ports::clock::Clock,
};
use hyper::Method;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinHandle;

/// The machine's time, moved forward by a test.
#[derive(Default)]
struct MovedClock(AtomicI64);

impl Clock for MovedClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::seconds(self.0.load(Ordering::Relaxed))
    }
}

struct Stand {
    port: u16,
    policy: Policy,
    clock: Arc<MovedClock>,
    options: QueueOptions,
    task: JoinHandle<()>,
    folder: tempfile::TempDir,
}

impl Stand {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut QueueOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = QueueOptions::at(&folder.path().join("queues.db"), ["email".to_owned(), "audit".to_owned()]);
        change(&mut options);
        Self::open(folder, options).await
    }

    async fn open(folder: tempfile::TempDir, options: QueueOptions) -> Self {
        let clock = Arc::new(MovedClock::default());
        let queue = Queue::open(&options, clock.clone(), EventSink::silent(clock.clone())).await.unwrap();
        let (port, policy) = (queue.port(), queue.policy().clone());
        Self { port, policy, clock, options, task: tokio::spawn(queue.run()), folder }
    }

    /// The process ends abruptly, and another opens the same file.
    async fn restart(self) -> Self {
        self.task.abort();
        let _ = self.task.await;
        Self::open(self.folder, self.options).await
    }

    fn advance(&self, by: Duration) {
        self.clock.0.fetch_add(i64::try_from(by.as_secs()).unwrap(), Ordering::Relaxed);
    }

    fn token(&self) -> String {
        self.policy.token("https://local.servicebus.windows.net/", self.clock.now().timestamp() + 60)
    }

    async fn call(&self, method: Method, path: &str) -> Answer {
        send(self.port, method, path, &[("authorization", &self.token())], "").await
    }

    async fn post(&self, entity: &str, broker: &Value, body: &str) -> Answer {
        let (token, broker) = (self.token(), broker.to_string());
        let headers = [("authorization", token.as_str()), ("brokerproperties", broker.as_str())];
        send(self.port, Method::POST, &format!("/{entity}/messages"), &headers, body).await
    }

    /// A peek-lock that does not wait.
    async fn receive(&self, entity: &str) -> Option<Received> {
        let answer = self.call(Method::POST, &format!("/{entity}/messages/head?timeout=0")).await;
        if answer.status == 204 {
            return None;
        }
        assert_eq!(answer.status, 201);
        let broker: Value = serde_json::from_str(answer.header("brokerproperties").unwrap()).unwrap();
        let lock = answer.header("location").unwrap().strip_prefix("https://local.servicebus.windows.net").unwrap();
        Some(Received { lock: lock.to_owned(), broker, answer })
    }

    async fn counts(&self) -> Value {
        send(self.port, Method::GET, "/$inspect/email", &[], "").await.json()
    }
}

struct Received {
    broker: Value,
    lock: String,
    answer: Answer,
}

#[tokio::test]
async fn the_rest_crate_sends_receives_and_deletes() {
    let stand = Stand::start().await;
    let client = Arc::new(Directed { port: stand.port });
    let queue =
        QueueClient::new(client, "local", "email", stand.policy.name.clone(), stand.policy.key.clone()).unwrap();
    let options = SendMessageOptions {
        content_type: Some("application/cloudevents+json".to_owned()),
        broker_properties: Some(SettableBrokerProperties {
            message_id: Some("m-1".to_owned()),
            label: Some("FinancialRecordCreated".to_owned()),
            time_to_live: Some(Duration::from_hours(1)),
            ..Default::default()
        }),
        custom_properties: Some(HashMap::from([("traceparent".to_owned(), "\"00-ab-01\"".to_owned())])),
    };
    queue.send_message("{\"złoty\":1}", Some(options)).await.unwrap();

    let message = queue.peek_lock_message2(Some(Duration::from_secs(5))).await.unwrap();
    assert_eq!((*message.status(), message.body().as_str()), (StatusCode::Created, "{\"złoty\":1}"));
    let broker = message.broker_properties().unwrap();
    assert_eq!((broker.message_id.as_str(), broker.delivery_count, broker.time_to_live), ("m-1", 1, 3600.0));
    let headers: Headers = message.custom_properties().unwrap();
    assert_eq!(headers.get_str(&"traceparent".into()).unwrap(), "\"00-ab-01\"");

    message.renew_message_lock().await.unwrap();
    message.unlock_message().await.unwrap();
    let again = queue.peek_lock_message2(Some(Duration::from_secs(5))).await.unwrap();
    assert_eq!(again.broker_properties().unwrap().delivery_count, 2);
    again.delete_message().await.unwrap();
    assert!(again.delete_message().await.is_err(), "a lock settles once");
    assert_eq!(stand.counts().await, json!({"active": 0, "locked": 0, "dead": 0}));
}

#[tokio::test]
async fn without_a_valid_signature_nothing_is_sent_or_received() {
    let stand = Stand::start().await;
    let (name, later) = (stand.policy.name.clone(), stand.clock.now().timestamp() + 60);
    let forger = Policy { name: name.clone(), key: "another key".to_owned() };
    let all = "https://local.servicebus.windows.net/";
    for (why, token) in [
        ("none", String::new()),
        ("wrong key", forger.token(all, later)),
        ("expired", stand.policy.token(all, later - 120)),
        ("another entity", stand.policy.token(&format!("{all}audit"), later)),
    ] {
        for (method, path) in [(Method::POST, "/email/messages"), (Method::POST, "/email/messages/head?timeout=0")] {
            let answer = send(stand.port, method, path, &[("authorization", &token)], "x").await;
            assert_eq!(answer.status, 401, "{why}: {path}");
        }
    }
    assert_eq!(stand.counts().await["active"], 0);
}

#[tokio::test]
async fn a_message_abandoned_ten_times_is_dead_lettered_and_can_be_read() {
    let stand = Stand::start().await;
    stand.post("email", &json!({"MessageId": "m-1"}), "poison").await;
    stand.post("email", &json!({"MessageId": "m-2"}), "fine").await;
    for delivery in 1..=10 {
        let message = stand.receive("email").await.unwrap();
        assert_eq!((&message.broker["MessageId"], &message.broker["DeliveryCount"]), (&json!("m-1"), &json!(delivery)));
        assert_eq!(stand.call(Method::PUT, &message.lock).await.status, 200);
    }
    assert_eq!(stand.counts().await, json!({"active": 1, "locked": 0, "dead": 1}));
    assert_eq!(stand.receive("email").await.unwrap().broker["MessageId"], "m-2", "the next is not held up");
    let dead = stand.receive("email/$deadletterqueue").await.unwrap();
    assert_eq!(dead.answer.body, "poison");
    assert_eq!(dead.answer.header("deadletterreason"), Some("\"MaxDeliveryCountExceeded\""));
}

#[tokio::test]
async fn a_lock_that_ended_frees_the_message_and_settles_nothing() {
    let stand = Stand::start().await;
    stand.post("email", &json!({"MessageId": "m-1"}), "x").await;
    let first = stand.receive("email").await.unwrap();
    assert!(stand.receive("email").await.is_none(), "locked");
    stand.advance(Duration::from_secs(61));
    assert_eq!(
        stand.call(Method::DELETE, &first.lock).await.status,
        404,
        "it expired, although no other receiver came"
    );
    let second = stand.receive("email").await.unwrap();
    assert_eq!(second.broker["DeliveryCount"], 2);
    for method in [Method::DELETE, Method::PUT, Method::POST] {
        assert_eq!(stand.call(method.clone(), &first.lock).await.status, 404, "{method} by the old lock");
    }
    assert_eq!(stand.call(Method::DELETE, &second.lock).await.status, 200);
}

#[tokio::test]
async fn a_renewed_lock_lasts_longer() {
    let stand = Stand::start().await;
    stand.post("email", &json!({}), "x").await;
    let message = stand.receive("email").await.unwrap();
    stand.advance(Duration::from_secs(40));
    assert_eq!(stand.call(Method::POST, &message.lock).await.status, 200);
    stand.advance(Duration::from_secs(40));
    assert!(stand.receive("email").await.is_none());
    assert_eq!(stand.call(Method::DELETE, &message.lock).await.status, 200);
}

#[tokio::test]
async fn messages_survive_the_host_and_its_locks_do_not() {
    let stand = Stand::start().await;
    stand.post("email", &json!({"MessageId": "m-1", "Label": "Zażółć"}), "body").await;
    stand.receive("email").await.unwrap();
    let stand = stand.restart().await;
    let message = stand.receive("email").await.unwrap();
    assert_eq!(message.answer.body, "body");
    let broker: Value = serde_json::from_slice(message.answer.headers["brokerproperties"].as_bytes()).unwrap();
    assert_eq!((&broker["Label"], &broker["DeliveryCount"]), (&json!("Zażółć"), &json!(2)));
}

#[tokio::test]
async fn duplicates_are_dropped_only_where_that_is_on_and_inside_the_window() {
    let off = Stand::start().await;
    let on = Stand::with(|options| options.duplicate_detection = Some(Duration::from_mins(10))).await;
    for (stand, expected) in [(&off, 2), (&on, 1)] {
        for _ in 0..2 {
            assert_eq!(stand.post("email", &json!({"MessageId": "m-1"}), "x").await.status, 201);
        }
        assert_eq!(stand.counts().await["active"], expected);
    }
    on.advance(Duration::from_secs(601));
    on.post("email", &json!({"MessageId": "m-1"}), "x").await;
    assert_eq!(on.counts().await["active"], 2, "the window has passed");
}

#[tokio::test]
async fn a_message_that_a_real_queue_would_refuse_is_refused() {
    let stand = Stand::start().await;
    assert_eq!(stand.post("emial", &json!({}), "x").await.status, 404, "an unknown queue");
    assert_eq!(stand.post("email", &json!([1]), "x").await.status, 400, "properties that are no object");
    assert_eq!(stand.post("email", &json!({"MessageId": "x".repeat(129)}), "x").await.status, 400, "a long id");
    assert_eq!(stand.post("email", &json!({"TimeToLive": -1}), "x").await.status, 400);
    assert_eq!(stand.post("email", &json!({}), &"x".repeat(256 * 1024 + 1)).await.status, 413);
    let headers = [("host", "evil.example"), ("authorization", &stand.token())];
    let answer = send(stand.port, Method::POST, "/email/messages", &headers, "x").await;
    assert_eq!(answer.status, 421, "a name that was bound to this machine");
    assert_eq!(stand.counts().await["active"], 0);
}

#[tokio::test]
async fn a_waiting_receiver_is_woken_by_a_message() {
    let stand = Stand::start().await;
    let path = "/email/messages/head?timeout=60";
    let token = stand.token();
    let headers = [("authorization", token.as_str())];
    let waiting = send(stand.port, Method::POST, path, &headers, "");
    let broker = json!({"MessageId": "m-1"});
    let sending = stand.post("email", &broker, "x");
    let (received, _) =
        tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(waiting, sending) }).await.unwrap();
    assert_eq!(received.status, 201);
}

#[tokio::test]
async fn an_expired_message_is_gone() {
    let stand = Stand::start().await;
    stand.post("email", &json!({"TimeToLive": 5}), "x").await;
    stand.advance(Duration::from_secs(6));
    assert!(stand.receive("email").await.is_none());
}

#[tokio::test]
async fn a_scheduled_message_is_delivered_at_its_time() {
    let stand = Stand::start().await;
    let at = stand.clock.now() + TimeDelta::seconds(60);
    let at = at.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    assert_eq!(stand.post("email", &json!({"ScheduledEnqueueTimeUtc": at}), "x").await.status, 201);
    assert!(stand.receive("email").await.is_none());
    stand.advance(Duration::from_secs(61));
    assert!(stand.receive("email").await.is_some());
}

#[tokio::test]
async fn a_queue_that_is_held_back_delivers_nothing_until_released() {
    let stand = Stand::start().await;
    stand.post("email", &json!({}), "x").await;
    let local = [("x-local", "1")];
    assert_eq!(send(stand.port, Method::POST, "/$hold/email", &[], "").await.status, 404, "a page could send this");
    assert_eq!(send(stand.port, Method::POST, "/$hold/email", &local, "").await.status, 200);
    assert!(stand.receive("email").await.is_none());
    send(stand.port, Method::POST, "/$release/email", &local, "").await;
    assert!(stand.receive("email").await.is_some());
}

/// The HTTP client of the REST crate, directed to this machine.
#[derive(Debug)]
struct Directed {
    port: u16,
}

#[async_trait]
impl HttpClient for Directed {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<Response> {
        let headers: Vec<(&str, &str)> = request.headers().iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let Body::Bytes(body) = request.body() else { panic!("the crate streams no bodies") };
        let url = request.url();
        let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let method = request.method().as_ref().parse().unwrap();
        let answer = send(self.port, method, &path, &headers, std::str::from_utf8(body).unwrap()).await;
        let mut headers = Headers::new();
        for (name, value) in &answer.headers {
            headers.insert(name.as_str().to_owned(), value.to_str().unwrap().to_owned());
        }
        let status = StatusCode::try_from(answer.status.as_u16()).unwrap();
        let body = futures::stream::once(async move { Ok(answer.body) });
        Ok(Response::new(status, headers, Box::pin(body)))
    }
}
