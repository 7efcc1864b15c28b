//! `/api/clients/{id}/finance/{year}/{month}/reminders`: reminds a client that a month's taxes are due.

use super::{
    body,
    field_reader::{Fields, text},
    openapi::{WriteHeaders, WriteProblems},
    problem::Problem,
    reply::Reply,
    request::Request,
    wire::{MonthPath, RecordReply},
    write::write,
};
use crate::{
    domain::{booking::Command, events::DueDate, ids::ClientId, json_schema, period::Period},
    flows::book::BookContext,
};
use std::sync::Arc;
use utoipa::ToSchema;

/// When the month's taxes are to be paid.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PaymentReminderDraft, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents the body, which is read field by field")]
pub(super) struct ReminderBody {
    /// From the month's first day to five years after its last.
    #[schema(schema_with = json_schema::date)]
    due_date: String,
}

#[utoipa::path(
    post, path = "/api/clients/{id}/finance/{year}/{month}/reminders", tag = "finance", operation_id = "createReminder",
    summary = "Reminds the client that a booked month's taxes are due",
    description = "Enqueues a message with the month's booked figures; the books do not change. Each call sends one reminder: repeat \
                   it with the same Idempotency-Key.",
    params(
        MonthPath,
        WriteHeaders,
    ),
    request_body = ReminderBody,
    responses(
        (status = 202, description = "Enqueued: the record with the figures in the reminder", body = RecordReply, headers(
            ("ETag" = String, description = "Its version, for If-Match"),
            ("Outbox-Message-Id" = String, description = "Id of the message, if the office sends reminders"),
            ("Idempotency-Replayed" = String, description = "`true` if this is the answer to an earlier request with the key"),
        )),
        WriteProblems
    )
)]
pub(super) async fn create_reminder(
    context: &BookContext,
    request: &Request,
    id: ClientId,
    period: Period,
) -> Result<Reply, Problem> {
    let mut fields = Fields::of_body(body::json_text(request)?)?;
    let due_date = fields.required("dueDate", |token| DueDate::parse(&text(token)?, period));
    let due_date = fields.finish(due_date)?;
    write(context, request, Command::Enqueue(id, period, Arc::new(due_date))).await
}
