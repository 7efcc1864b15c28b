//! The overview: what waits, how long and why; what was done in the last minutes; whether the timers run.

use super::Attention;
use crate::domain::delivery::MailState;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// What waits, how long and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// The database's time.
    pub at: DateTime<Utc>,
    /// What needs a person, the most urgent first. Empty: all is well.
    pub attention: Vec<Attention>,
    /// The bus's destinations by name; an empty name stands for rows that wait for routing.
    pub destinations: Vec<DestinationLine>,
    /// Event types without a route: their rows wait until a setting `Routes__<EventType>` gives them one.
    pub unrouted: Vec<UnroutedLine>,
    /// The mails in the inbox.
    pub mails: MailLines,
    /// The last run of each timer function on each instance, for a day; each function's newest for good.
    pub heartbeats: Vec<Heartbeat>,
    /// What was settled in each of the last minutes, oldest first; minutes without any are left out.
    pub minutes: Vec<Minute>,
    /// Outbox rows that another program's transaction locks, and which program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stalled: Option<String>,
    /// The database's schema version.
    pub schema_version: u32,
}

/// What waits for a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DestinationLine {
    /// `queue:<name>`, `topic:<name>`, or empty: not routed yet.
    pub name: String,
    /// Rows that wait.
    pub pending: u64,
    /// Rows that are being sent. While paused they are still finished.
    pub leased: u64,
    /// Rows that wait for a person.
    pub dead: u64,
    /// The lag: age of the oldest row that could be claimed now if the breaker were closed and nothing paused, in
    /// milliseconds. Absent: there is no such row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_claimable_ms: Option<i64>,
    /// The operator's pause. Absent: not paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<PauseLine>,
    /// The open breaker. Absent: closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerLine>,
    /// When it last accepted a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_accepted_on: Option<DateTime<Utc>>,
}

/// Who paused a destination, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PauseLine {
    /// Since when.
    pub on: DateTime<Utc>,
    /// Until when. Absent: until it is resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// The operator. Absent: paused before this was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The operator's reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An open breaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BreakerLine {
    /// Since when. Absent: opened before this was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// When the next probe is due.
    pub next_probe_on: DateTime<Utc>,
    /// How often in a row it opened.
    pub failures: u32,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Rows of an event type without a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnroutedLine {
    /// The event type.
    pub event_type: String,
    /// How many rows wait.
    pub rows: u64,
}

/// The mails, and the provider that takes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailLines {
    /// The provider, `mail:<name>`.
    pub provider: String,
    /// Mails by state, but for those that are sent: `minutes` counts these.
    pub states: Vec<MailStateLine>,
    /// The age of the oldest parked mail since it was received, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_parked_ms: Option<i64>,
    /// The operator's pause. Absent: not paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<PauseLine>,
    /// The provider's open breaker. Absent: closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerLine>,
    /// What is left of the provider's rate limit. Empty: it has none.
    pub room: Vec<Room>,
    /// Until when due mails wait for the rate limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limited_until: Option<DateTime<Utc>>,
}

/// How many mails are in one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailStateLine {
    /// The state.
    pub state: MailState,
    /// How many.
    pub rows: u64,
    /// How many of them wait for a person: in doubt and not tried again, or refused within the last 4 days with their
    /// content still stored.
    pub held: u64,
}

/// What is left of one window of a rate limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    /// `minute` or `hour`.
    pub window: String,
    /// Most mails within it.
    pub limit: u32,
    /// How many more may go now.
    pub left: u32,
}

/// The last run of a timer function on one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat {
    /// The function, or `dispatch` for a dispatcher of its own.
    pub function: String,
    /// The instance.
    pub instance: String,
    /// When its last run ended.
    pub last_run_on: DateTime<Utc>,
    /// Milliseconds since then.
    pub age_ms: i64,
    /// By when the next run should have ended.
    pub next_by: DateTime<Utc>,
    /// No run has ended by then, on no instance: the function does not run.
    pub late: bool,
    /// Why the last run failed. Absent: it ended well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What one destination or mail provider settled in one minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Minute {
    /// Its beginning.
    pub minute: DateTime<Utc>,
    /// `queue:…`, `topic:…` or `mail:…`.
    pub name: String,
    /// Messages accepted by the bus, or mails by the provider.
    pub done: u64,
    /// Attempts that failed and are made again.
    pub failed: u64,
    /// Rows that became dead, or mails that were refused.
    pub given_up: u64,
    /// The median time from the commit to the bus's acceptance, or from the queue to the provider's, in milliseconds,
    /// at most a fifth too high. Absent: nothing was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<i64>,
    /// 95 of 100 took no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<i64>,
    /// 99 of 100 took no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<i64>,
}
