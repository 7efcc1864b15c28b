//! Remedies as operators ask for them: the windows that the bus reports, dead letters, and how SQLite finds the rows.

use crate::support::{
    backend::{Backend, SqliteBackend},
    operator::by,
    world,
};
use async_trait::async_trait;
use client_organizer::{
    adapters::clock::SystemClock,
    domain::{
        delivery::Delivery,
        entity::{Entity, EntityState, Seen},
        operations::{Action, RemedyRequest, Selection},
        rate_limit::RateLimit,
        recipient::RecipientKey,
        route::{Destination, EntityKind},
    },
    flows::{
        operate::OperateContext,
        overviews::Overviews,
        remedy::{self, RemedyError},
    },
    ports::{
        clock::Clock,
        dead_letters::{DeadLetter, DeadLetterQueue, DeadLetters},
        entities::Entities,
        operations::Ran,
    },
};
use serde_json::json;
use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

const QUEUE: &str = "queue:client-emails";

fn context(backend: &SqliteBackend) -> OperateContext {
    let stores = backend.stores();
    OperateContext {
        reports: stores.reports,
        remedies: stores.remedies,
        overviews: Overviews::default(),
        entities: Err("the bus has no properties".to_owned()),
        dead_letters: Err("ServiceBusConnection is not set".to_owned()),
        routes: world::routes(&[]),
        recipients: Ok(RecipientKey::new("a key of the tests")),
        duplicate_window_ms: 0,
        mail_queue: Destination::parse(QUEUE).ok(),
        tombstone_days: 400,
        taking_in: tokio::sync::Mutex::default(),
        provider: "mail:folder".to_owned(),
        rate_limit: RateLimit::default(),
        clock: Arc::new(SystemClock),
    }
}

fn request(action: Action, selection: Selection) -> RemedyRequest {
    RemedyRequest { action, selection, destination: None, limit: 100 }
}

fn ids(ids: &[&str]) -> Selection {
    Selection::Ids(ids.iter().map(|&id| id.to_owned()).collect())
}

/// The queue keeps repeats out for this long.
struct Window(i64);

#[async_trait]
impl Entities for Window {
    async fn look(&self, at: &Destination) -> Seen {
        if at.to_string() != QUEUE {
            return Seen::Missing;
        }
        Seen::Found(Box::new(Entity {
            kind: EntityKind::Queue,
            duplicate_window_ms: Some(self.0),
            sessions: false,
            partitioned: false,
            state: EntityState::Active,
            life_ms: i64::MAX,
            message_bytes_max: None,
            bytes: None,
            bytes_max: None,
            lock_ms: None,
            deliveries_max: None,
            dead_letters: None,
            subscriptions: None,
        }))
    }
}

#[tokio::test]
async fn a_repeat_within_the_window_that_the_bus_reports_is_refused_until_it_is_over() {
    let backend = SqliteBackend::new();
    backend.outbox().ensure_destinations(&[QUEUE.to_owned()]).await.unwrap();
    for (id, to) in [("a", QUEUE), ("b", "queue:gone")] {
        backend.execute(&format!(
            "INSERT INTO OutboxMessages (Id, EventType, Destination, Payload, State, LastOutcome, LastAttemptOnUtc) \
             VALUES ('{id}', 'Plain', '{to}', '1', 3, 3, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))"
        ));
    }
    let context = OperateContext { entities: Ok(Arc::new(Window(600_000))), ..context(&backend) };
    let requeue = request(Action::Requeue { out_of_order: false }, ids(&["a", "b"]));
    let plan = remedy::plan(&context, &requeue).await.unwrap();
    assert_eq!((plan.count, plan.refused), (1, 1));
    let why = plan.sample[0].why_not.as_deref().unwrap();
    assert!(plan.sample[0].id == "a" && why.contains("as the bus itself reports"), "{why}");
    backend.advance_ms(600_000);
    assert_eq!(remedy::plan(&context, &requeue).await.unwrap().count, 2);
    let Ran::Now(report) = remedy::run(&context, &plan.token, &by()).await.unwrap() else { panic!("it is the first") };
    assert_eq!((report.done, report.left), (1, 1), "the run takes what the dry run showed");
}

