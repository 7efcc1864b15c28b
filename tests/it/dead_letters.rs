//! Dead letters of the queue: listed without being removed, and taken in without being lost.

use crate::{
    conformance::{Bench, accepted, message},
    support::{
        backend::{Backend, SqliteBackend, memory},
        broker::{self, Broker},
        http_client,
        office::{Office, assert_reports},
    },
};
use async_trait::async_trait;
use client_organizer::{
    adapters::{
        clock::SystemClock,
        servicebus::{AmqpDeadLetters, ConnectionString, RestDeadLetters},
    },
    domain::{delivery::Delivery, operations::Signature, recipient::RecipientKey, route::Destination},
    flows::dead_letters::{self, TakeIn},
    local::{
        events::EventSink,
        queue::{Queue, QueueOptions, sas::Policy},
    },
    ports::{
        clock::Clock,
        dead_letters::{DeadLetter, DeadLetterQueue, DeadLetters},
    },
};
use hyper::Method;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

/// Far longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
const DOORS: [&str; 3] = ["rest", "amqp", "websocket"];

fn dead_letters(connection: &str, door: &str) -> Arc<dyn DeadLetters> {
    let connection = ConnectionString::parse(connection).unwrap();
    match door {
        "rest" => Arc::new(RestDeadLetters::new(connection, PATIENCE).unwrap()),
        door => Arc::new(AmqpDeadLetters::new(connection, door == "websocket", None, PATIENCE).unwrap()),
    }
}

fn queue(name: &str) -> Destination {
    Destination::parse(&format!("queue:{name}")).unwrap()
}

/// A queue of the broker with dead letters of these ids.
async fn dead(broker: &'static Broker, ids: &[&str]) -> String {
    let bench = Bench::new(broker, "amqp", json!({})).await;
    for id in ids {
        assert!(accepted(&bench.publish(&[message(id, &format!("{{\"id\":\"{id}\",\"city\":\"Łódź\"}}"))]).await));
    }
    let why = json!({"name": bench.entity, "reason": "MaxDeliveryCountExceeded", "description": "10 times, \"źle\"", "deliveries": 10});
    broker.command("deadLetter", why).await;
    bench.entity
}

async fn left(broker: &Broker, entity: &str) -> Value {
    broker.command("dead", json!({"name": entity})).await
}

