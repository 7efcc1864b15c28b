//! Outbox rows as users have them: one is booked by the program's own code, and copied with other ids and keys.

use crate::stores::Store;
use client_organizer::{
    adapters::sqlite::{Sqlite, SqliteOptions, migrate},
    domain::{
        booking::{Command, Entry},
        client::{ClientDraft, ClientName, Email, Nip, PostalAddress},
        ids::{ClientId, MessageId},
        message::{Headers, MessageLimits},
        period::Period,
        record::Figures,
        route::{Destination, Routes},
    },
    ports::books::{Books, Committed},
};
use rusqlite::Connection;
use std::{collections::BTreeMap, fmt::Display, fs::File, path::Path, sync::Arc, time::Duration};

/// The entity of the broker, and the destination of all rows.
pub const ENTITY: &str = "client-emails";
pub const QUEUE: &str = "queue:client-emails";

/// Rows copied by one statement.
const STEP: u32 = 10_000;
const NAME: &str = "Przedsiębiorstwo Produkcyjno-Handlowo-Usługowe Zażółć Gęślą Jaźń Import-Eksport spółka z ograniczoną \
                    odpowiedzialnością spółka komandytowa w restrukturyzacji, oddział w Krakowie";
const SENT_AT: i64 = 1_800_000_000_000;

/// Of copied rows.
#[derive(Clone, Copy)]
pub enum State {
    Due,
    Sent,
}

/// A migrated SQLite file with `sent` rows of history and `due` rows after them.
pub async fn file(path: &Path, sent: u32, due: u32) {
    remove(path);
    migrate::run(path).unwrap();
    book_one(&Sqlite::open(SqliteOptions::at(path)).unwrap()).await;
    Connection::open(path).unwrap().execute(&template(SENT_AT), []).unwrap();
    add(path, 0, sent, State::Sent);
    add(path, sent, due, State::Due);
}

/// Adds rows to such a file, after the `before` that it has.
pub fn add(path: &Path, before: u32, rows: u32, state: State) {
    let connection = Connection::open(path).unwrap();
    // Nothing is lost where it is made again.
    connection.pragma_update(None, "synchronous", "OFF").unwrap();
    copies(before, rows, state, SENT_AT, |sql| connection.execute(sql, []).unwrap());
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(connection);
    // Else the disk would still write it while something is measured.
    File::open(path).unwrap().sync_all().unwrap();
}

/// A connection that commits as durably as the program does.
pub fn another_program(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    connection
}

/// Inserts due rows in one transaction; returns their ids.
pub fn insert(connection: &Connection, from: u32, rows: u32) -> Vec<String> {
    copies(from, rows, State::Due, SENT_AT, |sql| connection.execute(sql, []).unwrap());
    (from..from + rows).map(|n| format!("0190a4c6-b1e0-7000-8000-{n:012}")).collect()
}

/// The same in a new database of the server.
pub async fn on_server(store: &Store, sent: u32, due: u32) {
    book_one(&*store.backend().books()).await;
    let at = store.backend().at_ms(SENT_AT);
    store.backend().execute(&template(&at));
    copies(0, sent, State::Sent, &at, |sql| store.backend().execute(sql));
    copies(sent, due, State::Due, &at, |sql| store.backend().execute(sql));
}

/// A fresh copy of a file that no process has open.
pub fn copy(from: &Path, to: &Path) {
    remove(to);
    std::fs::copy(from, to).unwrap();
    File::open(to).unwrap().sync_all().unwrap();
}

/// A file of an earlier part or round, with its journals.
fn remove(path: &Path) {
    for journal in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{journal}", path.display()));
    }
}

/// The row that the others are made of: a booking with trace context.
async fn book_one(books: &dyn Books) {
    let draft = ClientDraft {
        // As long as the register's names are.
        name: ClientName::parse(NAME).unwrap(),
        address: PostalAddress::parse("ul. Prosta 1, 30-001 Kraków").unwrap(),
        nip_nb: Nip::parse("5260250274").unwrap(),
        email: Email::parse("ksiegowosc.i.rachunkowosc@przedsiebiorstwo-zazolc-gesla-jazn.example.pl").unwrap(),
        language: None,
    };
    commit(books, entry(Command::CreateClient(draft))).await;
    book(books, ClientId(1), Period::new(2026, 7).unwrap()).await;
}

/// Books as another instance of the program does; returns the message's id.
pub async fn book(books: &dyn Books, client: ClientId, period: Period) -> String {
    let figures: Figures =
        serde_json::from_str(r#"{"incomeTax": 1234.56, "vat": 230.00, "insuranceAmount": 100.50}"#).unwrap();
    let entry = entry(Command::CreateRecord(client, period, figures));
    let id = entry.message_id.to_string();
    commit(books, entry).await;
    id
}

async fn commit(books: &dyn Books, entry: Entry) {
    let committed = books.commit(&entry).await.unwrap();
    assert!(matches!(committed, Committed::Done(_)), "{committed:?}");
}

fn entry(command: Command) -> Entry {
    Entry {
        command,
        if_match: None,
        idempotency: None,
        message_id: MessageId::fresh(),
        now: chrono::Utc::now(),
        headers: Headers::of_trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        routes: Arc::new(Routes(BTreeMap::from([(
            "FinancialRecordCreated".to_owned(),
            vec![Destination::parse(QUEUE).unwrap()],
        )]))),
        limits: MessageLimits::default(),
    }
}

/// The booked row stays, as sent.
fn template(at: impl Display) -> String {
    format!("UPDATE OutboxMessages SET State = 2, LastOutcome = 0, LastAttemptOnUtc = {at}, ProcessedOnUtc = {at}")
}

/// Copies the booked row. Every tenth copy has its predecessor's key, as a correction has. Both dialects know these
/// functions.
fn copies(before: u32, rows: u32, state: State, sent_at: impl Display, mut execute: impl FnMut(&str) -> usize) {
    let digits = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 \
        UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
    let id = "CONCAT('0190a4c6-b1e0-7000-8000-', SUBSTRING(CONCAT('', 1000000000000 + n), 2, 12))";
    let (state, outcome, at) = match state {
        State::Due => (0, "NULL", "NULL".to_owned()),
        State::Sent => (2, "0", sent_at.to_string()),
    };
    for from in (before..before + rows).step_by(STEP as usize) {
        let to = (from + STEP).min(before + rows);
        let sql = format!(
            "INSERT INTO OutboxMessages (Id, EventType, Destination, OrderingKey, ContentType, Payload, Headers, Subject, \
                                         OccurredOnUtc, State, LastOutcome, LastAttemptOnUtc, ProcessedOnUtc) \
             SELECT {id}, t.EventType, t.Destination, CONCAT(k % 5000, '/', 2000 + k / 60000, '-', k / 5000 % 12 + 1), \
                    t.ContentType, REPLACE(t.Payload, t.Id, {id}), t.Headers, CONCAT('clients/', k % 5000), \
                    t.OccurredOnUtc, {state}, {outcome}, {at}, {at} \
             FROM (SELECT n, n - n % 10 / 9 AS k FROM \
                    (SELECT {from} + a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS n \
                     FROM {digits} a CROSS JOIN {digits} b CROSS JOIN {digits} c CROSS JOIN {digits} e) AS counted) AS numbers \
             CROSS JOIN (SELECT * FROM OutboxMessages WHERE Seq = 1) AS t \
             WHERE n < {to} ORDER BY n"
        );
        assert_eq!(execute(&sql), (to - from) as usize);
    }
}
