//! Mails in the inbox: how they are found, and one line of a list.

use crate::domain::delivery::MailState;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which mails a list shows; every condition that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MailFilter {
    /// The message id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 1000)]
    #[schema(nullable = false, min_length = 1, max_length = 1000)]
    pub id: Option<String>,
    /// The client's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    #[schema(nullable = false, minimum = 1)]
    pub client: Option<i64>,
    /// The keyed hash of the recipient's address, which the flow makes of the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(ignore)]
    #[schema(ignore)]
    pub recipient_hash: Option<String>,
    /// The state. None: those that are not sent, unless another condition is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub state: Option<MailState>,
    /// The error's fingerprint: the mails of a failure group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 1000)]
    #[schema(nullable = false, min_length = 1, max_length = 1000)]
    pub fingerprint: Option<String>,
}

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailLine {
    /// The message id.
    pub message_id: String,
    /// The client, `clients/<number>`. Absent: unknown or erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The state.
    pub state: MailState,
    /// When it is tried again. Absent: never by itself; a mail in doubt without it is held for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<DateTime<Utc>>,
    /// How often it was leased, for sending or for a status query.
    pub attempts: i64,
    /// Attempts without a known outcome: each may have been sent.
    pub doubts: i64,
    /// How often the queue delivered it.
    pub deliveries: i64,
    /// The provider that took it, `mail:<name>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The provider's reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The last failure, without addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The failure group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// When it was first delivered.
    pub received_on: DateTime<Utc>,
    /// When it was sent or refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_on: Option<DateTime<Utc>>,
}
