//! The function Health: the last known state of the parts. Nothing is queried, so it answers when nothing else does.

use super::reply::{self, Reply};
use crate::flows::vitals::{Part, Vitals};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use warp::http::StatusCode;

#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub(super) struct HealthReply {
    /// `ok` while no part is known to fail, else `degraded`.
    #[schema(pattern = "^(ok|degraded)$", example = "ok")]
    status: &'static str,
    version: &'static str,
    /// `database`, `bus` and `mail`; a part this process has not met yet is absent.
    #[schema(value_type = BTreeMap<String, PartReply>)]
    parts: BTreeMap<Part, PartReply>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Part)]
struct PartReply {
    ok: bool,
    /// When it was last met.
    #[schema(value_type = String, format = "date-time")]
    since: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[utoipa::path(
    get, path = "/api/health", tag = "about", operation_id = "health",
    summary = "The last known state of the parts; nothing is queried",
    security(()),
    responses((status = 200, description = "`ok` or `degraded`", body = HealthReply))
)]
pub(super) fn health(vitals: &Vitals, version: &'static str) -> Reply {
    let parts: BTreeMap<Part, PartReply> = vitals
        .snapshot()
        .into_iter()
        .map(|(part, vital)| (part, PartReply { ok: vital.ok, since: vital.since, reason: vital.reason }))
        .collect();
    let status = if parts.values().all(|part| part.ok) { "ok" } else { "degraded" };
    reply::json(StatusCode::OK, &HealthReply { status, version, parts })
}