#[derive(Clone, Default)]
struct Letters(Arc<Mutex<Vec<DeadLetter>>>);

impl Letters {
    fn of(ids: &[&str]) -> Self {
        let letter = |(number, &id): (usize, &&str)| {
            DeadLetter {
            number,
            sequence_number: i64::try_from(number).ok(),
            delivery: Delivery {
                message_id: id.to_owned(),
                body: json!({
                    "specversion": "1.0", "id": id, "source": "/clientorganizer/finance", "type": "FinancialRecordCreated",
                    "time": SystemClock.now(),
                    "data": {
                        "clientId": 1, "clientName": "Klient", "recipient": "anna@example.pl", "year": 2026, "month": 3,
                        "figures": {"incomeTax": 1, "vat": 2, "insuranceAmount": 3}, "version": 1,
                    },
                })
                .to_string()
                .into_bytes(),
                delivery_count: 10,
                enqueued_on: Some(SystemClock.now()),
                traceparent: None,
            },
            reason: None,
            description: None,
        }
        };
        Self(Arc::new(Mutex::new(ids.iter().enumerate().map(letter).collect())))
    }

    fn left(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|letter| letter.delivery.message_id.clone()).collect()
    }
}

struct Opened(Letters, usize);

#[async_trait]
impl DeadLetters for Letters {
    async fn open(&self, _: &Destination) -> Result<Box<dyn DeadLetterQueue>, String> {
        Ok(Box::new(Opened(self.clone(), 0)))
    }
}

#[async_trait]
impl DeadLetterQueue for Opened {
    async fn next(&mut self) -> Result<Option<DeadLetter>, String> {
        let letters = self.0.0.lock().unwrap();
        let next = letters.iter().filter(|letter| letter.number >= self.1).min_by_key(|letter| letter.number).cloned();
        self.1 = next.as_ref().map_or(self.1, |letter| letter.number + 1);
        Ok(next)
    }

    async fn remove(&mut self, number: usize) -> Result<(), String> {
        self.0.0.lock().unwrap().retain(|letter| letter.number != number);
        Ok(())
    }

    async fn close(self: Box<Self>) {}
}

#[tokio::test]
async fn the_dead_letters_that_a_dry_run_showed_are_taken_in_and_no_others() {
    let backend = SqliteBackend::new();
    // The last has no id: its key is made of its content.
    let letters = Letters::of(&["a", "b", "b", "c", ""]);
    let context = OperateContext { dead_letters: Ok(Arc::new(letters.clone())), ..context(&backend) };
    let three = RemedyRequest { limit: 3, ..request(Action::TakeIn, Selection::DeadLetters) };
    let plan = remedy::plan(&context, &three).await.unwrap();
    assert_eq!((plan.count, plan.refused, plan.more, letters.left().len()), (3, 0, true, 5));
    assert!(plan.sample.iter().all(|one| one.destination == QUEUE && one.state == "dead-letter"), "{plan:?}");
    letters.0.lock().unwrap().retain(|letter| letter.delivery.message_id != "a");
    let Ran::Now(report) = remedy::run(&context, &plan.token, &by()).await.unwrap() else { panic!("it is the first") };
    assert_eq!((report.done, report.left), (2, 1));
    assert!(report.rows.iter().any(|row| row.id == "a" && row.why_not.as_deref().unwrap().contains("no longer")));
    assert_eq!(letters.left(), ["c", ""]);
    assert_eq!(remedy::run(&context, &plan.token, &by()).await.unwrap(), Ran::Before(report), "and takes no more");

    let named = remedy::plan(&context, &request(Action::TakeIn, ids(&["c", "none"]))).await.unwrap();
    assert_eq!((named.count, named.refused), (1, 1));
    assert!(named.sample[0].why_not.as_deref().unwrap().contains("no dead letter"), "{named:?}");
    let rest = remedy::plan(&context, &request(Action::TakeIn, Selection::DeadLetters)).await.unwrap();
    assert_eq!((rest.count, rest.more), (2, false));
    let Ran::Now(report) = remedy::run(&context, &rest.token, &by()).await.unwrap() else { panic!("it is the first") };
    assert_eq!((report.done, letters.left().len()), (2, 0), "{report:?}");
    let refused = report.rows.iter().find(|row| row.id.starts_with("no-id:")).unwrap();
    assert!(refused.done && refused.why_not.as_deref().unwrap().contains("its mail is refused"), "{refused:?}");
    let audit = "SELECT group_concat(Action || ' ' || Target || ' ' || Rows, '; ') FROM OperatorActions WHERE Id < 3";
    assert_eq!(backend.query(audit).as_deref(), Some("take in b 1; take in c 1"));
    let named = "SELECT count(*) FROM OperatorActionMessages WHERE MessageId IN ('b', 'c')";
    assert_eq!(backend.query(named).as_deref(), Some("2"));
}

