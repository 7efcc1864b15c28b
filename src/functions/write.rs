//! What every write shares: its headers, the booking, and the answer.

use super::{
    body,
    field_reader::Fields,
    problem::{Kind, Problem},
    reply::{self, Reply, set},
    request::Request,
    wire::{ClientReply, RecordReply},
};
use crate::{
    domain::{
        booking::{self, Booked, BookedResult, Command, IfMatch},
        idempotency::{Fingerprint, IdempotencyKey},
    },
    flows::book::{self, BookContext, WriteRequest},
    ports::books::Committed,
};
use warp::http::{HeaderMap, StatusCode};

pub(super) async fn write(context: &BookContext, request: &Request, command: Command) -> Result<Reply, Problem> {
    Fields::of_query(&request.head.query).finish(Some(()))?;
    let if_match = if_match(&request.head.headers)?;
    let key = idempotency_key(&request.head.headers)?;
    let body = body::bytes(request)?;
    let fingerprint = || Fingerprint::of(request.head.method.as_str(), &request.head.path, if_match.as_deref(), body);
    let idempotency = key.map(|key| (key, fingerprint()));
    let write = WriteRequest {
        command,
        if_match: if_match.as_deref().map(IfMatch::parse),
        idempotency,
        headers: request.trace.headers(),
    };
    match book::book(context, write).await? {
        Committed::Done(booked) => Ok(booked_reply(booked)),
        Committed::Replayed(booked) => {
            let mut reply = booked_reply(booked);
            set(&mut reply, "idempotency-replayed", "true");
            Ok(reply)
        }
        Committed::Refused(refusal) => Err(refusal.into()),
        Committed::KeyBusy => Err(Problem::key_busy()),
    }
}

fn booked_reply(booked: Booked) -> Reply {
    let mut reply = match booked.result {
        BookedResult::ClientCreated(client) => {
            let (etag, location) = (booking::client_etag(&client), format!("/api/clients/{}", client.id));
            let mut reply = reply::json(StatusCode::CREATED, &ClientReply::from(client));
            set(&mut reply, "location", &location);
            set(&mut reply, "etag", &etag);
            reply
        }
        BookedResult::ClientReplaced(client) => {
            let etag = booking::client_etag(&client);
            let mut reply = reply::json(StatusCode::OK, &ClientReply::from(client));
            set(&mut reply, "etag", &etag);
            reply
        }
        BookedResult::RecordCreated(record) => {
            let (year, month) = (record.period.year(), record.period.month());
            let mut reply = reply::json(StatusCode::CREATED, &RecordReply::from(record));
            set(&mut reply, "location", &format!("/api/clients/{}/finance/{year}/{month}", record.client_id));
            set(&mut reply, "etag", &booking::record_etag(&record));
            reply
        }
        BookedResult::RecordPatched(record) => {
            let mut reply = reply::json(StatusCode::OK, &RecordReply::from(record));
            set(&mut reply, "etag", &booking::record_etag(&record));
            reply
        }
        BookedResult::Enqueued(record) => {
            let mut reply = reply::json(StatusCode::ACCEPTED, &RecordReply::from(record));
            set(&mut reply, "etag", &booking::record_etag(&record));
            reply
        }
        BookedResult::ClientDeleted | BookedResult::RecordDeleted => reply::no_content(),
    };
    if let Some(id) = &booked.message_id {
        set(&mut reply, "outbox-message-id", id);
    }
    reply
}

/// The header as one text; repeated headers form one list.
fn if_match(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let values: Option<Vec<&str>> = headers.get_all("if-match").iter().map(|value| value.to_str().ok()).collect();
    let values = values.ok_or_else(|| Problem::new(Kind::BadHeader, "If-Match must be ASCII"))?;
    Ok((!values.is_empty()).then(|| values.join(", ")))
}

pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let bad = |why: &str| Problem::new(Kind::BadHeader, format!("Idempotency-Key {why}"));
    let mut values = headers.get_all("idempotency-key").iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let text = value.to_str().map_err(|_| bad("must be 1 to 255 printable ASCII characters"))?;
            IdempotencyKey::parse(text).map(Some).map_err(|why| bad(&why))
        }
        (Some(_), Some(_)) => Err(bad("is given more than once")),
    }
}
