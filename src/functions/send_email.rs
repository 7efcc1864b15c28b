//! The function SendEmail: takes in one queue message. It answers 200 once the message is stored, whatever its outcome.
//! It fails only if the message could not be stored, so that the broker delivers it again and finally dead-letters it.

use super::{
    envelope, invocation,
    reply::Reply,
    request::{Body, Request},
};
use crate::{
    domain::{causes::chain, delivery::MailState},
    flows::{
        mailing::{NotifyContext, NotifyReport},
        notify,
    },
};
use serde::Serialize;
use warp::http::StatusCode;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    message_id: &'a str,
    delivery_count: i64,
    outcome: &'static str,
    /// The state in which a repeated delivery found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<MailState>,
}

pub(super) async fn answer(context: &NotifyContext, request: &Request) -> Reply {
    let body = match &request.body {
        Body::Whole(body) => body,
        Body::TooLarge => return refused(StatusCode::PAYLOAD_TOO_LARGE, "the envelope is too large"),
        Body::Cut | Body::Slow => return refused(StatusCode::BAD_REQUEST, "the envelope did not arrive completely"),
    };
    let envelope = match envelope::read(body) {
        Ok(Some(envelope)) => envelope,
        Ok(None) => {
            let report = Report { message_id: "", delivery_count: 0, outcome: "nothingToSend", state: None };
            return invocation::answer(StatusCode::OK, &report);
        }
        Err(reason) => return refused(StatusCode::BAD_REQUEST, &reason),
    };
    let message_id = envelope.delivery.message_id.clone();
    let delivery_count = envelope.delivery.delivery_count;
    let trace = envelope.trace_id.as_deref();
    match notify::take_in(context, envelope.delivery).await {
        Ok(report) => {
            let (outcome, state) = report_of(&report);
            tracing::info!(message_id, delivery_count, outcome, trace, "taken in");
            let report = Report { message_id: &message_id, delivery_count, outcome, state };
            invocation::answer(StatusCode::OK, &report)
        }
        Err(error) => {
            tracing::error!(message_id, delivery_count, trace, error = %chain(&error), "not stored: the broker will deliver it again");
            invocation::failed(StatusCode::INTERNAL_SERVER_ERROR, "the message could not be stored")
        }
    }
}

/// Without reasons: they may quote a mail provider or a body, so they are in the inbox (`ops mail list`), not in logs.
fn report_of(report: &NotifyReport) -> (&'static str, Option<MailState>) {
    match report {
        NotifyReport::Sent => ("sent", None),
        NotifyReport::Parked { .. } => ("parked", None),
        NotifyReport::Refused { .. } => ("refused", None),
        NotifyReport::InDoubt { .. } => ("inDoubt", None),
        NotifyReport::Accepted => ("accepted", None),
        NotifyReport::Duplicate { state } => ("duplicate", Some(*state)),
        NotifyReport::LeaseLost => ("leaseLost", None),
        NotifyReport::NotStored { .. } => ("notStored", None),
    }
}

fn refused(status: StatusCode, reason: &str) -> Reply {
    tracing::error!(reason, "an envelope without a message: the broker keeps it");
    invocation::failed(status, reason)
}