#[tokio::test]
async fn a_take_in_plans_no_more_letters_than_ids_may_be_named() {
    let backend = SqliteBackend::new();
    let ids: Vec<String> = (0..=remedy::LETTERS_MAX).map(|n| format!("m-{n}")).collect();
    let letters = Letters::of(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    let context = OperateContext { dead_letters: Ok(Arc::new(letters)), ..context(&backend) };
    let all = RemedyRequest { limit: remedy::ROWS_MAX, ..request(Action::TakeIn, Selection::DeadLetters) };
    let plan = remedy::plan(&context, &all).await.unwrap();
    assert_eq!((plan.count, plan.more), (u64::from(remedy::LETTERS_MAX), true));
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_in_words() {
    let backend = SqliteBackend::new();
    let context = context(&backend);
    let reported = remedy::plan(&context, &request(Action::TakeIn, Selection::DeadLetters)).await.unwrap_err();
    assert_eq!(reported.to_string(), "ServiceBusConnection is not set");
    let (letters, why) = (Letters::of(&["a"]), "Inbox__RecipientKey is a Key Vault reference");
    let keyless = OperateContext {
        dead_letters: Ok(Arc::new(letters.clone())),
        recipients: Err(why.to_owned()),
        ..self::context(&backend)
    };
    let reported = remedy::plan(&keyless, &request(Action::TakeIn, Selection::DeadLetters)).await.unwrap_err();
    assert_eq!((reported.to_string().as_str(), letters.left().len()), (why, 1));
    let none = RemedyRequest { limit: 0, ..request(Action::Discard, ids(&["a"])) };
    assert!(matches!(remedy::plan(&context, &none).await, Err(RemedyError::Refused(_))));
    assert!(matches!(remedy::run(&context, "no token", &by()).await, Err(RemedyError::NoPlan)));
    assert_eq!(backend.query("SELECT count(*) FROM RemedyPlans").as_deref(), Some("0"));
}

/// Without statistics, as a new database has none.
#[test]
fn no_remedy_and_no_pause_reads_all_of_the_outbox_or_the_inbox() {
    let backend = SqliteBackend::new();
    let db = rusqlite::Connection::open(&backend.options.path).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/adapters/sqlite/sql");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with("remedy_") && !name.starts_with("pause_") {
            continue;
        }
        seen += 1;
        let sql = format!("EXPLAIN QUERY PLAN\n{}", fs::read_to_string(&path).unwrap());
        let mut plan = db.prepare(&sql).unwrap();
        // Unbound parameters are NULL.
        let (mut rows, mut lines) = (plan.raw_query(), Vec::new());
        while let Some(row) = rows.next().unwrap() {
            lines.push(row.get::<_, String>(3).unwrap());
        }
        // `o` and `m` are their names in these statements.
        let whole = |line: &String| {
            let table = line.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
            table.is_some_and(|table| ["OutboxMessages", "InboxMessages", "o", "m"].contains(&table))
        };
        assert!(!lines.iter().any(whole), "{name}: {lines:#?}");
    }
    assert!(seen > 20, "{seen}");
}
