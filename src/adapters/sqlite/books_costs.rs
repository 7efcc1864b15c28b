//! What a booking costs, counted: statements, their steps, and pages written to the log.

use super::super::{
    db,
    writer::tests::{Held, frames},
};
use super::*;
use crate::domain::{
    booking::Command,
    idempotency::{Fingerprint, IdempotencyKey},
    ids::MessageId,
    message::{Headers, MessageLimits},
    money::Money,
    record::Figures,
    route::{Destination, Routes},
};
use chrono::DateTime;
use rusqlite::{Connection, StatementStatus};
use std::{collections::BTreeMap, sync::Arc};

/// A month's figures as the API books them, with a key, to one destination.
fn entry(month: u16) -> Entry {
    let amount = Money::from_json_number("12.30").unwrap();
    let figures = Figures { income_tax: amount, vat: amount, insurance_amount: amount };
    let period = Period::new(2000 + month / 12, u8::try_from(1 + month % 12).unwrap()).unwrap();
    let key = IdempotencyKey::parse(&format!("k{month}")).unwrap();
    let created = vec![Destination::parse("queue:client-emails").unwrap()];
    Entry {
        command: Command::CreateRecord(ClientId(1), period, figures),
        if_match: None,
        idempotency: Some((key, Fingerprint::of("POST", "/", None, b""))),
        message_id: MessageId::fresh(),
        now: DateTime::from_timestamp_millis(1_790_000_000_123).unwrap(),
        headers: Headers::of_trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        routes: Arc::new(Routes(BTreeMap::from([("FinancialRecordCreated".to_owned(), created)]))),
        limits: MessageLimits::default(),
    }
}

fn held() -> Held {
    let held = Held::new();
    let client = "ROLLBACK; INSERT INTO Clients (Id, Name, Address, NipNb, Email)
        VALUES (1, 'Anna', 'ul. Prosta 1', '5260250274', 'anna@example.pl');
        PRAGMA wal_checkpoint(TRUNCATE); BEGIN IMMEDIATE";
    held.holder.execute_batch(client).unwrap();
    held
}

/// What the cached statement has counted so far.
fn counted(db: &Connection, sql: &str, what: StatementStatus) -> i32 {
    db.prepare_cached(sql).unwrap().get_status(what)
}

#[test]
fn a_booking_is_eight_short_statements_however_many_months_are_booked() {
    const STATEMENTS: [&str; 8] = [
        include_str!("sql/books_find_key.sql"),
        include_str!("sql/books_client.sql"),
        include_str!("sql/books_records.sql"),
        include_str!("sql/books_next_record_id.sql"),
        include_str!("sql/books_insert_record.sql"),
        include_str!("sql/books_enqueue.sql"),
        include_str!("sql/books_ensure_destination.sql"),
        include_str!("sql/books_store_key.sql"),
    ];
    const BOOKINGS: u16 = 600;
    let held = held();
    held.holder.execute_batch("ROLLBACK").unwrap();
    let db = db::connect(&held.path()).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    for month in 0..BOOKINGS {
        assert!(matches!(books_write::commit(&db, 1, &entry(month), 1_000), Ok(Committed::Done(_))));
    }
    let sum = |what: StatementStatus| STATEMENTS.iter().map(|sql| counted(&db, sql, what)).sum::<i32>();
    assert_eq!(sum(StatementStatus::RePrepare), 0, "none is prepared anew");
    assert!(
        sum(StatementStatus::FullscanStep) <= i32::from(BOOKINGS),
        "only sqlite_sequence has no index, and two rows"
    );
    for sql in STATEMENTS {
        assert_eq!(counted(&db, sql, StatementStatus::Run), i32::from(BOOKINGS), "{sql}");
    }
    let steps = sum(StatementStatus::VmStep) / i32::from(BOOKINGS);
    assert!(steps <= STEPS_MAX, "a booking took {steps} steps");
    db.flush_prepared_statement_cache();
}

const STEPS_MAX: i32 = 460;

#[tokio::test]
async fn a_booking_writes_each_page_once_and_those_that_wait_share_them() {
    let held = held();
    let books = |months: std::ops::Range<u16>| {
        let store = &held.store;
        months.map(move |month| async move { store.commit(&entry(month)).await.unwrap() })
    };
    assert!(held.release(books(0..16)).await.iter().all(|one| matches!(one, Committed::Done(_))));
    let together = frames(&held.path());
    assert_eq!(together.len(), 1, "one commit");
    for one in books(16..32) {
        assert!(matches!(one.await, Committed::Done(_)));
    }
    let alone = &frames(&held.path())[1..];
    assert_eq!(alone.len(), 16, "a commit each");
    let pages = alone.iter().sum::<usize>();
    assert!(together[0] <= 40 && pages <= 16 * 16, "{} pages together, {pages} one by one", together[0]);
}
