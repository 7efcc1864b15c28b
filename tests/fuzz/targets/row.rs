//! An outbox row of another program: its id, event type, ordering key, content type, headers and payload, between NUL bytes.
//!
//! It is sent as it is, or dead with a reason; the rows beside it and behind it are sent.

use super::{on, parts};
use crate::support::world::World;
use client_organizer::domain::{
    message::{CLOUD_EVENT, MessageLimits},
    timing::{NOT_BEFORE, TIME_TO_LIVE},
};
use rusqlite::{Connection, params};
use std::{borrow::Cow, cell::RefCell};

thread_local! {
    static KEPT: RefCell<Option<super::Kept<(World, Connection)>>> = const { RefCell::new(None) };
}

const INSERT: &str = "INSERT INTO OutboxMessages (Id, EventType, OrderingKey, ContentType, Headers, Payload) VALUES
    (CAST(?1 AS TEXT), CAST(?2 AS TEXT), CAST(?3 AS TEXT), CAST(?4 AS TEXT), CAST(?5 AS TEXT), CAST(?6 AS TEXT))";

pub(super) fn run(input: &[u8]) {
    let [id, event_type, key, content_type, headers, payload] = parts(input);
    if [b"beside".as_slice(), b"behind"].contains(&id) {
        return;
    }
    on(&KEPT, stage, async |(world, store)| {
        store.execute_batch("DELETE FROM OutboxMessages; DELETE FROM InboxMessages").unwrap();
        world.bus.log.lock().unwrap().clear();
        let key = (!key.is_empty()).then_some(key);
        // What the table's own checks refuse was never written.
        if store.execute(INSERT, params![id, event_type, key, content_type, headers, payload]).is_err() {
            return;
        }
        let neighbour = |id: &str, key: Option<&[u8]>| {
            store.execute(INSERT, params![id.as_bytes(), b"Plain", key, b"application/json", b"{}", b"{}"]).unwrap();
        };
        neighbour("beside", None);
        neighbour("behind", key);
        for _ in 0..2 {
            let report = world.run_dispatch().await;
            assert!(report.lost_leases == 0 && !report.out_of_time, "{report:?}");
        }
        check(world, store, id).await;
    });
}

async fn stage() -> (World, Connection) {
    let world = World::new();
    let store = Connection::open(&world.backend.options.path).unwrap();
    store.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    (world, store)
}

/// A lone surrogate that is escaped elsewhere is JSON, and for its reader to judge.
#[derive(serde::Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

const PENDING: i64 = 0;
const SENT: i64 = 2;
const DEAD: i64 = 3;
const DISCARDED: i64 = 4;

async fn check(world: &World, store: &Connection, id: &[u8]) {
    let state_of = |id: &[u8]| -> (i64, String, Option<Vec<u8>>) {
        let sql = "SELECT State, Destination, CAST(LastError AS BLOB) FROM OutboxMessages WHERE CAST(Id AS BLOB) = ?1 ORDER BY Seq";
        store.query_row(sql, [id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
    };
    let (state, destination, error) = state_of(id);
    assert_eq!(state_of(b"beside").0, SENT);
    let (behind, _, why) = state_of(b"behind");
    let why = String::from_utf8_lossy(&why.unwrap_or_default()).into_owned();
    // A row that waits for a route holds those of its key; a key that can never be sent is so for each of its rows.
    let of_key = behind == DEAD && why.contains("ordering key");
    assert!(behind == SENT || of_key || (state == PENDING && destination.is_empty()), "{behind}: {why}");
    let log = world.bus.log.lock().unwrap().clone();
    let sent: Vec<_> = log.iter().filter(|(_, message, _)| message.id.as_str().as_bytes() == id).collect();
    match state {
        SENT => {
            let [(_, message, _)] = sent.as_slice() else { panic!("{} copies", sent.len()) };
            let reserved =
                |name: &String| [TIME_TO_LIVE, NOT_BEFORE].iter().any(|ours| ours.eq_ignore_ascii_case(name));
            assert!(!message.headers.0.keys().any(reserved), "{:?}", message.headers);
            MessageLimits::default().check(&message.body, &message.headers, message.ordering_key.as_deref()).unwrap();
            if message.content_type == CLOUD_EVENT {
                let event: Event<'_> = serde_json::from_str(std::str::from_utf8(&message.body).unwrap()).unwrap();
                assert_eq!(event.id, message.id.as_str());
            }
        }
        DEAD => {
            let error = String::from_utf8(error.unwrap()).unwrap();
            assert!(!error.is_empty() && error.chars().count() <= 2_000, "{error}");
            assert!(sent.is_empty());
        }
        PENDING => assert!(destination.is_empty() && sent.is_empty(), "only one without a route waits"),
        DISCARDED => assert!(sent.is_empty()),
        other => panic!("state {other}"),
    }
    for report in world.deliver_from(0).await {
        assert_ne!(report.name(), "notStored");
    }
}
