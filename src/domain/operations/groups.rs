//! Failure groups: rows and mails whose failures are alike.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which groups a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GroupFilter {
    /// A destination or mail provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 1000)]
    pub name: Option<String>,
}

/// Rows or mails whose failures are alike: same class, same destination, and the same text but for ids, numbers and
/// addresses. Only groups that some row or mail is in now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailureGroup {
    /// Its name: a hash of class, destination and text.
    pub fingerprint: String,
    /// `queue:…`, `topic:…` or `mail:…`.
    pub name: String,
    /// How it failed: an outcome of the bus (`refused`, `permanent`, `unknown`, `cut`, `blocked`), or a state of a mail
    /// (`parked`, `refused`, `in-doubt`).
    pub class: String,
    /// The error without ids, numbers and addresses.
    pub error: String,
    /// Rows or mails in the group now, that wait by themselves.
    pub waiting: u64,
    /// Rows or mails in the group now, that wait for a person: dead, refused or held.
    pub set_aside: u64,
    /// When it was first seen.
    pub first_seen_on: DateTime<Utc>,
    /// When it was last seen.
    pub last_seen_on: DateTime<Utc>,
    /// The message that failed so last.
    pub sample_id: String,
}
