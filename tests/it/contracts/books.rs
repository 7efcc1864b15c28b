//! The books contract: change, message and stored answer are written together or not at all, and once.

mod keys;

use crate::support::{
    backend::{Backend, SqliteBackend},
    operator,
};
use chrono::{DateTime, Utc};
use client_organizer::{
    domain::{
        booking::{Booked, BookedResult, Command, Entry, IfMatch, Refusal, client_etag, record_etag},
        client::{Client, ClientDraft, ClientName, Email, Nip, PostalAddress},
        events::{AboutRecord, CloudEvent, FinancialChange, FinancialRecordCreated, NewEvent},
        idempotency::{Fingerprint, IdempotencyKey},
        ids::{ClientId, MessageId},
        language::Language,
        message::{Headers, MessageLimits},
        money::Money,
        period::Period,
        record::{Figures, FiguresPatch, FinancialRecord},
        route::{Destination, Routes},
    },
    ports::{books::Committed, error::StoreError},
};
use std::{collections::BTreeMap, sync::Arc};

contract!(
    writers_of_several_processes_wait_for_one_another,
    a_record_without_its_message_cannot_be_written,
    a_patch_that_changes_nothing_enqueues_nothing,
    an_id_is_never_reused,
    one_event_to_two_destinations_is_two_rows_of_one_id,
    an_event_without_a_route_waits_and_one_with_an_empty_route_is_not_written,
    a_stale_tag_refuses_and_changes_nothing,
    a_tax_number_belongs_to_one_client,
    a_clients_language_is_stored_and_goes_with_the_message,
    a_client_with_records_cannot_be_deleted,
    a_deleted_client_is_noted_for_erasure_with_the_deletion_itself,
    a_write_to_what_does_not_exist_is_refused_with_its_id,
    amounts_are_exact_to_the_largest,
    the_message_is_due_by_the_databases_clock_and_carries_what_was_booked,
    a_message_names_the_client_as_written,
    a_message_without_a_change_shows_what_is_booked_and_is_written_once,
    a_message_about_no_record_is_refused_and_one_with_an_empty_route_is_not_written,
    lists_are_bounded_and_in_order,
);

fn draft(number: u32) -> ClientDraft {
    let nine = |n: u32| format!("52602{n:04}").chars().filter_map(|c| c.to_digit(10)).collect::<Vec<_>>();
    // Some nine digits have no valid check digit; in steps of ten no two drafts get the same number.
    let (digits, check) = (number * 10..).map(nine).find_map(|d| Nip::check_digit(&d).map(|check| (d, check))).unwrap();
    let text: String = digits.iter().chain([&check]).map(ToString::to_string).collect();
    ClientDraft {
        name: ClientName::parse(&format!("Zażółć {number} sp. z o.o.")).unwrap(),
        address: PostalAddress::parse("ul. Prosta 1, 00-001 Warszawa").unwrap(),
        nip_nb: Nip::parse(&text).unwrap(),
        email: Email::parse(&format!("biuro{number}@example.pl")).unwrap(),
        language: None,
    }
}

fn routes(created: &[&str]) -> Arc<Routes> {
    let to = |names: &[&str]| names.iter().map(|name| Destination::parse(name).unwrap()).collect();
    Arc::new(Routes(BTreeMap::from([
        ("FinancialRecordCreated".to_owned(), to(created)),
        ("FinancialRecordUpdated".to_owned(), to(&["queue:client-emails"])),
        ("FinancialRecordDeleted".to_owned(), to(&[])),
    ])))
}

fn booked_at() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_790_000_000_123).unwrap()
}

fn entry(command: Command) -> Entry {
    Entry {
        command,
        if_match: None,
        idempotency: None,
        message_id: MessageId::fresh(),
        now: booked_at(),
        headers: Headers(BTreeMap::from([("traceparent".to_owned(), "00-ab-cd-01".to_owned())])),
        routes: routes(&["queue:client-emails"]),
        limits: MessageLimits::default(),
    }
}

fn keyed(command: Command, key: &str) -> Entry {
    let fingerprint = Fingerprint::of("POST", "/", None, format!("{command:?}").as_bytes());
    Entry { idempotency: Some((IdempotencyKey::parse(key).unwrap(), fingerprint)), ..entry(command) }
}

fn tagged(command: Command, tag: &str) -> Entry {
    Entry { if_match: Some(IfMatch::parse(tag)), ..entry(command) }
}

fn money(text: &str) -> Money {
    Money::from_json_number(text).unwrap()
}

