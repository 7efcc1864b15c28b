//! The dispatcher's side of the outbox: route, claim, settle. No transaction is open between two of these calls.

use super::{clock::ms_until, error::StoreResult};
use crate::domain::{
    outbox::{Claim, Claimed, Settle, Settled},
    route::Routes,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// What routing did with rows whose `Destination` was `''`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Routed {
    /// Rows that got their first destination.
    pub routed: u32,
    /// Rows inserted for further destinations.
    pub siblings: u32,
    /// Rows whose event type goes to no destination.
    pub discarded: u32,
    /// Rows whose id was routed before, and which are dead now.
    pub duplicates: u32,
}

/// What waits, from the one statement that an idle dispatcher runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waiting {
    /// `route` has something to do.
    pub unrouted: bool,
    /// Destinations with due rows.
    pub due: Vec<Due>,
    /// Overdue rows that another program's transaction locks; `due` does not count them.
    pub held: u32,
}

/// A claim dead-letters at most this many rows with expired leases. Each of them was claimed alone, so there are few;
/// the bound keeps the transaction short in any case.
pub const EXPIRED_ROWS_MAX: u32 = 500;

/// Locked rows are counted up to this number.
pub const HELD_ROWS_MAX: u32 = 100;

/// The report of rows that another program's transaction locks. `holders`: the transactions, as the store names them.
#[must_use]
pub fn held_by(rows: u32, holders: &[String]) -> String {
    let rows = if rows >= HELD_ROWS_MAX { format!("{HELD_ROWS_MAX} or more") } else { rows.to_string() };
    format!("{rows} overdue row(s) are locked by {}", named(holders))
}

/// The holders as `held_by` names them.
#[must_use]
pub fn named(holders: &[String]) -> String {
    let ended = || "a session that has ended since".to_owned();
    if holders.is_empty() { ended() } else { format!("{}: its commit or rollback releases them", holders.join("; ")) }
}

/// What waits for one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// As stored; another program's insert may name an invalid destination.
    pub destination: String,
    /// Rows that are pending and due, or leased and expired, whether or not they can be claimed yet. At least 1.
    /// A store may end the count, so that a large backlog costs no more than a small one.
    pub rows: u64,
    /// How many suspects are due; counted in the same way.
    pub suspects: u64,
    /// An operator paused the destination.
    pub paused: bool,
    /// The breaker's state, by the database's clock.
    pub breaker: Breaker,
}

/// The state of a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    /// Sending is allowed.
    Closed,
    /// No attempt is made.
    Open {
        /// For this long.
        for_ms: i64,
    },
    /// Open, but its time is over: one probe is allowed.
    ProbeDue,
}

impl Breaker {
    /// The state, from the stored end and the database's time.
    #[must_use]
    pub fn at(open_until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Self {
        match open_until {
            None => Self::Closed,
            Some(until) if until <= now => Self::ProbeDue,
            Some(until) => Self::Open { for_ms: ms_until(until, now) },
        }
    }
}

/// The outbox's tables.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Inserts missing `Destinations` rows.
    async fn ensure_destinations(&self, names: &[String]) -> StoreResult<()>;

    /// Routes up to `rows_max` rows with Destination '' by Seq, in one transaction, and only the oldest row of each
    /// key. A row that another program's transaction locks is skipped, and later rows of its key wait with it. The
    /// first destination is set on the row itself, and a sibling is inserted for each further one, in order. A row
    /// whose Id was routed before becomes dead ("duplicate id"). Rows of event types without a route wait and do not
    /// count towards `rows_max`.
    async fn route(&self, routes: &Routes, rows_max: u32) -> StoreResult<Routed>;

    /// What is due. Includes destinations that rows name but `Destinations` lacks, and inserts those.
    async fn waiting(&self, routes: &Routes) -> StoreResult<Waiting>;

    /// The transactions that lock rows, one text each; where they cannot be seen, the permission that is missing.
    async fn holders(&self) -> Vec<String>;

    /// One round trip: dead-letters rows with an expired lease and Claims ≥ 2 + `claims_max`, then leases the due
    /// heads. Only the oldest unfinished row of a (destination, key) is a head; unrouted rows count as earlier. Leases
    /// nothing while the destination is paused, or its breaker is open and the token does not hold its probe. An empty
    /// result is valid under contention: try again later.
    async fn claim(&self, claim: &Claim) -> StoreResult<Claimed>;

    /// One round trip, in the order of `settle.rows`; `LastAcceptedOnUtc` and the breaker change with it. Safe to
    /// repeat: a settle already applied returns `Applied` again. `Locked`: another program's transaction locks some
    /// row, and the others are settled.
    async fn settle(&self, settle: &Settle) -> StoreResult<Vec<Settled>>;

    /// Rows with an invalid destination (another program mistyped `queue:…`): pending ones become dead with the reason.
    /// Returns how many.
    async fn dead_letter(&self, destination: &str, reason: &str, rows_max: u32) -> StoreResult<u32>;
}
