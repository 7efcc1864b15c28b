//! Booking: a write to the books, its message with it, in one transaction; then a nudge, off the request's path.

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
};
use std::sync::Arc;

pub struct BookContext {
    pub books: Arc<dyn Books>,
    pub clock: Arc<dyn Clock>,
    pub routes: Arc<Routes>,
    pub limits: MessageLimits,
    pub nudge: Nudge,
    pub health: Arc<Health>,
}

#[derive(Debug, Clone)]
pub struct WriteRequest {
    pub command: Command,
    pub if_match: Option<IfMatch>,
    pub idempotency: Option<(IdempotencyKey, Fingerprint)>,
    pub headers: Headers,
}

/// # Errors
/// The store's. `Unknown` only where no key could tell: with a key the write is repeated once, which answers it.
pub async fn book(context: &BookContext, request: WriteRequest) -> StoreResult<Committed> {
    let entry = Entry {
        command: request.command,
        if_match: request.if_match,
        idempotency: request.idempotency,
        message_id: MessageId::fresh(),
        now: context.clock.now(),
        headers: request.headers,
        routes: context.routes.clone(),
        limits: context.limits,
    };
    let mut committed = context.books.commit(&entry).await;
    if matches!(committed, Err(StoreError::Unknown { .. })) && entry.idempotency.is_some() {
        let again = context.books.commit(&entry).await;
        // That the repeat failed says nothing of the first try: told so, a caller could take it for not done.
        if again.is_ok() {
            committed = again;
        }
    }
    context.health.stored(entry.now, &committed);
    if let Ok(Committed::Done(booked)) = &committed
        && booked.message_id.is_some()
    {
        failpoints::reach("after-commit").await;
        context.nudge.wake();
    }
    committed
}
