//! What an operator asks for, what a dry run shows, and what was done.

use super::{MailFilter, MessageFilter};
use crate::domain::{rate_limit, route::Destination};
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
        /// Even if a later row of the same key was sent already, or may have been.
        #[serde(default)]
        out_of_order: bool,
    },
    /// Pending or dead rows are never sent.
    Discard,
    /// Sent rows are sent again.
    Replay {
        /// Even if a later row of the same key was sent already, or may have been.
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
        /// Even if a later row of the same key was sent there already, or may have been.
        #[serde(default)]
        out_of_order: bool,
    },
    /// A refused mail or one in doubt is sent (again).
    ResendMail,
    /// A mail in doubt counts as sent.
    AssumeMailSent,
    /// Dead letters of the queue are stored in the inbox, and mailed from there.
    TakeIn,
}

impl Action {
    /// The name stored in `OperatorActions`.
    #[must_use]
    pub const fn recorded(&self) -> &'static str {
        match self {
            Self::Requeue { .. } => "requeue",
            Self::Discard => "discard",
            Self::Replay { force: false, .. } => "replay",
            Self::Replay { force: true, .. } => "replay --force",
            Self::Route { .. } => "route",
            Self::ResendMail => "mail resend",
            Self::AssumeMailSent => "mail assume-sent",
            Self::TakeIn => "take in",
        }
    }

    /// Whether an older row may be sent after a later one of its key.
    #[must_use]
    pub const fn out_of_order(&self) -> bool {
        match self {
            Self::Requeue { out_of_order } | Self::Replay { out_of_order, .. } | Self::Route { out_of_order, .. } => {
                *out_of_order
            }
            Self::Discard | Self::ResendMail | Self::AssumeMailSent | Self::TakeIn => false,
        }
    }
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

impl Selection {
    /// The selection in words, as the audit names it.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Ids(ids) => format!("{} id(s)", ids.len()),
            Self::Messages(filter) => format!("messages{}", conditions(filter)),
            // A recipient's hash is not shown: it would name the same person in every entry.
            Self::Mails(filter) if filter.recipient_hash.is_some() => "mails of one recipient".to_owned(),
            Self::Mails(filter) => format!("mails{}", conditions(filter)),
            Self::Group(fingerprint) => format!("failure group {fingerprint}"),
            Self::DeadLetters => "dead letters".to_owned(),
        }
    }
}

/// A filter as ` name=value …`, in the API's names.
fn conditions(filter: &impl Serialize) -> String {
    let fields = serde_json::to_value(filter).unwrap_or_default();
    let fields = fields.as_object().into_iter().flatten();
    fields.fold(String::new(), |words, (name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        words + " " + name + "=" + &value
    })
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

impl RemedyRequest {
    /// The messages that the audit names: those that were changed, and their copies.
    #[must_use]
    pub fn messages<'a>(done: &[&'a RemedyRow]) -> Vec<&'a str> {
        done.iter().flat_map(|row| [Some(row.id.as_str()), row.new_id.as_deref()]).flatten().collect()
    }

    /// What was changed, as the audit names it: one message by its id, several by the selection.
    #[must_use]
    pub fn target(&self, done: &[&RemedyRow]) -> String {
        let target = match (done, &self.action) {
            ([one], Action::Route { to, .. }) => format!("{} from {} to {to}", one.id, one.destination),
            ([one], Action::ResendMail | Action::AssumeMailSent | Action::TakeIn) => one.id.clone(),
            ([one], _) => match &one.new_id {
                Some(new) => format!("{} to {} as {new}", one.id, one.destination),
                None => format!("{} to {}", one.id, one.destination),
            },
            (_, action) => {
                let only = self.destination.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
                let to = if let Action::Route { to, .. } = action { format!(" to {to}") } else { String::new() };
                format!("{}{only}{to}", self.selection.words())
            }
        };
        target.chars().take(TARGET_CHARS_MAX).collect()
    }
}

/// As many characters, of two UTF-16 units each, as the audit's column takes.
const TARGET_CHARS_MAX: usize = 300;

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
    /// Why it was not applied, and what would help; of a dead letter that was taken in, why its mail is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

/// What happens to a destination or to mailing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PauseAction {
    /// Nothing is claimed from now on.
    Pause,
    /// As pause, but leaves a pause that is there as it is; the report counts the rows that are still being sent.
    Drain,
    /// Ends the pause and closes the breaker.
    Resume,
}

impl PauseAction {
    /// The name stored in `OperatorActions`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Drain => "drain",
            Self::Resume => "resume",
        }
    }
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

impl PauseRequest {
    /// Which of the names that the store knows it is about. None: not the one it names.
    #[must_use]
    pub fn names(&self, known: Vec<String>) -> Option<Vec<String>> {
        match &self.name {
            None => Some(known.into_iter().filter(|name| Destination::parse(name).is_ok()).collect()),
            // The limit on a provider's status queries is stored like a provider, but pausing it would do nothing.
            Some(name) if rate_limit::is_of_queries(name) => None,
            Some(name) => known.contains(name).then(|| vec![name.clone()]),
        }
    }

    /// What it is about, as the audit names it.
    #[must_use]
    pub fn target(&self) -> String {
        let name = self.name.as_deref().unwrap_or("all destinations");
        match (self.action, self.for_ms) {
            (PauseAction::Pause | PauseAction::Drain, Some(ms)) => format!("{name} for {} s", ms / 1_000),
            (PauseAction::Pause | PauseAction::Drain | PauseAction::Resume, _) => name.to_owned(),
        }
    }
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
