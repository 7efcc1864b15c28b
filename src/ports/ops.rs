//! What waits and why, by `Seq` and by state.

use super::error::StoreResult;
use crate::domain::{
    delivery::MailState,
    outbox::{LastOutcome, RowState},
    rate_limit,
    recipient::RecipientHash,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Serialize;

/// What waits in outbox and inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Destinations and mail providers.
    pub destinations: Vec<DestinationStatus>,
    /// Event types without a route: their rows wait.
    pub unrouted: Vec<UnroutedStatus>,
    /// SendEmail's inbox rows by state.
    pub mail: Vec<MailCount>,
    /// Outbox rows that another program's transaction locks, and which program. None: none are locked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stalled: Option<String>,
    /// The database's schema version.
    pub schema_version: u32,
}

/// Pending rows of one event type that have no destination yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRouted {
    /// The event type.
    pub event_type: String,
    /// How many rows.
    pub rows: u64,
    /// When the oldest is due.
    pub oldest_due_at: DateTime<Utc>,
}

impl Status {
    /// Adds pending rows without a destination. Rows whose type has a route only wait for the next dispatch and are
    /// counted as the destination `''`, so that a dispatcher that never runs is noticed; the others are unrouted.
    pub fn count_not_routed(&mut self, rows: Vec<NotRouted>, routed_types: &[String], now: DateTime<Utc>) {
        let (mut pending, mut oldest_ms) = (0, None);
        for of_type in rows {
            if routed_types.contains(&of_type.event_type) {
                pending += of_type.rows;
                let age_ms = (now - of_type.oldest_due_at).num_milliseconds();
                oldest_ms = oldest_ms.max((age_ms >= 0).then_some(age_ms));
            } else {
                self.unrouted.push(UnroutedStatus { event_type: of_type.event_type, rows: of_type.rows });
            }
        }
        if let Some(waiting) = self.destinations.iter_mut().find(|one| one.name.is_empty()) {
            (waiting.pending, waiting.oldest_claimable_ms) = (pending, oldest_ms);
        }
        self.destinations.retain(|one| {
            let stands = !one.name.is_empty() || one.pending + one.leased + one.dead > 0;
            stands && !rate_limit::is_of_queries(&one.name)
        });
    }
}

/// What waits for a destination, or the state of a mail provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationStatus {
    /// `queue:…`, `topic:…`, `mail:…`, or empty for rows that wait for routing.
    pub name: String,
    /// Rows that wait.
    pub pending: u64,
    /// Rows that are being sent.
    pub leased: u64,
    /// Rows that wait for a person.
    pub dead: u64,
    /// The lag: age of the oldest row that could be claimed now if the breaker were closed and nothing paused. None:
    /// there is no such row.
    pub oldest_claimable_ms: Option<i64>,
    /// When an operator paused it. None: not paused.
    pub paused_on: Option<DateTime<Utc>>,
    /// Until when the breaker is open. None: closed.
    pub open_until: Option<DateTime<Utc>>,
    /// Why the breaker opened.
    pub breaker_reason: Option<String>,
    /// How often in a row it opened; 0 when closed.
    pub breaker_failures: u32,
    /// When the destination last accepted a message. None: never.
    pub last_accepted_on: Option<DateTime<Utc>>,
    /// Until when due mails wait for the mail provider's rate limit. None: none wait.
    pub rate_limited_until: Option<DateTime<Utc>>,
}

/// Rows of an event type without a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnroutedStatus {
    /// The event type.
    pub event_type: String,
    /// How many wait.
    pub rows: u64,
}

/// How many mails are in one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MailCount {
    /// The state.
    pub state: MailState,
    /// How many.
    pub rows: u64,
    /// How many of them are held until a person decides.
    pub held: u64,
}

/// An outbox row as operators see it. Times are the database's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboxRow {
    /// The row's number, in order of insertion.
    pub seq: i64,
    /// The message id.
    pub id: String,
    /// The event type.
    pub event_type: String,
    /// `queue:…`, `topic:…`, or empty: not routed.
    pub destination: String,
    /// The ordering key, if it has one.
    pub ordering_key: Option<String>,
    /// The state.
    pub state: RowState,
    /// When the event happened, by its writer's clock.
    pub occurred_on: DateTime<Utc>,
    /// When it may be sent; for a leased row, when the lease ends.
    pub due_at: DateTime<Utc>,
    /// Consecutive claims without a settle.
    pub claims: i64,
    /// Failures that counted against the message.
    pub retry_count: i64,
    /// The outcome of the last publish. None: never published.
    pub last_outcome: Option<LastOutcome>,
    /// The last failure.
    pub last_error: Option<String>,
    /// When the last publish ended. None: never published.
    pub last_attempt_on: Option<DateTime<Utc>>,
    /// When it was sent or discarded. None: it is pending, leased or dead.
    pub processed_on: Option<DateTime<Utc>>,
    /// The body, only from `show`: it contains personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
}

/// Which rows a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowFilter {
    /// Rows in this state. None: those that are not finished, and the dead.
    pub state: Option<RowState>,
    /// Rows to this destination. None: to any.
    pub destination: Option<String>,
    /// Rows of this type. None: of any.
    pub event_type: Option<String>,
    /// Rows with a greater `Seq`; 0: from the start.
    pub after: i64,
    /// Most rows.
    pub limit: u32,
}

/// The message that a person meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The message id as stored.
    pub id: String,
    /// The row's destination, if the person typed its `Seq`. None: all rows of the message.
    pub destination: Option<String>,
}

/// A mail as operators see it. Times are the database's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MailRow {
    /// The message id.
    pub message_id: String,
    /// The state.
    pub state: MailState,
    /// When it is tried again. None: never by itself; a mail in doubt without it is held for a person.
    pub due_at: Option<DateTime<Utc>>,
    /// How often it was leased, for sending or for a status query.
    pub attempts: i64,
    /// Attempts without a known outcome.
    pub doubts: i64,
    /// How often the queue delivered it.
    pub deliveries: i64,
    /// The last failure.
    pub last_error: Option<String>,
    /// When it was first delivered.
    pub received_on: DateTime<Utc>,
    /// When it was sent or refused. None: not finished.
    pub finished_on: Option<DateTime<Utc>>,
}

/// Reports by `Seq` and by state.
#[async_trait]
pub trait Ops: Send + Sync {
    /// What waits. `routed_types`: event types that have a route setting; others are listed as unrouted.
    async fn status(&self, routed_types: &[String]) -> StoreResult<Status>;
    /// The rows that match the filter, by `Seq`.
    async fn list(&self, filter: &RowFilter) -> StoreResult<Vec<OutboxRow>>;
    /// The message that a person means by an id in any case, or by a row's `Seq`. None: there is none.
    async fn find(&self, consumer: &str, text: &str) -> StoreResult<Option<Found>>;
    /// All rows of a message, one per destination, with payload.
    async fn show(&self, id: &str) -> StoreResult<Vec<OutboxRow>>;

    /// Mails, newest first, at most `limit`. `state` None: those that are not sent.
    async fn mail_list(&self, consumer: &str, state: Option<MailState>, limit: u32) -> StoreResult<Vec<MailRow>>;
    /// One mail. None: the inbox does not know it.
    async fn mail_show(&self, consumer: &str, id: &str) -> StoreResult<Option<MailRow>>;
    /// The mails to one recipient that are still stored, newest first.
    async fn mail_of(&self, consumer: &str, recipient: &RecipientHash, limit: u32) -> StoreResult<Vec<MailRow>>;
}
