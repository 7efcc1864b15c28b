//! Messages: how they are found, one line of a list, and everything about one of them.

use super::MailLine;
use crate::domain::{
    delivery::MailState,
    outbox::{LastOutcome, RowState},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Which rows a list shows; every condition that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessageFilter {
    /// The message id, or a row's Seq.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 1000)]
    #[schema(nullable = false, min_length = 1, max_length = 1000)]
    pub id: Option<String>,
    /// The client's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    #[schema(nullable = false, minimum = 1)]
    pub client: Option<i64>,
    /// The event type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 1000)]
    #[schema(nullable = false, min_length = 1, max_length = 1000)]
    pub event_type: Option<String>,
    /// `queue:<name>` or `topic:<name>`; empty: not routed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^((queue|topic):[A-Za-z0-9]([A-Za-z0-9._/-]{0,258}[A-Za-z0-9])?)?$")]
    #[schema(nullable = false, pattern = "^((queue|topic):[A-Za-z0-9]([A-Za-z0-9._/-]{0,258}[A-Za-z0-9])?)?$")]
    pub destination: Option<String>,
    /// The state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub state: Option<RowState>,
    /// The ordering key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 1000)]
    #[schema(nullable = false, min_length = 1, max_length = 1000)]
    pub ordering_key: Option<String>,
    /// The error's fingerprint: the rows of a failure group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 1000)]
    #[schema(nullable = false, min_length = 1, max_length = 1000)]
    pub fingerprint: Option<String>,
    /// Events that happened at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub since: Option<DateTime<Utc>>,
    /// Events that happened before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub until: Option<DateTime<Utc>>,
}

/// An outbox row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageLine {
    /// The row's number, in order of insertion.
    pub seq: i64,
    /// The message id.
    pub id: String,
    /// The event type.
    pub event_type: String,
    /// `queue:<name>`, `topic:<name>`, or empty: not routed.
    pub destination: String,
    /// The ordering key, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordering_key: Option<String>,
    /// The client, `clients/<number>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
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
    /// The outcome of the last publish.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_outcome: Option<LastOutcome>,
    /// The last failure, without addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The failure group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// When the last publish ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_attempt_on: Option<DateTime<Utc>>,
    /// When it was sent or discarded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processed_on: Option<DateTime<Utc>>,
    /// The state of its mail, for a message that the inbox knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailState>,
}

/// Everything about one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The message id.
    pub id: String,
    /// Where it stands, in one sentence, its mail included.
    pub summary: String,
    /// Its rows, one per destination. Empty: only the inbox knows it.
    pub rows: Vec<MessageLine>,
    /// Its mail. Absent: none was delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailLine>,
    /// From the commit to the mail, oldest first.
    pub timeline: Vec<Event>,
    /// The media type of the payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The trace id, 32 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
    /// The payload. Absent: the outbox has no row of it any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Body>,
}

/// A payload as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    /// Its size.
    pub bytes: u64,
    /// Whether personal data is taken out of `text`.
    pub masked: bool,
    /// The payload; masked: its structure, with every value of `data` replaced. At most 262,144 characters.
    pub text: String,
}

/// Something that happened to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// When.
    pub on: DateTime<Utc>,
    /// What.
    pub kind: EventKind,
    /// Where to or by which provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// On which instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// How the publish ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<LastOutcome>,
    /// The error, the provider's reference, or what the operator did and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// The kinds of event in a timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// The row was written with the books.
    Committed,
    /// An attempt failed, and another follows.
    Failed,
    /// Put back untried.
    Released,
    /// Dead-lettered.
    Dead,
    /// The bus accepted it.
    Sent,
    /// Discarded.
    Discarded,
    /// The queue delivered it for the first time.
    Delivered,
    /// The mail waits and is sent later.
    MailParked,
    /// The provider took the mail.
    MailSent,
    /// The mail was refused.
    MailRefused,
    /// The mail may or may not have been sent.
    MailInDoubt,
    /// An operator acted.
    Action,
}

/// As many actions as a message's timeline shows, the last ones.
pub const ACTIONS_MAX: u32 = 200;

/// Stored headers as they are shown. Any program may have written them: what is not text is shown as JSON, and what is
/// no object under one name.
#[must_use]
pub fn headers_of(stored: &str) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match serde_json::from_str(stored) {
        Ok(Value::Object(headers)) => headers.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        _ => BTreeMap::from([("(not a JSON object)".to_owned(), stored.to_owned())]),
    }
}
