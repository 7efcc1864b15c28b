//! The function SendEmail: takes in one queue message. It answers 200 once the message is stored, whatever its outcome.
//! It fails only if the message could not be stored, so that the broker delivers it again and finally dead-letters it.

use super::{
    envelope, invocation,
    reply::Reply,
    request::{Body, Request},
};
use crate::{
    domain::{
        causes::chain,
        delivery::{Delivery, MailState},
        traceparent,
    },
    flows::{
        mailing::{NotifyContext, NotifyReport},
        notify,
    },
    telemetry::spans,
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

/// `queue`: the name of the queue that it reads, if that is set.
pub(super) async fn answer(context: &NotifyContext, queue: Option<&str>, request: &Request) -> Reply {
    let body = match &request.body {
        Body::Whole(body) => body,
        Body::TooLarge => return refused(StatusCode::PAYLOAD_TOO_LARGE, "the envelope is too large"),
        Body::Cut | Body::Slow => return refused(StatusCode::BAD_REQUEST, "the envelope did not arrive completely"),
    };
    let delivery = match envelope::read(body) {
        Ok(Some(delivery)) => delivery,
        Ok(None) => {
            let report = Report { message_id: "", delivery_count: 0, outcome: "nothingToSend", state: None };
            return invocation::answer(StatusCode::OK, &report);
        }
        Err(reason) => return refused(StatusCode::BAD_REQUEST, &reason),
    };
    let Delivery { message_id, delivery_count, traceparent, .. } = delivery.clone();
    let trace = traceparent.as_deref().and_then(traceparent::trace_id);
    let span = spans::process(queue, &message_id, traceparent.as_deref());
    match span.around(notify::take_in(context, delivery)).await {
        Ok(report) => {
            // Without reasons: they may quote a mail provider or a body, so they are in the inbox, not in logs.
            let outcome = report.name();
            let state = if let NotifyReport::Duplicate { state } = report { Some(state) } else { None };
            tracing::info!(message_id, delivery_count, outcome, trace, "taken in");
            let report = Report { message_id: &message_id, delivery_count, outcome, state };
            invocation::answer(StatusCode::OK, &report)
        }
        Err(error) => {
            span.failed("store", "");
            tracing::error!(message_id, delivery_count, trace, error = %chain(&error), "not stored: the broker will deliver it again");
            invocation::failed(StatusCode::INTERNAL_SERVER_ERROR, "the message could not be stored")
        }
    }
}

fn refused(status: StatusCode, reason: &str) -> Reply {
    tracing::error!(reason, "an envelope without a message: the broker keeps it");
    invocation::failed(status, reason)
}
