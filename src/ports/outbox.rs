//! The dispatcher's side of the outbox: route, claim, settle. No transaction is open between two of these calls.

use super::{clock::ms_until, error::StoreResult};
use crate::domain::{
    outbox::{Claim, Claimed, Settle, Settled},
    route::Routes,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// What routing did with rows whose Destination was ''.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Routed {
    /// Rows that got their first destination.
    pub routed: u32,
    /// Rows inserted for further destinations.
    pub siblings: u32,
    /// Rows whose event type goes to nobody.
    pub discarded: u32,
    /// Rows whose id was routed before.
    pub duplicates: u32,
}

/// What waits, from the one statement that an idle dispatcher asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waiting {
    /// There is a row that `route` would do something about.
    pub unrouted: bool,
    pub due: Vec<Due>,
    /// Rows that should have gone a while ago, and that another program's transaction holds; none of `due`.
    pub held: u32,
}

/// A claim sets at most so many expired leases dead. Each of them was claimed alone, so there are few; a bound on the
/// transaction all the same.
pub const EXPIRED_ROWS_MAX: u32 = 500;

/// Held rows are counted so far.
pub const HELD_ROWS_MAX: u32 = 100;

/// What a person is told of rows that another program's transaction holds. `holders` as the store names them.
#[must_use]
pub fn held_by(rows: u32, holders: &[String]) -> String {
    let rows = if rows >= HELD_ROWS_MAX { format!("{HELD_ROWS_MAX} or more") } else { rows.to_string() };
    format!("{rows} row(s) that should have gone are locked by {}", named(holders))
}

/// For the same person.
#[must_use]
pub fn named(holders: &[String]) -> String {
    let ended = || "a session that has ended meanwhile".to_owned();
    if holders.is_empty() { ended() } else { format!("{}: its commit or rollback lets them go", holders.join("; ")) }
}

/// What waits for one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// As stored; a program's own insert may name what is no destination.
    pub destination: String,
    /// Rows pending and due, or leased and expired; heads or not. At least 1.
    pub rows: u64,
    pub suspects: u64,
    pub paused: bool,
    /// The breaker's state, by the database's clock.
    pub breaker: Breaker,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    Closed,
    /// Not to be tried for so long.
    Open {
        for_ms: i64,
    },
    /// Open, but its time is up: one probe may go.
    ProbeDue,
}

impl Breaker {
    /// As its stored end reads at this time of the database's.
    #[must_use]
    pub fn at(open_until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Self {
        match open_until {
            None => Self::Closed,
            Some(until) if until <= now => Self::ProbeDue,
            Some(until) => Self::Open { for_ms: ms_until(until, now) },
        }
    }
}

#[async_trait]
pub trait Outbox: Send + Sync {
    /// Inserts missing `Destinations` rows.
    async fn ensure_destinations(&self, names: &[String]) -> StoreResult<()>;

    /// Routes up to `rows_max` rows with Destination '' by Seq, in one transaction, of each key only the oldest. One that
    /// another program's transaction holds is passed over, and what is behind it in its key waits with it. First
    /// destination set on the row, siblings inserted for the others in that order. A row whose Id was routed before
    /// is dead ("duplicate id"). Event types without a route wait and do not count against `rows_max`.
    async fn route(&self, routes: &Routes, rows_max: u32) -> StoreResult<Routed>;

    /// Also lists destinations named by rows but missing from `Destinations` (and inserts those).
    async fn waiting(&self, routes: &Routes) -> StoreResult<Waiting>;

    /// Whose transactions hold rows, one text each; where that cannot be seen, what right is missing.
    async fn holders(&self) -> Vec<String>;

    /// One round trip: sets expired leases with Claims ≥ 2 + `claims_max` dead, then leases the due heads. Only the
    /// oldest unfinished row of a (destination, key) is a head; unrouted rows count as earlier. Nothing while the
    /// destination is paused, or its breaker open and the token does not hold its probe.
    /// Empty is a legal answer under contention: ask again later.
    async fn claim(&self, claim: &Claim) -> StoreResult<Claimed>;

    /// One round trip, in the order of `settle.rows`; `LastAcceptedOnUtc` and the breaker change go with it.
    /// Safe to repeat: a settle already applied answers `Applied` again. `Locked`: some row is held by another program's
    /// transaction, and the others are settled.
    async fn settle(&self, settle: &Settle) -> StoreResult<Vec<Settled>>;

    /// Rows of a destination that can be none (`queue:`… was mistyped by another program): pending ones go dead with
    /// the reason. Answers how many.
    async fn dead_letter(&self, destination: &str, reason: &str, rows_max: u32) -> StoreResult<u32>;
}
