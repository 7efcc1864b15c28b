//! The function Health: the last known state of the parts. Nothing is queried, so it answers when nothing else does.

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
    /// `database`, `bus` and `mail`; a part this process has not met yet is absent.
    #[schema(value_type = BTreeMap<String, PartReply>)]
    parts: BTreeMap<Part, PartReply>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Part)]
struct PartReply {
    ok: bool,
    /// Since when it has been so.
    #[schema(value_type = String, format = "date-time")]
    since: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[utoipa::path(
    get, path = "/api/health", tag = "about", operation_id = "health",
    summary = "The last known state of the parts; nothing is queried",
    description = "A part is `ok` until this process meets a failure of it, and again when it next answers.",
    security(()),
    responses(
        (status = 200, description = "`ok`, or `degraded` by the bus or the mail: the API works", body = HealthReply),
        (status = 503, description = "`degraded`: the database failed when it was last met", body = HealthReply),
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
    // What watches us by the code alone is to hear of it where nothing can be booked, and not where mails wait.
    let without_books = parts.get(&Part::Database).is_some_and(|part| !part.ok);
    let code = if without_books { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    reply::json(code, &HealthReply { status, version, parts })
}
