//! Booking: writes to the books and enqueues the message in one transaction, then nudges the dispatcher.

use super::{health::Health, nudge::Nudge};
use crate::{
    domain::{
        booking::{Command, Entry, IfMatch},
        idempotency::{Fingerprint, IdempotencyKey},
        ids::MessageId,
        message::{Headers, MessageLimits},
        route::Routes,
    },
    failpoints,
    ports::{
        books::{Books, Committed},
        clock::Clock,
        error::{StoreError, StoreResult},
    },
    telemetry::spans,
};
use std::sync::Arc;

/// What booking needs.
pub struct BookContext {
    /// The store.
    pub books: Arc<dyn Books>,
    /// Gives the time of the entry.
    pub clock: Arc<dyn Clock>,
    /// Where each event type goes.
    pub routes: Arc<Routes>,
    /// Bounds of a message's body and headers.
    pub limits: MessageLimits,
    /// Woken after a commit with a message.
    pub nudge: Nudge,
    /// Receives how each commit ended.
    pub health: Arc<Health>,
}

/// One write that a caller requests.
#[derive(Debug, Clone)]
pub struct WriteRequest {
    /// What to write.
    pub command: Command,
    /// The version that the write expects; None: any.
    pub if_match: Option<IfMatch>,
    /// The caller's key, and the fingerprint of the request that it stands for.
    pub idempotency: Option<(IdempotencyKey, Fingerprint)>,
    /// Headers of the message, such as the trace context.
    pub headers: Headers,
}

/// Commits the write and its message, then wakes the nudge.
///
/// # Errors
/// Those of the store. A write with an idempotency key whose result is unknown is repeated once: the repeat finds the
/// first result. `Unknown` remains where there is no key or the repeat fails too.
pub async fn book(context: &BookContext, request: WriteRequest) -> StoreResult<Committed> {
    let create = spans::create();
    let mut headers = request.headers;
    create.put(&mut headers);
    let entry = Entry {
        command: request.command,
        if_match: request.if_match,
        idempotency: request.idempotency,
        message_id: MessageId::fresh(),
        now: context.clock.now(),
        headers,
        routes: context.routes.clone(),
        limits: context.limits,
    };
    let transaction = spans::transaction("commit", "Finance");
    let mut committed = transaction.around(context.books.commit(&entry)).await;
    if matches!(committed, Err(StoreError::Unknown { .. })) && entry.idempotency.is_some() {
        let again = transaction.around(context.books.commit(&entry)).await;
        // A failed repeat proves nothing about the first try: reported, it could be read as "nothing was written".
        if again.is_ok() {
            committed = again;
        }
    }
    if let Err(error) = &committed {
        transaction.failed("store", &error.to_string());
    }
    drop(transaction);
    context.health.stored(entry.now, &committed);
    let message_id = match &committed {
        Ok(Committed::Done(booked)) => booked.message_id.as_deref(),
        _ => None,
    };
    if message_id.is_none() {
        create.idle();
    }
    if let Some(message_id) = message_id {
        create.about(message_id);
        drop(create);
        failpoints::reach("after-commit").await;
        context.nudge.wake();
    }
    committed
}
