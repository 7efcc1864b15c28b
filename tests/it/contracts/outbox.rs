//! The outbox contract, by theme, with the helpers its tests share.

mod leases;
mod history;
mod killer;
mod late;
mod order;
mod routing;
mod other_programs;

use crate::support::backend::Backend;
use client_organizer::{
    domain::{
        ids::LeaseToken,
        outbox::{BreakerChange, Claim, ClaimMode, Claimed, LastOutcome, Settle, Settled, Settlement},
        route::{Destination, Routes},
    },
    ports::outbox::{Due, Outbox},
};

pub(super) const MAILS: &str = "queue:mails";
pub(super) const AUDIT: &str = "topic:audit";
/// Long, because real time passes too: much of it on a busy machine with a database behind a network.
pub(super) const LEASE_MS: i64 = 3_600_000;
pub(super) const CLAIMS_MAX: u32 = 3;
pub(super) const BATCH: ClaimMode = ClaimMode::Batch { rows_max: 100, bytes_max: 1_000_000 };

pub(super) fn to(destination: &str) -> Destination {
    Destination::parse(destination).unwrap()
}

/// Inserts rows with these ids, in this order, for one destination and one key (or none).
pub(super) fn enqueue(backend: &impl Backend, destination: &str, key: Option<&str>, ids: &[&str]) {
    let key = key.map_or("NULL".to_owned(), |key| format!("'{key}'"));
    let rows: Vec<_> = ids.iter().map(|id| format!("('{id}', 'Happened', '{destination}', {key}, '{{}}')")).collect();
    let columns = "(Id, EventType, Destination, OrderingKey, Payload)";
    backend.execute(&format!("INSERT INTO OutboxMessages {columns} VALUES {}", rows.join(", ")));
}

pub(super) fn column(backend: &impl Backend, id: &str, column: &str) -> Option<String> {
    backend.query(&format!("SELECT {column} FROM OutboxMessages WHERE Id = '{id}'"))
}

/// State, RetryCount and Claims.
pub(super) fn counts(backend: &impl Backend, id: &str) -> [i64; 3] {
    ["State", "RetryCount", "Claims"].map(|name| column(backend, id, name).unwrap().parse().unwrap())
}

pub(super) fn number(backend: &impl Backend, sql: &str) -> i64 {
    backend.query(sql).unwrap().parse().unwrap()
}

pub(super) async fn claim_at(outbox: &dyn Outbox, at: &str, token: LeaseToken, mode: ClaimMode) -> Claimed {
    let claim = Claim { destination: to(at), mode, token, lease_ms: LEASE_MS, claims_max: CLAIMS_MAX };
    outbox.claim(&claim).await.unwrap()
}

/// A claim with a token of its own.
pub(super) async fn claim(backend: &impl Backend, mode: ClaimMode) -> (LeaseToken, Claimed) {
    let token = LeaseToken::fresh();
    (token, claim_at(&*backend.outbox(), MAILS, token, mode).await)
}

pub(super) fn ids(claimed: &Claimed) -> Vec<&str> {
    claimed.rows.iter().map(|row| row.id.as_str()).collect()
}

pub(super) async fn settle_with(
    backend: &impl Backend,
    token: LeaseToken,
    rows: &[(i64, Settlement)],
    breaker: BreakerChange,
) -> Vec<Settled> {
    let settle = Settle { destination: to(MAILS), token, rows: rows.to_vec(), breaker };
    backend.outbox().settle(&settle).await.unwrap()
}

/// Settles all rows of a claim alike.
pub(super) async fn settle(
    backend: &impl Backend,
    token: LeaseToken,
    claimed: &Claimed,
    settlement: Settlement,
) -> Vec<Settled> {
    let rows: Vec<_> = claimed.rows.iter().map(|row| (row.seq, settlement.clone())).collect();
    settle_with(backend, token, &rows, BreakerChange::Leave).await
}

pub(super) fn retry(delay_ms: i64) -> Settlement {
    Settlement::Retry { delay_ms, outcome: LastOutcome::Refused, error: "not now".to_owned(), suspect: false }
}

/// Released without an attempt.
pub(super) fn release(delay_ms: i64) -> Settlement {
    Settlement::Release { delay_ms, outcome: None, error: None, suspect: false }
}

pub(super) fn dead() -> Settlement {
    Settlement::Dead { outcome: LastOutcome::Permanent, error: "never".to_owned(), count_retry: true }
}

pub(super) fn open(for_ms: i64) -> BreakerChange {
    BreakerChange::Open { for_ms, reason: "503".to_owned() }
}

/// Everything that is due, without regard to rows that are not routed yet.
pub(super) async fn all_due(backend: &impl Backend) -> Vec<Due> {
    backend.outbox().waiting(&Routes::default()).await.unwrap().due
}

pub(super) async fn due(backend: &impl Backend, destination: &str) -> Option<Due> {
    all_due(backend).await.into_iter().find(|due| due.destination == destination)
}

pub(super) fn routes(pairs: &[(&str, &[&str])]) -> Routes {
    let of = |names: &[&str]| names.iter().map(|name| to(name)).collect();
    Routes(pairs.iter().map(|(event, names)| ((*event).to_owned(), of(names))).collect())
}
