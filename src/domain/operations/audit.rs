//! The record of what operators did.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which entries a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuditFilter {
    /// What was done to this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}

/// What an operator did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Its number.
    pub id: i64,
    /// When.
    pub on: DateTime<Utc>,
    /// Who.
    pub by: String,
    /// What: `requeue`, `discard`, `replay`, `pause`, `reveal`, …
    pub action: String,
    /// To what: a message, a selection, a destination.
    pub target: String,
    /// Why.
    pub reason: String,
    /// How many rows or mails it changed.
    pub rows: i64,
}
