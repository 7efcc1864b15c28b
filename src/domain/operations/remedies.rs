//! What an operator asks for, what a dry run shows, and what was done.

use super::{MailFilter, MessageFilter};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who acts and why; recorded in the action's own transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The operator.
    pub actor: String,
    /// The reason the operator gave.
    pub reason: String,
}

/// What a remedy does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Action {
    /// Dead rows are sent again, under the same id.
    Requeue {
        /// Even if a later row of the same key was sent already.
        #[serde(default)]
        out_of_order: bool,
    },
    /// Pending or dead rows are never sent.
    Discard,
    /// Sent rows are sent again.
    Replay {
        /// Even if a later row of the same key was sent already.
        #[serde(default)]
        out_of_order: bool,
        /// As a new message with a new id: the client is mailed again, since nothing recognises a repeat.
        #[serde(default)]
        force: bool,
    },
    /// Pending or dead rows get another destination; a dead one is requeued there.
    Route {
        /// `queue:<name>` or `topic:<name>`.
        to: String,
    },
    /// A refused mail or one in doubt is sent (again).
    ResendMail,
    /// A mail in doubt counts as sent.
    AssumeMailSent,
    /// Dead letters of the queue are stored in the inbox, and mailed from there.
    TakeIn,
}

/// Which rows, mails or dead letters an action is about: exactly one of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Selection {
    /// Messages by id (or Seq); at most 1,000. For mails and dead letters: MessageIds.
    Ids(Vec<String>),
    /// Rows that match.
    #[schema(value_type = Object)]
    Messages(MessageFilter),
    /// Mails that match.
    #[schema(value_type = Object)]
    Mails(MailFilter),
    /// A failure group.
    Group(String),
    /// All dead letters of the email queue.
    DeadLetters,
}

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemedyRequest {
    /// What to do.
    #[serde(flatten)]
    pub action: Action,
    /// To which rows.
    pub selection: Selection,
    /// Only the rows to this destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// Most rows, 1 to 10,000.
    pub limit: u32,
}

/// What a dry run found. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The run takes this token, once, until `expiresOn`. A repeat of the run answers the same report.
    pub token: String,
    /// Until when.
    pub expires_on: DateTime<Utc>,
    /// How many rows or mails the run will change, if none of them changes before.
    pub count: u64,
    /// How many it will leave, since the remedy does not fit them.
    pub refused: u64,
    /// More match than the limit allows.
    pub more: bool,
    /// Some of them, the ones that do not fit first.
    pub sample: Vec<PlannedRow>,
}

/// One row of a dry run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedRow {
    /// The message id.
    pub id: String,
    /// The destination, or the mail provider.
    pub destination: String,
    /// The state now.
    pub state: String,
    /// Why the remedy does not fit it, and what would help. Absent: it fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemedyReport {
    /// How many rows or mails were changed.
    pub done: u64,
    /// How many were left: changed since the dry run, or the remedy does not fit them. `done` and `left` are all of the
    /// dry run's.
    pub left: u64,
    /// The rows; those that were left first. At most 1,000.
    pub rows: Vec<RemedyRow>,
}

/// The result of a remedy for one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemedyRow {
    /// The message id.
    pub id: String,
    /// The row's destination, or the mail provider.
    pub destination: String,
    /// Whether the remedy was applied.
    pub done: bool,
    /// The new id, for a forced replay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_id: Option<String>,
    /// Why it was not applied, and what would help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

/// What happens to a destination or to mailing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PauseAction {
    /// Nothing is claimed from now on.
    Pause,
    /// As pause; the report counts the rows that are still being sent.
    Drain,
    /// Ends the pause and closes the breaker.
    Resume,
}

/// A pause, drain or resume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseRequest {
    /// What happens.
    pub action: PauseAction,
    /// A destination or mail provider. None: all destinations of the bus.
    pub name: Option<String>,
    /// It resumes by itself after this, in milliseconds. None: when a person resumes it.
    pub for_ms: Option<i64>,
}

/// What a pause, drain or resume did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PauseReport {
    /// The destinations or the provider. Those that were so already are named too.
    pub names: Vec<String>,
    /// How many of them changed.
    pub changed: u64,
    /// Rows or mails of these that are being sent now: 0, the drain is over.
    pub leased: u64,
}
