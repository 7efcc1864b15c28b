//! The handler's HTTP side on loopback, over a fresh store, and a client that sends what a test specifies.

use super::{
    backend::{Backend, SqliteBackend},
    fakes::{FakeBus, FakeMailer},
    http_client::Answer,
    world::World,
};
use bytes::Bytes;
use client_organizer::{
    domain::{flow_settings::PruneSettings, route::Destination, schedule::Schedule},
    flows::{book::BookContext, health::Health, operate::OperateContext, overviews::Overviews, prune::PruneContext},
    functions::{self, Guard, Heartbeat, Idle, Rhythm, Services},
    ports::books::Books,
};
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::{Method, Request, body::Frame};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::oneshot};

/// The headers that the host sends with every invocation.
pub const OF_THE_HOST: [(&str, &str); 3] = [
    ("content-type", "application/json; charset=utf-8"),
    ("x-azure-functions-invocationid", "6f7e0c1d-7d8a-4f1e-9a3e-0f6f2f7f1a11"),
    ("user-agent", "Azure-Functions-Host/4.1037.0.0"),
];

pub struct Edge {
    pub backend: SqliteBackend,
    pub bus: Arc<FakeBus>,
    pub mailer: Arc<FakeMailer>,
    pub health: Arc<Health>,
    pub port: u16,
    client: Client<HttpConnector, BoxBody<Bytes, Infallible>>,
    server: tokio::task::JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Edge {
    pub async fn new() -> Self {
        Self::of(World::new(), None, Duration::ZERO).await
    }

    /// With other books than those of the store.
    pub async fn with_books(books: Arc<dyn Books>) -> Self {
        Self::of(World::new(), Some(books), Duration::ZERO).await
    }

    pub async fn over(world: World) -> Self {
        Self::of(world, None, Duration::ZERO).await
    }

    /// With timers that query the database only this often, once a run has found nothing.
    pub async fn idle(every: Duration) -> Self {
        Self::of(World::new(), None, every).await
    }

    async fn of(world: World, books: Option<Arc<dyn Books>>, idle: Duration) -> Self {
        let World { backend, bus, mailer, book, dispatch, notify, .. } = world;
        let health = book.health.clone();
        let book = BookContext { books: books.unwrap_or_else(|| book.books.clone()), ..book };
        let settings = PruneSettings {
            outbox_days: 30,
            inbox_days: 400,
            refused_body_days: 30,
            step_rows_max: 500,
            run_ms: 10_000,
        };
        let operate = OperateContext {
            reports: backend.stores().reports,
            overviews: Overviews::default(),
            remedies: backend.stores().remedies,
            entities: Err("the tests' bus has no properties".to_owned()),
            dead_letters: Err("the tests' bus has no dead letters".to_owned()),
            routes: dispatch.routes.clone(),
            recipients: Ok(notify.recipients.clone()),
            duplicate_window_ms: 0,
            mail_queue: Destination::parse("queue:client-emails").ok(),
            tombstone_days: 400,
            taking_in: tokio::sync::Mutex::default(),
            provider: notify.mailer.provider().to_owned(),
            rate_limit: notify.settings.rate_limit,
            clock: notify.clock.clone(),
        };
        let clock = operate.clock.clone();
        let beat = |function| {
            let every_second = Rhythm::Timer(Schedule::parse("* * * * * *").ok());
            let heartbeats = backend.stores().heartbeats;
            Heartbeat::new(function, every_second, Duration::ZERO, heartbeats, clock.clone())
        };
        let services = Services {
            operate: Arc::new(operate),
            principal_header: true,
            book: Arc::new(book),
            dispatch: Arc::new(dispatch),
            notify: Arc::new(notify),
            prune: Arc::new(PruneContext { retention: backend.retention(), settings }),
            heartbeat_outbox: beat("DispatchOutbox"),
            heartbeat_mail: beat("RetryEmail"),
            heartbeat_prune: beat("PruneOutbox"),
            idle_outbox: Idle::new(idle, Duration::ZERO),
            idle_mail: Idle::new(idle, Duration::ZERO),
            health: health.clone(),
            version: "1.2.3",
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async { drop(stopped.await) };
        let server =
            tokio::spawn(functions::serve(listener, Arc::new(services), Guard { port, local: None }, shutdown));
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { backend, bus, mailer, health, port, client, server, stop: Some(stop) }
    }

    /// Stops the server, and waits until it has stopped.
    pub async fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        (&mut self.server).await.unwrap();
    }

    /// `chunks`: with one piece or none a Content-Length is sent; with more the body goes chunked.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &[u8])], chunks: &[&[u8]]) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = Request::builder().method(method).uri(format!("http://127.0.0.1:{}{path}", self.port));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match chunks {
            [] => http_body_util::Empty::new().boxed(),
            [one] => http_body_util::Full::new(Bytes::copy_from_slice(one)).boxed(),
            many => {
                let frames: Vec<_> =
                    many.iter().map(|c| Ok::<_, Infallible>(Frame::data(Bytes::copy_from_slice(c)))).collect();
                BodyExt::boxed(StreamBody::new(futures::stream::iter(frames)))
            }
        };
        let response = self.client.request(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], &[]).await
    }

    /// A JSON body, with these headers.
    pub async fn write(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut all: Vec<(&str, &[u8])> = vec![("content-type", b"application/json")];
        all.extend(headers.iter().map(|(name, value)| (*name, value.as_bytes())));
        self.send(method, path, &all, &[body.as_bytes()]).await
    }

    /// An invocation as the host sends it: chunked, never with a length.
    pub async fn invoke(&self, function: &str, envelope: &[u8]) -> Answer {
        let headers = OF_THE_HOST.map(|(name, value)| (name, value.as_bytes()));
        let half = envelope.len() / 2;
        self.send("POST", &format!("/{function}"), &headers, &[&envelope[..half], &envelope[half..]]).await
    }

    /// Creates a client; returns its id.
    /// What the host's timers invoke in a minute without work; returns the statements that the store ran. Moves tokio's
    /// time, so it needs a runtime of one thread.
    pub async fn idle_minute(&self) -> Vec<String> {
        // The first run after the start names destinations.
        self.invoke("DispatchOutbox", b"{}").await;
        self.backend.noted();
        for function in ["DispatchOutbox"; 6].into_iter().chain(["RetryEmail"]) {
            if function == "DispatchOutbox" {
                tokio::time::pause();
                tokio::time::advance(Duration::from_secs(10)).await;
                tokio::time::resume();
            }
            assert_eq!(self.invoke(function, b"{}").await.status, 200);
        }
        self.backend.noted()
    }

    pub async fn client(&self, n: u32) -> i64 {
        let answer = self.write("POST", "/api/clients", &[], &draft(n).to_string()).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        answer.json()["id"].as_i64().unwrap()
    }
}

pub fn draft(n: u32) -> Value {
    serde_json::json!({
        "name": format!("Klient {n}"), "address": "ul. Prosta 1, Kraków", "nipNb": super::world::nip(n).as_str(),
        "email": format!("klient{n}@example.pl"),
    })
}

pub fn figures(month: u8) -> String {
    format!(r#"{{"year":2026,"month":{month},"incomeTax":1234.5,"vat":1e2,"insuranceAmount":0}}"#)
}

/// Checks a problem response; returns its `errors` as (field, message).
pub fn problem(answer: &Answer, status: u16, name: &str) -> Vec<(String, String)> {
    let body = answer.json();
    assert_eq!(answer.status, status, "{body}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{body}");
    assert_eq!(body["status"], status);
    assert_eq!(body["type"], format!("urn:problem-type:clientorganizer:{name}"), "{body}");
    assert!(!body["title"].as_str().unwrap().is_empty() && !body["detail"].as_str().unwrap().is_empty());
    let of = |error: &Value, key: &str| error[key].as_str().unwrap().to_owned();
    let errors = body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().map(|error| (of(error, "field"), of(error, "message"))).collect()
}