fn figures(text: &str) -> Figures {
    Figures { income_tax: money(text), vat: money("0.01"), insurance_amount: money("12.30") }
}

fn march() -> Period {
    Period::new(2026, 3).unwrap()
}

fn vat(text: &str) -> FiguresPatch {
    FiguresPatch { vat: Some(money(text)), ..FiguresPatch::default() }
}

async fn done(backend: &impl Backend, entry: Entry) -> Booked {
    match backend.books().commit(&entry).await.unwrap() {
        Committed::Done(booked) => booked,
        other => panic!("{other:?}"),
    }
}

async fn refused(backend: &impl Backend, entry: Entry) -> Refusal {
    match backend.books().commit(&entry).await.unwrap() {
        Committed::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

async fn client(backend: &impl Backend, number: u32) -> Client {
    match done(backend, entry(Command::CreateClient(draft(number)))).await.result {
        BookedResult::ClientCreated(client) => client,
        other => panic!("{other:?}"),
    }
}

async fn record(backend: &impl Backend, id: ClientId, period: Period) -> FinancialRecord {
    match done(backend, entry(Command::CreateRecord(id, period, figures("10")))).await.result {
        BookedResult::RecordCreated(record) => record,
        other => panic!("{other:?}"),
    }
}

fn count(backend: &impl Backend, table: &str) -> i64 {
    backend.query(&format!("SELECT count(*) FROM {table}")).unwrap().parse().unwrap()
}

async fn writers_of_several_processes_wait_for_one_another(backend: &impl Backend) {
    let handles = [backend.books(), backend.others().books, backend.others().books];
    let tasks: Vec<_> = (1..=24)
        .map(|n| {
            let books = handles[n as usize % handles.len()].clone();
            let entry = keyed(Command::CreateClient(draft(n)), &format!("k-{n}"));
            tokio::spawn(async move { books.commit(&entry).await.unwrap() })
        })
        .collect();
    for task in tasks {
        let committed = task.await.unwrap();
        assert!(matches!(committed, Committed::Done(_)), "{committed:?}");
    }
    assert_eq!(count(backend, "Clients"), 24);
}

async fn a_record_without_its_message_cannot_be_written(backend: &impl Backend) {
    let id = client(backend, 1).await.id;
    let entry = Entry {
        routes: routes(&["queue:client-emails", "topic:finance"]),
        ..keyed(Command::CreateRecord(id, march(), figures("1")), "k")
    };
    // The second of the two rows cannot be written: its Seq is in use.
    backend.execute(&format!(
        "INSERT INTO OutboxMessages (Id, EventType, Destination, Payload) VALUES ('{}', 'x', 'topic:finance', '{{}}')",
        entry.message_id
    ));
    // A store may keep a key of its own for a caller without one.
    let keys = count(backend, "IdempotencyKeys");
    let failed = backend.books().commit(&entry).await.unwrap_err();
    assert!(matches!(failed, StoreError::Broken { .. }), "{failed}");
    assert_eq!(backend.books().record(id, march()).await.unwrap(), None);
    assert_eq!(count(backend, "OutboxMessages"), 1);
    assert_eq!(count(backend, "IdempotencyKeys"), keys);

    let unhindered = Entry { message_id: MessageId::fresh(), ..entry };
    done(backend, unhindered).await;
    assert_eq!(count(backend, "OutboxMessages"), 3);
}

async fn a_patch_that_changes_nothing_enqueues_nothing(backend: &impl Backend) {
    let id = client(backend, 1).await.id;
    let before = record(backend, id, march()).await;
    let booked = done(backend, entry(Command::PatchRecord(id, march(), vat("0.01")))).await;
    assert_eq!(booked, Booked { result: BookedResult::RecordPatched(before), message_id: None });
    assert_eq!(count(backend, "OutboxMessages"), 1);
    assert_eq!(backend.books().record(id, march()).await.unwrap(), Some(before));
}

async fn an_id_is_never_reused(backend: &impl Backend) {
    let gone = client(backend, 1).await.id;
    let old = record(backend, gone, march()).await;
    done(backend, entry(Command::DeleteRecord(gone, march()))).await;
    let new = record(backend, gone, march()).await;
    assert!(new.id > old.id);
    let stale = tagged(Command::DeleteRecord(gone, march()), &record_etag(&old));
    assert_eq!(refused(backend, stale).await, Refusal::Changed { current: record_etag(&new) });

    done(backend, entry(Command::DeleteRecord(gone, march()))).await;
    done(backend, entry(Command::DeleteClient(gone))).await;
    let next = client(backend, 1).await;
    assert!(next.id > gone);
    assert_eq!(backend.books().client(next.id).await.unwrap(), Some(next), "stored under the id it was answered with");
}

async fn one_event_to_two_destinations_is_two_rows_of_one_id(backend: &impl Backend) {
    let id = client(backend, 1).await.id;
    let create = Command::CreateRecord(id, march(), figures("1"));
    let both = Entry { routes: routes(&["topic:finance", "queue:client-emails"]), ..entry(create) };
    let booked = done(backend, both).await;
    let rows = operator::message(&*backend.reports(), &booked.message_id.unwrap()).await.message.rows;
    let destinations: Vec<_> = rows.iter().map(|row| row.destination.as_str()).collect();
    assert_eq!(destinations, ["topic:finance", "queue:client-emails"], "by Seq in the order of the route");
    let payloads = backend.query("SELECT count(DISTINCT Payload) FROM OutboxMessages");
    assert_eq!(payloads.as_deref(), Some("1"));
    assert_eq!(count(backend, "Destinations"), 2, "so that both can be paused before anything is sent");
}

async fn an_event_without_a_route_waits_and_one_with_an_empty_route_is_not_written(backend: &impl Backend) {
    let id = client(backend, 1).await.id;
    let create = Command::CreateRecord(id, march(), figures("1"));
    let booked = done(backend, Entry { routes: Arc::default(), ..entry(create) }).await;
    let rows = operator::message(&*backend.reports(), &booked.message_id.unwrap()).await.message.rows;
    assert_eq!(rows.iter().map(|row| row.destination.as_str()).collect::<Vec<_>>(), [""]);
    assert_eq!(count(backend, "Destinations"), 0);

    let booked = done(backend, entry(Command::DeleteRecord(id, march()))).await;
    assert_eq!(booked, Booked { result: BookedResult::RecordDeleted, message_id: None });
    assert_eq!(count(backend, "OutboxMessages"), 1);
}

async fn a_stale_tag_refuses_and_changes_nothing(backend: &impl Backend) {
    let old = client(backend, 1).await;
    let replaced = done(backend, tagged(Command::ReplaceClient(old.id, draft(2)), &client_etag(&old))).await;
    let BookedResult::ClientReplaced(new) = replaced.result else { panic!("{replaced:?}") };
    assert_eq!((new.version, &new.draft), (2, &draft(2)));
    let changed = Refusal::Changed { current: client_etag(&new) };
    for command in [Command::ReplaceClient(old.id, draft(3)), Command::DeleteClient(old.id)] {
        assert_eq!(refused(backend, tagged(command, &client_etag(&old))).await, changed);
    }
    assert_eq!(backend.books().client(old.id).await.unwrap(), Some(new));

    let old = record(backend, old.id, march()).await;
    let patch = |text| Command::PatchRecord(old.client_id, march(), vat(text));
    let tags = format!("\"x\", {}", record_etag(&old));
    done(backend, tagged(patch("2"), &tags)).await;
    let new = FinancialRecord { figures: Figures { vat: money("2"), ..old.figures }, version: 2, ..old };
    let changed = Refusal::Changed { current: record_etag(&new) };
    for command in [patch("3"), Command::DeleteRecord(old.client_id, march())] {
        assert_eq!(refused(backend, tagged(command, &tags)).await, changed);
    }
    assert_eq!(backend.books().record(old.client_id, march()).await.unwrap(), Some(new));
    done(backend, tagged(patch("3"), "*")).await;
}

async fn a_tax_number_belongs_to_one_client(backend: &impl Backend) {
    let first = client(backend, 1).await;
    let second = client(backend, 2).await;
    assert_eq!(refused(backend, entry(Command::CreateClient(draft(1)))).await, Refusal::NipTaken(first.id));
    let steal = Command::ReplaceClient(second.id, draft(1));
    assert_eq!(refused(backend, entry(steal)).await, Refusal::NipTaken(first.id));
    let renamed = ClientDraft { name: ClientName::parse("Nowa nazwa").unwrap(), ..draft(1) };
    done(backend, entry(Command::ReplaceClient(first.id, renamed))).await;
    assert_eq!(count(backend, "Clients"), 2);
}

async fn a_clients_language_is_stored_and_goes_with_the_message(backend: &impl Backend) {
    const IN_ENGLISH: &str = "SELECT count(*) FROM OutboxMessages WHERE Payload LIKE '%\"language\":\"en\"%'";
    let english = ClientDraft { language: Some(Language::En), ..draft(1) };
    let id = client(backend, 1).await.id;
    record(backend, id, march()).await;
    assert_eq!(backend.query(IN_ENGLISH).as_deref(), Some("0"));
    done(backend, entry(Command::ReplaceClient(id, english.clone()))).await;
    assert_eq!(backend.books().client(id).await.unwrap().unwrap().draft, english);
    assert_eq!(backend.books().clients(0, 10).await.unwrap()[0].draft, english);
    done(backend, entry(Command::PatchRecord(id, march(), vat("7")))).await;
    assert_eq!(backend.query(IN_ENGLISH).as_deref(), Some("1"));
    done(backend, entry(Command::CreateClient(ClientDraft { language: Some(Language::En), ..draft(2) }))).await;
    done(backend, entry(Command::ReplaceClient(id, draft(1)))).await;
    let languages = backend.books().clients(0, 10).await.unwrap().into_iter().map(|client| client.draft.language);
    assert_eq!(languages.collect::<Vec<_>>(), [None, Some(Language::En)]);
}

async fn a_client_with_records_cannot_be_deleted(backend: &impl Backend) {
    let id = client(backend, 1).await.id;
    record(backend, id, march()).await;
    assert_eq!(refused(backend, entry(Command::DeleteClient(id))).await, Refusal::HasRecords(id));
    done(backend, entry(Command::DeleteRecord(id, march()))).await;
    done(backend, entry(Command::DeleteClient(id))).await;
    assert_eq!(backend.books().client(id).await.unwrap(), None);
    assert_eq!(count(backend, "OutboxMessages"), 1, "the message on its way still goes");
}

async fn a_deleted_client_is_noted_for_erasure_with_the_deletion_itself(backend: &impl Backend) {
    let id = client(backend, 1).await.id;
    record(backend, id, march()).await;
    refused(backend, entry(Command::DeleteClient(id))).await;
    assert_eq!(count(backend, "Erasures"), 0, "it stays, and so does its data");
    done(backend, entry(Command::DeleteRecord(id, march()))).await;
    done(backend, keyed(Command::DeleteClient(id), "k")).await;
    assert!(matches!(
        backend.books().commit(&keyed(Command::DeleteClient(id), "k")).await.unwrap(),
        Committed::Replayed(_)
    ));
    assert_eq!(backend.query("SELECT Subject FROM Erasures"), Some(format!("clients/{id}")));
    assert_eq!(backend.query("SELECT Subject FROM OutboxMessages"), Some(format!("clients/{id}")));
}

async fn a_write_to_what_does_not_exist_is_refused_with_its_id(backend: &impl Backend) {
    let id = client(backend, 1).await.id;
    let nobody = ClientId(i64::MAX);
    for command in [
        Command::ReplaceClient(nobody, draft(2)),
        Command::DeleteClient(nobody),
        Command::CreateRecord(nobody, march(), figures("1")),
        Command::PatchRecord(nobody, march(), vat("1")),
        Command::DeleteRecord(nobody, march()),
    ] {
        assert_eq!(refused(backend, entry(command)).await, Refusal::NoClient(nobody));
    }
    for command in [Command::PatchRecord(id, march(), vat("1")), Command::DeleteRecord(id, march())] {
        assert_eq!(refused(backend, entry(command)).await, Refusal::NoRecord(id, march()));
    }
    record(backend, id, march()).await;
    let twice = entry(Command::CreateRecord(id, march(), figures("1")));
    assert_eq!(refused(backend, twice).await, Refusal::RecordExists(id, march()));
}

async fn event_of(backend: &impl Backend, id: &str) -> CloudEvent<FinancialChange> {
    serde_json::from_str(&operator::payload(&*backend.reports(), id).await).unwrap()
}

async fn amounts_are_exact_to_the_largest(backend: &impl Backend) {
    let id = client(backend, 1).await.id;
    let largest = figures("9999999999999999.99");
    let booked = done(backend, entry(Command::CreateRecord(id, march(), largest))).await;
    assert_eq!(backend.books().record(id, march()).await.unwrap().unwrap().figures, largest);
    let payload = operator::payload(&*backend.reports(), &booked.message_id.unwrap()).await;
    assert!(payload.contains(r#""incomeTax":9999999999999999.99,"vat":0.01,"insuranceAmount":12.30"#), "{payload}");
}

async fn the_message_is_due_by_the_databases_clock_and_carries_what_was_booked(backend: &impl Backend) {
    let client = client(backend, 1).await;
    // Only the database's clock moves; the entry's clock stays.
    backend.advance_ms(3_600_000);
    let created = done(backend, entry(Command::CreateRecord(client.id, march(), figures("10")))).await;
    let patched = done(backend, entry(Command::PatchRecord(client.id, march(), vat("7")))).await;
    let now = backend.outbox().waiting(&Routes::default()).await.unwrap().due;
    assert_eq!(now.iter().map(|due| due.rows).collect::<Vec<_>>(), [2], "due at once: {now:?}");

    let id = created.message_id.unwrap();
    let row = operator::row(&*backend.reports(), &id).await;
    assert_eq!(row.occurred_on, booked_at());
    assert_eq!(row.ordering_key.as_deref(), Some("1/2026-03"));
    let event = event_of(backend, &id).await;
    assert_eq!((event.id, event.data.recipient), (id, client.draft.email));
    let headers = backend.query("SELECT Headers FROM OutboxMessages WHERE EventType = 'FinancialRecordCreated'");
    assert_eq!(headers.unwrap(), r#"{"traceparent":"00-ab-cd-01"}"#);

    let event = event_of(backend, &patched.message_id.unwrap()).await;
    assert_eq!(event.data.previous, Some(figures("10")));
    assert_eq!((event.data.figures.vat, event.data.version), (money("7"), 2));
}

async fn a_message_names_the_client_as_written(backend: &impl Backend) {
    for (number, name) in [(1, r#""Ko\wal" & 's /ka\\ \"#), (2, "\u{1F980} Zażółć gęślą JAŹŃ")] {
        let draft = ClientDraft { name: ClientName::parse(name).unwrap(), ..draft(number) };
        done(backend, entry(Command::CreateClient(draft))).await;
        let command = Command::CreateRecord(ClientId(number.into()), march(), figures("10"));
        let id = done(backend, entry(command)).await.message_id.unwrap();
        let event = event_of(backend, &id).await;
        assert_eq!(event.data.client_name.as_str(), name);
    }
}

/// Stands for any message type that shows a booked record.
#[derive(Debug)]
struct Shown;

impl AboutRecord for Shown {
    fn event(&self, client: &Client, record: &FinancialRecord) -> Result<NewEvent, String> {
        NewEvent::of::<FinancialRecordCreated>(&FinancialChange::of(client, record, None))
    }
}

fn show_again(id: ClientId) -> Command {
    Command::Enqueue(id, march(), Arc::new(Shown))
}

async fn a_message_without_a_change_shows_what_is_booked_and_is_written_once(backend: &impl Backend) {
    let client = client(backend, 1).await;
    done(backend, entry(Command::CreateRecord(client.id, march(), figures("10")))).await;
    done(backend, entry(Command::PatchRecord(client.id, march(), vat("7")))).await;
    let before = backend.books().record(client.id, march()).await.unwrap().unwrap();
    let enqueued = done(backend, keyed(show_again(client.id), "k-1")).await;
    assert_eq!(enqueued.result, BookedResult::Enqueued(before));
    assert_eq!(backend.books().record(client.id, march()).await.unwrap(), Some(before), "the books do not change");
    let id = enqueued.message_id.clone().unwrap();
    let row = operator::row(&*backend.reports(), &id).await;
    assert_eq!((row.ordering_key.as_deref(), row.destination.as_str()), (Some("1/2026-03"), "queue:client-emails"));
    let event = event_of(backend, &id).await;
    assert_eq!((event.id, event.data.figures, event.data.version), (id, before.figures, 2));

    let repeated = backend.books().commit(&keyed(show_again(client.id), "k-1")).await.unwrap();
    assert_eq!(repeated, Committed::Replayed(enqueued));
    done(backend, tagged(show_again(client.id), &record_etag(&before))).await;
    let stale = refused(backend, tagged(show_again(client.id), "\"1-1\"")).await;
    assert_eq!(stale, Refusal::Changed { current: record_etag(&before) });
    assert_eq!(backend.query("SELECT COUNT(*) FROM OutboxMessages").unwrap(), "4");
}

async fn a_message_about_no_record_is_refused_and_one_with_an_empty_route_is_not_written(backend: &impl Backend) {
    assert_eq!(refused(backend, entry(show_again(ClientId(1)))).await, Refusal::NoClient(ClientId(1)));
    let client = client(backend, 1).await;
    assert_eq!(refused(backend, entry(show_again(client.id))).await, Refusal::NoRecord(client.id, march()));
    done(backend, Entry { routes: routes(&[]), ..entry(Command::CreateRecord(client.id, march(), figures("10"))) })
        .await;
    let silent = done(backend, Entry { routes: routes(&[]), ..entry(show_again(client.id)) }).await;
    assert_eq!(silent.message_id, None);
    assert_eq!(backend.query("SELECT COUNT(*) FROM OutboxMessages").unwrap(), "0");
}

async fn lists_are_bounded_and_in_order(backend: &impl Backend) {
    for number in 1..=3 {
        client(backend, number).await;
    }
    let ids = |clients: Vec<Client>| clients.iter().map(|c| c.id.0).collect::<Vec<_>>();
    assert_eq!(ids(backend.books().clients(0, 2).await.unwrap()), [1, 2]);
    assert_eq!(ids(backend.books().clients(2, 2).await.unwrap()), [3]);

    let id = ClientId(2);
    for (year, month) in [(2026, 1), (2025, 12), (2025, 3), (2026, 3)] {
        record(backend, id, Period::new(year, month).unwrap()).await;
    }
    let books = backend.books();
    let periods = async |year, month| {
        let records = books.records(id, year, month).await.unwrap().unwrap();
        records.iter().map(|r| r.period.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(periods(None, None).await, ["2025-03", "2025-12", "2026-01", "2026-03"]);
    assert_eq!(periods(Some(2025), None).await, ["2025-03", "2025-12"]);
    assert_eq!(periods(None, Some(3)).await, ["2025-03", "2026-03"]);
    assert_eq!(periods(Some(2024), Some(3)).await, [""; 0]);
    assert_eq!(books.records(ClientId(3), None, None).await.unwrap(), Some(Vec::new()));
    assert_eq!(books.records(ClientId(4), None, None).await.unwrap(), None, "there is no such client");
}

/// Not a contract, since only SQLite's triggers fail in the middle of a transaction without ending it.
#[tokio::test]
async fn a_message_without_its_record_cannot_be_written() {
    let backend = SqliteBackend::new();
    let id = client(&backend, 1).await.id;
    backend.execute(
        "CREATE TRIGGER full BEFORE INSERT ON FinancialRecords BEGIN SELECT RAISE(FAIL, 'the disk is full'); END",
    );
    let failed = backend.books().commit(&keyed(Command::CreateRecord(id, march(), figures("1")), "k")).await;
    assert!(failed.is_err(), "{failed:?}");
    assert_eq!((count(&backend, "OutboxMessages"), count(&backend, "IdempotencyKeys")), (0, 0));
}

/// Not a contract, but how SQLite keeps it: its one write lock stands for the lock of every key.
#[tokio::test]
async fn a_key_whose_lock_is_held_for_2_s_is_busy() {
    let backend = SqliteBackend::new();
    let holder = rusqlite::Connection::open(&backend.options.path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (keyed, plain) = (keyed(Command::CreateClient(draft(1)), "k"), entry(Command::CreateClient(draft(1))));
    let (books, other) = (backend.books(), backend.others().books);
    let (with_key, without) = tokio::join!(books.commit(&keyed), other.commit(&plain));
    assert_eq!(with_key.unwrap(), Committed::KeyBusy);
    assert!(matches!(without, Err(StoreError::Unavailable { .. })), "no key, so nothing to be busy: {without:?}");
    holder.execute_batch("ROLLBACK").unwrap();
    assert_eq!(count(&backend, "Clients"), 0);
}

/// Not a contract either: writes of one process share a connection, and must not wait one after another.
#[tokio::test]
async fn many_writes_wait_for_a_held_lock_in_parallel() {
    let backend = SqliteBackend::new();
    let holder = rusqlite::Connection::open(&backend.options.path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let entries: Vec<_> = (1..=4).map(|n| keyed(Command::CreateClient(draft(n)), &format!("k{n}"))).collect();
    let books = backend.books();
    let all = futures::future::join_all(entries.iter().map(|entry| books.commit(entry)));
    // One after another they would take 8 s.
    let answers = tokio::time::timeout(std::time::Duration::from_secs(6), all).await.expect("2 s together");
    assert!(answers.into_iter().all(|answer| answer.unwrap() == Committed::KeyBusy));
    holder.execute_batch("ROLLBACK").unwrap();
}
