//! The function Health: the last known state of the parts. It queries nothing, so it always answers.

use super::{
    openapi::RefusedUnread,
    reply::{self, Reply},
};
use crate::flows::health::{Health, Part};
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
    /// `database`, `bus` and `mail`; a part that this process has not used yet is absent.
    #[schema(value_type = BTreeMap<String, PartReply>)]
    parts: BTreeMap<Part, PartReply>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Part)]
struct PartReply {
    ok: bool,
    /// When this state began.
    #[schema(value_type = String, format = "date-time")]
    since: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[utoipa::path(
    get, path = "/api/health", tag = "about", operation_id = "health",
    summary = "The last known state of the parts; nothing is queried",
    description = "A part is `ok` until this process sees it fail, and again when it next answers.",
    security(()),
    responses(
        (status = 200, description = "`ok`, or `degraded` because the bus or the mail fails: the API works", body = HealthReply),
        (status = 503, description = "`degraded`: the database failed when it was last used", body = HealthReply),
        RefusedUnread
    )
)]
pub(super) fn health(health: &Health, version: &'static str) -> Reply {
    let parts: BTreeMap<Part, PartReply> = health
        .snapshot()
        .into_iter()
        .map(|(part, part_health)| {
            (part, PartReply { ok: part_health.ok, since: part_health.since, reason: part_health.reason })
        })
        .collect();
    let status = if parts.values().all(|part| part.ok) { "ok" } else { "degraded" };
    // A probe that reads the status code alone must see a failure when nothing can be booked, not when mails wait.
    let without_books = parts.get(&Part::Database).is_some_and(|part| !part.ok);
    let code = if without_books { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    reply::json(code, &HealthReply { status, version, parts })
}