fn free(ids: &[&str]) -> Value {
    ids.iter().map(|id| json!({"id": id, "held": false})).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_listed_with_their_reason_and_released() {
    let Some(broker) = broker::shared() else { return };
    for door in DOORS {
        let entity = dead(broker, &["a", "b", "c"]).await;
        let dead = dead_letters(&broker.connection(door), door);
        for (max, ids) in [(2, &["a", "b"][..]), (10, &["a", "b", "c"])] {
            let listed = dead_letters::list(&*dead, &queue(&entity), max).await.unwrap();
            let listed_ids: Vec<&str> = listed.iter().map(|one| one.delivery.message_id.as_str()).collect();
            assert_eq!(listed_ids, ids, "{door}");
            let one = &listed[1];
            assert_eq!(one.reason.as_deref(), Some("MaxDeliveryCountExceeded"), "{door}");
            assert_eq!(one.description.as_deref(), Some("10 times, \"źle\""), "{door}");
            assert_eq!(
                (one.delivery.delivery_count, one.delivery.body.as_slice()),
                (10, "{\"id\":\"b\",\"city\":\"Łódź\"}".as_bytes()),
                "{door}"
            );
            assert_eq!(one.delivery.enqueued_on.unwrap().timestamp(), 1_790_000_000, "{door}");
            assert_eq!(left(broker, &entity).await, free(&["a", "b", "c"]), "{door}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_removed_dead_letters_leave_the_queue() {
    let Some(broker) = broker::shared() else { return };
    for door in DOORS {
        let entity = dead(broker, &["a", "b", "c"]).await;
        let mut letters = dead_letters(&broker.connection(door), door).open(&queue(&entity)).await.unwrap();
        for number in 0..3 {
            assert_eq!(letters.next().await.unwrap().unwrap().number, number, "{door}");
        }
        letters.remove(1).await.unwrap();
        assert!(letters.remove(1).await.is_err() && letters.remove(7).await.is_err(), "{door}");
        assert!(letters.next().await.unwrap().is_none(), "{door}: none is free");
        letters.close().await;
        assert_eq!(left(broker, &entity).await, free(&["a", "c"]), "{door}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_to_read_dead_letters_is_reported_without_a_key() {
    let Some(broker) = broker::shared() else { return };
    let entity = dead(broker, &["a"]).await;
    for door in DOORS {
        let wrong = broker.connection(door).replace(broker::KEY, "d3Jvbmc=");
        for (connection, name, words) in
            [(wrong, entity.as_str(), "Listen"), (broker.connection(door), "nobody", "there is no such queue")]
        {
            let why = dead_letters::list(&*dead_letters(&connection, door), &queue(name), 1).await.unwrap_err();
            assert!(why.contains(words) && why.contains(name), "{door}: {why}");
            assert!(!why.contains("d3Jv") && !why.contains(&broker::KEY[..8]), "{door}: {why}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_link_is_reported_at_once_and_no_dead_letter_is_lost() {
    let Some(broker) = Broker::start() else { return };
    let broker: &'static Broker = Box::leak(Box::new(broker));
    for door in ["amqp", "websocket"] {
        let entity = dead(broker, &["a"]).await;
        let mut letters = dead_letters(&broker.connection(door), door).open(&queue(&entity)).await.unwrap();
        assert!(letters.next().await.unwrap().is_some());
        broker.command("cut", json!({})).await;
        assert!(letters.next().await.is_err(), "{door}");
        letters.close().await;
        assert_eq!(left(broker, &entity).await, json!([{"id": "a", "held": true}]), "until its lock ends");
    }
}

/// An event of ours, as the queue holds it.
fn event(id: &str) -> String {
    json!({
        "specversion": "1.0", "id": id, "source": "/clientorganizer/finance", "type": "FinancialRecordCreated",
        "time": SystemClock.now(),
        "data": {
            "clientId": 1, "clientName": "Klient", "recipient": "anna@example.pl", "year": 2026, "month": 3,
            "figures": {"incomeTax": 1, "vat": 2, "insuranceAmount": 3}, "version": 1,
        },
    })
    .to_string()
}

/// The local queue in this process, with one delivery per message.
struct Stand {
    port: u16,
    policy: Policy,
    connection: String,
    _folder: tempfile::TempDir,
}

impl Stand {
    async fn start(lock: Duration) -> Self {
        let folder = tempfile::tempdir_in(memory()).unwrap();
        let options = QueueOptions {
            max_delivery_count: 1,
            lock_duration: lock,
            ..QueueOptions::at(&folder.path().join("queues.db"), ["client-emails".to_owned()])
        };
        let clock = Arc::new(SystemClock);
        let queue = Queue::open(&options, clock.clone(), EventSink::silent(clock)).await.unwrap();
        let (port, policy, connection) = (queue.port(), queue.policy().clone(), queue.connection_string());
        tokio::spawn(queue.run());
        Self { port, policy, connection, _folder: folder }
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> http_client::Answer {
        let token = self.policy.token("https://local.servicebus.windows.net/", 4_000_000_000);
        let headers = [&[("authorization", token.as_str())], headers].concat();
        http_client::send(self.port, method, path, &headers, body).await
    }

    /// Sends a message and rejects its only delivery.
    async fn dead_letter(&self, id: &str, body: &str) {
        let broker = json!({"MessageId": id}).to_string();
        let sent = self.ask(Method::POST, "/client-emails/messages", &[("brokerproperties", &broker)], body).await;
        assert_eq!(sent.status, 201);
        let got = self.ask(Method::POST, "/client-emails/messages/head?timeout=0", &[], "").await;
        let lock =
            got.header("location").unwrap().strip_prefix("https://local.servicebus.windows.net").unwrap().to_owned();
        assert_eq!(self.ask(Method::PUT, &lock, &[], "").await.status, 200);
    }

    async fn dead(&self) -> i64 {
        let counts = http_client::send(self.port, Method::GET, "/$inspect/client-emails", &[], "").await.json();
        counts["dead"].as_i64().unwrap()
    }

    fn office(&self) -> Office {
        Office::new().with("ServiceBusConnection", &self.connection).with("ServiceBus__Transport", "rest")
    }
}

const TAKE_IN: [&str; 6] = ["ops", "mail", "dead-letters", "take-in", "--reason", "database was away"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_lists_dead_letters_and_has_them_mailed() {
    let stand = Stand::start(Duration::from_mins(1)).await;
    stand.dead_letter("m-1", &event("m-1")).await;
    stand.dead_letter("m-2", "no event").await;
    let office = stand.office();
    let listed = office.json(&["ops", "mail", "dead-letters"]);
    assert_eq!((listed[0]["messageId"].as_str(), listed[1]["messageId"].as_str()), (Some("m-1"), Some("m-2")));
    assert_eq!(listed[0]["reason"], "MaxDeliveryCountExceeded");
    assert!(!listed.to_string().contains('@'), "the body is a client's");
    assert_reports(&office.findings("note").1, &["2 message(s) were dead-lettered", "dead-letters take-in"]);
    assert_eq!(stand.dead().await, 2);

    let one = office.run(&[&TAKE_IN[..], &["m-2", "m-9"]].concat());
    let reported = String::from_utf8(one.stdout).unwrap();
    assert_eq!(one.status.code(), Some(1), "m-9 is not there");
    assert!(reported.contains("its mail is refused") && reported.contains("m-9: not done"), "{reported}");
    assert_eq!(stand.dead().await, 1);
    let all = office.run(&TAKE_IN);
    let reported = String::from_utf8(all.stdout).unwrap();
    assert_eq!(all.status.code(), Some(0), "{reported}");
    assert!(reported.contains("m-1 to queue:client-emails: taken in"), "{reported}");
    assert_eq!(stand.dead().await, 0);
    let mails = office.json(&["ops", "mail", "list"]);
    let state = |id: &str| {
        mails["items"].as_array().unwrap().iter().find(|mail| mail["messageId"] == id).unwrap()["state"].clone()
    };
    assert_eq!((state("m-1"), state("m-2")), (json!("accepted"), json!("refused")));
    let recorded =
        office.value("SELECT group_concat(Action || ' ' || Target || ' ' || Reason, '; ') FROM OperatorActions");
    assert_eq!(recorded, "take in m-2 database was away; take in m-1 database was away");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_between_storing_and_removing_loses_nothing_and_is_recognised() {
    if !client_organizer::failpoints::BUILT_IN {
        return;
    }
    let stand = Stand::start(Duration::from_secs(1)).await;
    stand.dead_letter("m-1", &event("m-1")).await;
    let office = stand.office();
    let point = format!("after-dead-letter-stored={}", office.folder().join("reached").display());
    let mut child = office.command(&TAKE_IN).env("FAILPOINT", &point).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("after-dead-letter-stored"), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(stand.dead().await, 1, "stored, and still there");

    // The dead process holds the lock for another second: until then no letter is free.
    let reported = loop {
        let report = office.json(&TAKE_IN);
        if report["rows"][0].is_object() {
            break report["rows"][0].clone();
        }
    };
    assert_eq!((&reported["id"], &reported["done"]), (&json!("m-1"), &json!(true)));
    assert_eq!(stand.dead().await, 0);
    assert_eq!(office.value("SELECT count(*) || ' ' || max(Deliveries) FROM InboxMessages"), "1 1");
    assert_eq!(office.value("SELECT CAST(count(*) AS TEXT) FROM OperatorActions"), "1");
}

/// Letters whose locks end at once: they come again as long as they are read.
#[derive(Clone)]
struct Round {
    letters: Vec<DeadLetter>,
    asked: usize,
    removable: bool,
}

impl Round {
    fn of(ids: &[&str], numbered: bool) -> Self {
        let letter = |(number, id): (usize, &&str)| DeadLetter {
            number,
            sequence_number: numbered.then(|| i64::try_from(number).unwrap()),
            delivery: Delivery {
                message_id: (*id).to_owned(),
                delivery_count: 10,
                enqueued_on: Some(SystemClock.now()),
                traceparent: None,
                body: event(id).into_bytes(),
            },
            reason: None,
            description: None,
        };
        Self { letters: ids.iter().enumerate().map(letter).collect(), asked: 0, removable: true }
    }
}

#[async_trait]
impl DeadLetters for Round {
    async fn open(&self, _: &Destination) -> Result<Box<dyn DeadLetterQueue>, String> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl DeadLetterQueue for Round {
    async fn next(&mut self) -> Result<Option<DeadLetter>, String> {
        self.asked += 1;
        assert!(self.asked < 100, "it goes round in circles");
        Ok((!self.letters.is_empty()).then(|| self.letters[(self.asked - 1) % self.letters.len()].clone()))
    }

    async fn remove(&mut self, number: usize) -> Result<(), String> {
        if !self.removable {
            return Err("its lock has expired".to_owned());
        }
        self.letters.retain(|one| one.number != number);
        self.asked = 0;
        Ok(())
    }

    async fn close(self: Box<Self>) {}
}

#[tokio::test]
async fn reading_ends_when_dead_letters_come_back_because_their_locks_ended() {
    let backend = SqliteBackend::new();
    let (at, recipients) = (queue("client-emails"), RecipientKey::new("a key of the tests"));
    let by = Signature { actor: "anna".to_owned(), reason: "a test".to_owned() };
    for numbered in [true, false] {
        // The same id twice is two letters, since the queue numbers them.
        let ids = if numbered { ["a", "b", "b"] } else { ["a", "b", "c"] };
        let mut round = Round::of(&ids, numbered);
        let listed = dead_letters::list(&round, &at, 50).await.unwrap();
        assert_eq!(listed.iter().map(|one| one.delivery.message_id.as_str()).collect::<Vec<_>>(), ids);

        let take_in = async |round: &Round, wanted: &[&str]| {
            let (remedies, recipients, queue) = (&*backend.remedies(), &recipients, &at);
            let context =
                TakeIn { remedies, dead: round, queue, recipients, now: SystemClock.now(), tombstone_days: 400 };
            let wanted: Vec<String> = wanted.iter().map(|&id| id.to_owned()).collect();
            dead_letters::take_in(&context, &wanted, 50, &by).await
        };
        let report = take_in(&round, &["absent"]).await;
        assert_eq!((report.taken.len(), report.not_found.len()), (0, 1));
        assert!(report.stopped.unwrap().contains("without ids"));
        let report = take_in(&round, &[]).await;
        assert_eq!((report.taken.len(), report.stopped), (3, None));
        round.removable = false;
        let report = take_in(&round, &[]).await;
        assert_eq!(report.taken.iter().filter(|one| one.not_removed.is_some()).count(), 3);
        assert!(report.stopped.unwrap().contains("run the command again"));
    }
}

#[test]
fn without_a_bus_the_missing_setting_is_named() {
    let office = Office::new();
    let output = office.run(&["ops", "mail", "dead-letters"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ServiceBusConnection is not set"));
    assert_eq!(office.run(&TAKE_IN[..4]).status.code(), Some(2), "no reason");
}
