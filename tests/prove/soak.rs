//! From the outbox table to a broker with every kind of fault: every row arrives, none is lost, nothing hangs.

use crate::{
    stores::Store,
    support::{
        broker::Broker,
        workers::{Totals, Worker},
    },
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

#[derive(clap::Args)]
pub struct Arguments {
    #[arg(long, default_value_t = 5_000)]
    rows: u32,
    /// Ordering keys that the rows share; the rows of one key are published one after the other
    #[arg(long, default_value_t = 2_500)]
    keys: u32,
    /// Failing transfers, in percent
    #[arg(long, default_value_t = 5)]
    faults: u32,
    /// Restarts of the broker during the run
    #[arg(long, default_value_t = 2)]
    restarts: usize,
    #[arg(long, default_value_t = 3)]
    processes: usize,
    /// amqp, websocket or rest
    #[arg(long, default_value = "amqp")]
    transport: String,
    #[arg(long, default_value_t = 1)]
    seed: u32,
}

/// If nothing arrives for this long, something hangs.
const STALLED: Duration = Duration::from_mins(2);
const TIMEOUT_MS: u64 = 2_000;
const LEASE_MS: u64 = 15_000;
const HEADROOM_MS: u64 = 5_000;
const SENDS_AT_ONCE: u64 = 8;
/// Some 20 of our messages, so that a claim takes many transfers and a fault hits one of several under way.
const TRANSFER_BYTES_MAX: u32 = 16_384;

const CLAIM_ROWS: u64 = 200;
/// The transfers of one claim, including halves of refused ones; over REST each row is a transfer.
const TRANSFERS_OF_A_CLAIM: u64 = 12;

pub async fn prove(arguments: Arguments) {
    let Arguments { rows, keys, faults, restarts, processes, transport, seed } = arguments;
    let Some(broker) = Broker::start() else { return };
    let chance = json!({"perMille": faults * 10, "kinds": kinds()});
    let dice = json!({"maxMessageSize": TRANSFER_BYTES_MAX, "chance": chance, "dice": seed});
    let entity = broker.create(json!({"maxMessageSize": TRANSFER_BYTES_MAX})).await;
    change(&broker, &entity, dice).await;
    let store = Store::start(None).await;
    store.insert(rows, keys);
    let settings = settings(&store, &broker, &transport, &entity);

    let began = Instant::now();
    let workers: Vec<Worker> = (0..processes).map(|_| Worker::start(&settings)).collect();
    for n in 1..=restarts {
        arrived(&broker, &entity, rows as usize * n / (restarts + 1)).await;
        broker.command("restart", json!({"ms": 300})).await;
    }
    arrived(&broker, &entity, rows as usize).await;
    settled(&store, "every row is settled").await;
    let took = began.elapsed();
    // Once the faults are over, the next message is published, whatever state they left the breaker in.
    change(&broker, &entity, json!({"chance": null})).await;
    store
        .backend()
        .execute("INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('last', 'FinancialRecordCreated', '{}')");
    settled(&store, "the breaker closes").await;
    let mut totals = Totals::default();
    for worker in workers {
        totals.add(worker.stop());
    }

    let ids = broker.ids(&entity).await;
    let mut first = HashMap::new();
    for (at, id) in ids.iter().enumerate() {
        first.entry(id.as_str()).or_insert(at);
    }
    let troubles = print_report(&broker, &entity, &totals, took, (ids.len(), first.len())).await;
    assert_eq!(first.len(), rows as usize + 1, "every row arrived, and nothing else");
    for n in keys..rows {
        assert!(
            first[&*format!("n{}", n - keys)] < first[&*format!("n{n}")],
            "n{n} first arrived before the older n{}",
            n - keys
        );
    }
    assert_eq!(store.count("State = 2"), u64::from(rows) + 1, "every row is sent: no temporary fault makes one dead");
    assert_eq!(totals.dead, 0, "no row was dead during the run");
    let open = store.backend().query("SELECT COUNT(*) FROM Destinations WHERE OpenUntil IS NOT NULL");
    assert_eq!(open.as_deref(), Some("0"), "every breaker is closed");
    let bound = LEASE_MS - HEADROOM_MS + 1_000;
    assert!(totals.longest_publish_ms <= bound, "a publish took {} ms", totals.longest_publish_ms);
    assert!(troubles.is_empty(), "unexpected warnings or errors: {troubles:#?}");
    let of_a_claim = if transport == "rest" { CLAIM_ROWS } else { TRANSFERS_OF_A_CLAIM };
    rate_limited(&broker, &entity, processes as u64 * of_a_claim).await;
}

/// Temporary faults. The permanent refusals among them apply to batches only: a single message would rightly be dead.
fn kinds() -> Value {
    let busy = "The request was terminated because the entity is being throttled. Error code : 50009. Please wait 2 seconds and try again.";
    json!([
        {"reject": "com.microsoft:server-busy", "description": busy},
        {"reject": "amqp:resource-limit-exceeded"},
        {"reject": "amqp:unauthorized-access"},
        {"reject": "amqp:not-found"},
        {"reject": "com.microsoft:entity-disabled"},
        {"reject": "com.microsoft:timeout"},
        {"reject": "amqp:internal-error"},
        {"reject": "amqp:not-allowed", "batches": true},
        {"reject": "amqp:link:message-size-exceeded", "batches": true},
        {"reject": "x:never-heard-of"},
        "release", "modify", "cut-before", "cut-after", "detach-before", "detach-after", "close-before", "close-after",
        "never",
    ])
}

fn settings(store: &Store, broker: &Broker, transport: &str, entity: &str) -> Vec<(&'static str, String)> {
    let mut settings = store.settings();
    let mut set = |name, value: &dyn ToString| settings.push((name, value.to_string()));
    set("ServiceBusConnection", &broker.connection(transport));
    set("ServiceBus__Transport", &transport);
    set("EmailQueueName", &entity);
    set("Bus__TimeoutMs", &TIMEOUT_MS);
    set("Bus__ConcurrencyMax", &SENDS_AT_ONCE);
    set("Outbox__BatchMax", &CLAIM_ROWS);
    set("Outbox__LeaseMs", &LEASE_MS);
    set("Outbox__HeadroomMs", &HEADROOM_MS);
    // Short pauses, so that the run ends in minutes; pauses that a throttled bus requests are kept regardless.
    set("Outbox__RetryBaseMs", &50);
    set("Outbox__RetryDelayMaxMs", &1_000);
    set("Breaker__BaseMs", &100);
    set("Breaker__MaxMs", &1_000);
    settings
}

async fn change(broker: &Broker, entity: &str, mut settings: Value) {
    settings["name"] = json!(entity);
    broker.command("change", settings).await;
}

async fn arrived(broker: &Broker, entity: &str, distinct: usize) {
    let (mut seen, mut at) = (0, Instant::now());
    while seen < distinct as u64 {
        let count = broker.command("until", json!({"name": entity, "distinct": distinct, "ms": 5_000})).await;
        let now = count["distinct"].as_u64().unwrap();
        if now > seen {
            (seen, at) = (now, Instant::now());
        }
        assert!(at.elapsed() < STALLED, "nothing arrived for {STALLED:?}: {seen} of {distinct} ids");
    }
}

/// Waits until no row is pending: a row without an answer is published again once its pause or lease is over.
async fn settled(store: &Store, what: &str) {
    let until = Instant::now() + STALLED;
    while store.count("State < 2") > 0 {
        assert!(Instant::now() < until, "{what}: {} rows wait", store.count("State < 2"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Prints the counts; returns the log lines that do not report an opened breaker.
async fn print_report(
    broker: &Broker,
    entity: &str,
    totals: &Totals,
    took: Duration,
    (stored, distinct): (usize, usize),
) -> Vec<String> {
    let mut openings: BTreeMap<String, (u64, i64)> = BTreeMap::new();
    let mut troubles = Vec::new();
    for line in &totals.troubles {
        let event: Value = serde_json::from_str(line).unwrap_or_default();
        // Reported once a minute, as long as it lasts.
        if event["attention"] == "breaker-open" || event["attention"] == "lag" {
            continue;
        }
        let (Some(for_ms), Some(reason)) = (event["for_ms"].as_i64(), event["reason"].as_str()) else {
            troubles.push(line.clone());
            continue;
        };
        let kind = WORDS.iter().find(|(word, _)| reason.contains(word)).map_or(reason, |(_, kind)| kind).to_owned();
        let one = openings.entry(kind).or_default();
        *one = (one.0 + 1, one.1.max(for_ms));
    }
    let (reported, counters) = (broker.reported(entity).await, broker.command("counters", json!({})).await);
    println!(
        "{distinct} ids stored in {:.1} s by {} transfers; {} repeats, {} leases lost",
        took.as_secs_f64(),
        reported["transfers"],
        stored - distinct,
        totals.lost_leases
    );
    println!("faults: {}", reported["faults"]);
    if reported["links"] != 0 {
        println!("connections made: {}, links made: {}", counters["connections"], reported["links"]);
    }
    println!("longest publish of a claim: {} ms (one send may wait {TIMEOUT_MS} ms)", totals.longest_publish_ms);
    println!("breaker openings (how often, longest pause in ms): {openings:?}");
    troubles
}

const WORDS: [(&str, &str); 11] = [
    ("throttled", "throttled"),
    ("it is full", "full"),
    ("SharedAccessKey", "access"),
    ("the key '", "access"),
    ("no such queue", "missing"),
    ("disabled", "disabled"),
    ("the bus itself fails", "failing"),
    ("no answer within", "no answer"),
    ("before its answer", "cut"),
    ("no connection", "no connection"),
    ("accepts no messages", "no connection"),
];

/// Checks that every instance kept the pauses that the throttled broker requested: only rows claimed before arrived.
async fn rate_limited(broker: &Broker, entity: &str, claimed_max: u64) {
    let reported = broker.reported(entity).await;
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let (throttled, hasty) = (number(&reported["faults"]["com.microsoft:server-busy"]), number(&reported["hasty"]));
    println!("throttled {throttled} times for 2 s: {hasty} transfers arrived in these pauses");
    assert!(hasty <= throttled * claimed_max, "{hasty} transfers arrived while the broker had requested a pause");
}
