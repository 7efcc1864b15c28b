//! The record of what operators did.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which entries a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditFilter {
    /// What was done to this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 1000)]
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
