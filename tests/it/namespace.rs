//! A namespace as Azure has it, imitated: TLS, a proxy, Entra ID. The dispatcher is a process, as an operator starts
//! it, since its libraries read the environment.

use crate::support::{
    backend::{Backend, SqliteBackend},
    broker::{self, Broker},
    certificates::Authority,
    identity_endpoint::{IdentityEndpoint, granted},
    proxy::Proxy,
    workers::{Totals, Worker},
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

const HOST: &str = "office.servicebus.windows.net";
const DOORS: [&str; 3] = ["amqp", "websocket", "rest"];

type Settings = Vec<(&'static str, String)>;

struct Namespace {
    broker: &'static Broker,
    entity: String,
    store: SqliteBackend,
    door: &'static str,
    /// The transport inside TLS.
    port: u16,
    /// REST has no setting for a gateway: it uses the broker as a proxy, as an office would.
    proxy: Proxy,
    trusted: tempfile::NamedTempFile,
}

impl Namespace {
    async fn start(door: &'static str) -> Option<Self> {
        let authority = Authority::new();
        Self::with(door, &authority, &authority, HOST).await
    }

    async fn with(door: &'static str, signs: &Authority, trusted: &Authority, host: &str) -> Option<Self> {
        let broker = broker::shared()?;
        let entity = broker.create(json!({})).await;
        let ports = broker.secure(&signs.certify(host)).await;
        let port = u16::try_from(ports[door].as_u64().unwrap()).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), trusted.pem()).unwrap();
        let (store, proxy) = (SqliteBackend::new(), Proxy::of_http(port).await);
        Some(Self { broker, entity, store, door, port, proxy, trusted: file })
    }

    fn settings(&self, access: Settings) -> Settings {
        let way = match self.door {
            "rest" => ("HTTPS_PROXY", self.proxy()),
            _ => self.gateway(),
        };
        self.by(access, [way])
    }

    fn proxy(&self) -> String {
        format!("http://127.0.0.1:{}", self.proxy.port)
    }

    fn gateway(&self) -> (&'static str, String) {
        ("ServiceBus__Gateway", format!("127.0.0.1:{}", self.port))
    }

    fn by(&self, access: Settings, ways: impl IntoIterator<Item = (&'static str, String)>) -> Settings {
        let mut settings = access;
        settings.extend(ways);
        settings.extend([
            ("Store__Path", self.store.options.path.display().to_string()),
            ("SSL_CERT_FILE", self.trusted.path().display().to_string()),
            ("EmailQueueName", self.entity.clone()),
            ("ServiceBus__Transport", self.door.to_owned()),
            ("Breaker__BaseMs", "100".to_owned()),
            ("Breaker__MaxMs", "200".to_owned()),
        ]);
        settings
    }

    /// As if its pause were over.
    fn close_breaker(&self) {
        self.store.execute("UPDATE Destinations SET OpenUntil = NULL");
    }

    fn insert(&self, id: &str) {
        let values = format!("('{id}', 'FinancialRecordCreated', '{{}}')");
        self.store.execute(&format!("INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES {values}"));
    }

    /// A token of this test's own, on a broker that other tests use too.
    fn token(&self, name: &str) -> String {
        format!("{name}-{}", self.entity)
    }

    async fn allow(&self, name: &str) {
        self.broker.command("allow", json!({"token": self.token(name)})).await;
    }

    async fn reported(&self) -> Value {
        self.broker.reported(&self.entity).await
    }

    /// Waits until the broker reports that many distinct messages.
    async fn arrived(&self, distinct: usize) {
        let count =
            self.broker.command("until", json!({"name": self.entity, "distinct": distinct, "ms": 30_000})).await;
        assert_eq!(count["distinct"], distinct);
    }
}

fn keyed() -> Settings {
    let (name, key) = (broker::KEY_NAME, broker::KEY);
    vec![("ServiceBusConnection", format!("Endpoint=sb://{HOST}/;SharedAccessKeyName={name};SharedAccessKey={key}"))]
}

fn by_identity(endpoint: &IdentityEndpoint) -> Settings {
    let mut settings = endpoint.settings().to_vec();
    settings.push(("ServiceBusConnection__fullyQualifiedNamespace", HOST.to_owned()));
    settings.push(("ServiceBusConnection__credential", "managedidentity".to_owned()));
    settings
}

/// The logged reasons why breakers opened; checks that they hold no secret.
fn reasons(totals: &Totals) -> Vec<String> {
    let lines = totals.troubles.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let reasons: Vec<String> = lines.filter_map(|line| line["reason"].as_str().map(str::to_owned)).collect();
    for secret in broker::SECRETS.iter().chain(&["the-first", "the-second", "the-machines"]) {
        assert!(!totals.troubles.iter().any(|line| line.contains(secret)), "{secret}: {:#?}", totals.troubles);
    }
    reasons
}

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_transport_works_inside_tls() {
    for door in DOORS {
        let Some(on) = Namespace::start(door).await else { return };
        on.insert("inside");
        let totals = Worker::once(&on.settings(keyed()));
        assert_eq!((totals.sent, reasons(&totals)), (1, vec![]), "{door}");
        assert_eq!(on.broker.ids(&on.entity).await, ["inside"]);
        if door == "rest" {
            assert_eq!(on.proxy.targets(), [format!("{HOST}:443")]);
        } else {
            let audience = json!(format!("amqps://{HOST}/{}", on.entity));
            assert_eq!(
                on.reported().await["puts"][0]["audience"],
                audience,
                "the token names the namespace, not the gateway"
            );
            assert_eq!(on.reported().await["goodbyes"], 1, "{door}: it leaves with a goodbye");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amqp_over_websocket_goes_out_through_the_proxy_unless_the_host_is_excepted() {
    let Some(on) = Namespace::start("websocket").await else { return };
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        on.insert(name);
        let totals = Worker::once(&on.by(keyed(), [(name, on.proxy())]));
        assert_eq!((totals.sent, reasons(&totals)), (1, vec![]), "{name}");
    }
    assert_eq!(on.proxy.targets(), vec![format!("{HOST}:443"); 3]);
    on.insert("excepted");
    let excepted = ("NO_PROXY", "10.0.0.0/8, 127.0.0.1".to_owned());
    let totals = Worker::once(&on.by(keyed(), [on.gateway(), ("HTTPS_PROXY", on.proxy()), excepted]));
    assert_eq!((totals.sent, reasons(&totals)), (1, vec![]));
    assert_eq!(on.proxy.targets().len(), 3, "not by the proxy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_amqp_never_uses_the_proxy_and_reports_that_where_it_fails() {
    let Some(on) = Namespace::start("amqp").await else { return };
    on.insert("direct");
    let totals = Worker::once(&on.by(keyed(), [on.gateway(), ("HTTPS_PROXY", on.proxy())]));
    assert_eq!((totals.sent, reasons(&totals)), (1, vec![]));
    on.insert("kept");
    let nowhere = ("ServiceBus__Gateway", "127.0.0.1:1".to_owned());
    let totals = Worker::once(&on.by(keyed(), [nowhere, ("HTTPS_PROXY", on.proxy())]));
    let reported = reasons(&totals).join("\n");
    assert!(reported.contains("AMQP on 5671 does not use HTTPS_PROXY"), "{reported}");
    assert!(reported.contains("ServiceBus__Transport=websocket"), "{reported}");
    assert_eq!(on.proxy.targets(), [""; 0]);
}

/// The proxy is proxy.py, an independent implementation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_independent_proxy_works_and_its_refusals_are_reported() {
    let Some(on) = Namespace::start("websocket").await else { return };
    let mut python = Command::new(broker::made("python/bin/python"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broker/connect.py");
    let python = python.arg("-B").arg(script).arg("office:s3cret").stdin(Stdio::piped()).stdout(Stdio::piped());
    // It ends with its stdin.
    let mut proxy = python.spawn().unwrap();
    let mut port = String::new();
    BufReader::new(proxy.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let by = |login: &str, gateway: (&'static str, String)| {
        let proxy = format!("http://{login}127.0.0.1:{}", port.trim());
        Worker::once(&on.by(keyed(), [gateway, ("HTTPS_PROXY", proxy)]))
    };
    on.insert("through");
    let reported = reasons(&by("", on.gateway())).join("\n");
    assert!(reported.contains("407") && reported.contains("HTTPS_PROXY=http://user:password@"), "{reported}");
    on.close_breaker();
    let reported = reasons(&by("office:s3cret@", ("ServiceBus__Gateway", "127.0.0.1:1".to_owned()))).join("\n");
    assert!(reported.contains("CONNECT failed") && !reported.contains("s3cret"), "{reported}");
    on.close_breaker();
    let totals = by("office:s3cret@", on.gateway());
    assert_eq!((totals.sent, reasons(&totals)), (1, vec![]));
    drop(proxy.stdin.take());
    assert!(proxy.wait().unwrap().success());
}

/// No broker is needed: the proxy is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_is_away_is_named() {
    for door in ["websocket", "rest"] {
        let Some(on) = Namespace::start(door).await else { return };
        on.insert("kept");
        let totals = Worker::once(&on.by(keyed(), [("HTTPS_PROXY", "http://127.0.0.1:1".to_owned())]));
        let reported = reasons(&totals).join("\n");
        assert!(reported.contains("through the proxy 127.0.0.1:1 of HTTPS_PROXY"), "{door}: {reported}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_certificate_or_one_of_another_name_is_refused_and_no_token_leaves() {
    let (known, unknown) = (Authority::new(), Authority::new());
    for door in DOORS {
        for (signs, host) in [(&unknown, HOST), (&known, "elsewhere.servicebus.windows.net")] {
            let Some(on) = Namespace::with(door, signs, &known, host).await else { return };
            on.insert("kept");
            let totals = Worker::once(&on.settings(keyed()));
            let reported = reasons(&totals).join("\n");
            assert!(reported.contains("certificate") && reported.contains("office"), "{door}: {reported}");
            assert_eq!((totals.sent, totals.dead), (0, 0), "{door}");
            let seen = on.reported().await;
            assert_eq!((&seen["transfers"], &seen["puts"]), (&json!(0), &json!([])), "{door}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_opens_the_namespace_and_its_token_is_renewed_before_it_expires() {
    for door in DOORS {
        let Some(on) = Namespace::start(door).await else { return };
        // A token in its last five minutes is due for renewal: the next publish asks for another.
        let first = granted(&on.token("the-first"), Duration::from_mins(4));
        let endpoint = IdentityEndpoint::start(vec![first, granted(&on.token("the-second"), HOUR)]);
        on.allow("the-first").await;
        on.allow("the-second").await;
        let worker = Worker::start(&on.settings(by_identity(&endpoint)));
        on.insert("one");
        on.arrived(1).await;
        on.insert("two");
        on.arrived(2).await;
        let totals = worker.stop();
        assert_eq!((totals.sent, reasons(&totals)), (2, vec![]), "{door}");
        let beats = "SELECT count(*) FROM Heartbeats WHERE Function = 'dispatch' AND Error IS NULL";
        assert_eq!(on.store.query(beats).as_deref(), Some("1"), "{door}: an operator sees that it ran");
        assert_eq!(endpoint.heads().len(), 2, "{door}: requested once more, and then never again");
        assert!(endpoint.heads()[0].contains("resource=https%3A%2F%2Fservicebus.azure.net"), "{:?}", endpoint.heads());
        if door != "rest" {
            let reported = on.reported().await;
            let put = json!({"type": "jwt", "audience": format!("amqps://{HOST}/{}", on.entity), "granted": true});
            assert_eq!(
                (&reported["puts"], &reported["links"]),
                (&json!([put, put]), &json!(1)),
                "{door}: on the same link"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_role_is_named_and_all_is_sent_once_it_is_granted_again() {
    for door in DOORS {
        let Some(on) = Namespace::start(door).await else { return };
        let endpoint = IdentityEndpoint::start(vec![granted(&on.token("the-first"), HOUR)]);
        on.allow("the-first").await;
        let worker = Worker::start(&on.settings(by_identity(&endpoint)));
        on.insert("one");
        on.arrived(1).await;
        let before = on.reported().await["refusals"].as_u64().unwrap();
        on.broker.command("revoke", json!({"token": on.token("the-first")})).await;
        on.insert("two");
        // Refused, and refused again when probed: the refusal lasts.
        on.broker.command("refusals", json!({"name": on.entity, "count": before + 2, "ms": 30_000})).await;
        on.allow("the-first").await;
        on.arrived(2).await;
        let totals = worker.stop();
        let reported = reasons(&totals);
        let role = format!("the identity lacks the role Azure Service Bus Data Sender on office/{}", on.entity);
        assert!(reported.iter().any(|reason| reason.contains(&role)), "{door}: {reported:#?}");
        assert_eq!((totals.sent, totals.dead), (2, 0), "{door}");
    }
}
