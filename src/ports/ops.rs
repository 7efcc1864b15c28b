//! The operator's side: what waits and why, and remedies that are recorded with who and why.

use super::error::StoreResult;
use crate::domain::{
    delivery::{Delivery, MailState},
    duplicates::DuplicateWindows,
    outbox::{LastOutcome, RowState},
    rate_limit,
    recipient::{Addressee, RecipientHash},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Serialize;

/// Who does it, and why; stored in `OperatorActions` in the remedy's own transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub actor: String,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub destinations: Vec<DestinationStatus>,
    /// Event types that no route decides: their rows wait.
    pub unrouted: Vec<UnroutedStatus>,
    /// SendEmail's inbox rows by state.
    pub mail: Vec<MailCount>,
    /// Outbox rows that another program's transaction keeps from going, and whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stalled: Option<String>,
    pub schema_version: u32,
}

/// Pending rows of one event type that have no destination yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRouted {
    pub event_type: String,
    pub rows: u64,
    pub oldest_due_at: DateTime<Utc>,
}

impl Status {
    /// Rows whose type has a route only wait for the next dispatch and stand as the destination `''`, so that a
    /// dispatcher that never comes is seen; the others are unrouted.
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationStatus {
    pub name: String,
    pub pending: u64,
    pub leased: u64,
    pub dead: u64,
    /// Age of the oldest row that could be claimed now, were the breaker closed and nothing paused: the real lag.
    pub oldest_claimable_ms: Option<i64>,
    pub paused_on: Option<DateTime<Utc>>,
    pub open_until: Option<DateTime<Utc>>,
    pub breaker_reason: Option<String>,
    pub breaker_failures: u32,
    pub last_accepted_on: Option<DateTime<Utc>>,
    /// Of a mail provider: mails that are due wait until then for its pace.
    pub rate_limited_until: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnroutedStatus {
    pub event_type: String,
    pub rows: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MailCount {
    pub state: MailState,
    pub rows: u64,
    /// How many of them are held for a person.
    pub held: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboxRow {
    pub seq: i64,
    pub id: String,
    pub event_type: String,
    pub destination: String,
    pub ordering_key: Option<String>,
    pub state: RowState,
    pub occurred_on: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    pub claims: i64,
    pub retry_count: i64,
    pub last_outcome: Option<LastOutcome>,
    pub last_error: Option<String>,
    pub last_attempt_on: Option<DateTime<Utc>>,
    pub processed_on: Option<DateTime<Utc>>,
    /// Only of `show`: holds personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowFilter {
    /// None: those that are not finished, and the dead.
    pub state: Option<RowState>,
    pub destination: Option<String>,
    pub event_type: Option<String>,
    /// Rows with a greater Seq.
    pub after: i64,
    pub limit: u32,
}

/// Which rows a remedy means: one by id (of one destination, or of all it went to), or all dead ones of a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    Id { id: String, destination: Option<String> },
    AllDead { destination: String, rows_max: u32 },
}

impl Selection {
    /// As the statement takes it: an id, a destination, and how many rows of it where no id is given.
    #[must_use]
    pub fn parts(&self) -> (Option<String>, Option<String>, u32) {
        match self {
            Self::Id { id, destination } => (Some(id.clone()), destination.clone(), 0),
            Self::AllDead { destination, rows_max } => (None, Some(destination.clone()), *rows_max),
        }
    }
}

/// A message by what a person typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub id: String,
    /// Of the row, where it was meant by its Seq.
    pub destination: Option<String>,
}

/// One row's answer to a remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemedyRow {
    pub id: String,
    pub destination: String,
    pub done: bool,
    /// Of a forced replay: the new id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_id: Option<String>,
    /// Why it was not done, and what would help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequeueRules {
    /// Go on although a later row of the key was sent.
    pub out_of_order: bool,
    /// Inside its destination's window a row that may be stored there would vanish silently.
    pub windows: DuplicateWindows,
    /// The queue that SendEmail reads, as a destination: what its inbox knows is not mailed again.
    pub mail_queue: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRules {
    pub requeue: RequeueRules,
    /// A new row with a new id and `replayOf`: it does send again, whatever the window and the inbox say.
    pub force: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MailRow {
    pub message_id: String,
    pub state: MailState,
    /// None: nothing happens by itself. In doubt without a due time is held for a person.
    pub due_at: Option<DateTime<Utc>>,
    pub attempts: i64,
    pub doubts: i64,
    pub deliveries: i64,
    pub last_error: Option<String>,
    pub received_on: DateTime<Utc>,
    pub finished_on: Option<DateTime<Utc>>,
}

/// What became of a message that an operator had taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenIn {
    New,
    /// It was there, and is as it was.
    Known(MailState),
}

#[async_trait]
pub trait Ops: Send + Sync {
    /// `routed_types`: event types that have a route setting; others are listed as unrouted.
    async fn status(&self, routed_types: &[String]) -> StoreResult<Status>;
    async fn list(&self, filter: &RowFilter) -> StoreResult<Vec<OutboxRow>>;
    /// The message that a person means by an id in any casing, or by the Seq of a row. None: there is none.
    async fn find(&self, consumer: &str, text: &str) -> StoreResult<Option<Found>>;
    /// All rows of an id, one per destination, with payload.
    async fn show(&self, id: &str) -> StoreResult<Vec<OutboxRow>>;

    /// Dead rows go back to pending with RetryCount = Claims = 0; gives up on a row if another of its key is leased,
    /// a later one was sent (unless out of order), or the window would swallow it.
    async fn requeue(&self, what: &Selection, rules: RequeueRules, by: &Signature) -> StoreResult<Vec<RemedyRow>>;
    /// Sent rows go back to pending, likewise.
    async fn replay(&self, what: &Selection, rules: ReplayRules, by: &Signature) -> StoreResult<Vec<RemedyRow>>;
    /// Pending or dead rows are discarded; the followers of their key are due now.
    async fn discard(&self, what: &Selection, by: &Signature) -> StoreResult<Vec<RemedyRow>>;

    /// False: there is no such destination.
    async fn pause(&self, name: &str, by: &Signature) -> StoreResult<bool>;
    /// Ends the pause and closes the breaker. False: there is no such destination.
    async fn resume(&self, name: &str, by: &Signature) -> StoreResult<bool>;

    /// Newest first; without a state those that are not sent.
    async fn mail_list(&self, consumer: &str, state: Option<MailState>, limit: u32) -> StoreResult<Vec<MailRow>>;
    async fn mail_show(&self, consumer: &str, id: &str) -> StoreResult<Option<MailRow>>;
    /// The mails to one recipient, newest first, as long as they are remembered.
    async fn mail_of(&self, consumer: &str, recipient: &RecipientHash, limit: u32) -> StoreResult<Vec<MailRow>>;
    /// A refused or in-doubt mail goes back to accepted, due now. `Err` text: why not.
    async fn mail_resend(&self, consumer: &str, id: &str, by: &Signature) -> StoreResult<Result<(), String>>;
    /// Stores a message that never reached us: accepted, due now; or refused, for this reason. One we know is left alone.
    async fn mail_take_in(
        &self,
        consumer: &str,
        delivery: &Delivery,
        addressee: &Addressee,
        refused: Option<&str>,
        by: &Signature,
    ) -> StoreResult<TakenIn>;
    /// An in-doubt mail is taken as sent. `Err` text: why not.
    async fn mail_assume_sent(&self, consumer: &str, id: &str, by: &Signature) -> StoreResult<Result<(), String>>;
}
