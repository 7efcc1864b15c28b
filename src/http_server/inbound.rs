//! A request's body on its way in, with one deadline for the whole body.

use super::slots::Slot;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::{
    error::Error,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::time::{Instant, Sleep};

/// A request's body. Reading it fails once `Limits::body_within` is over.
#[derive(Debug)]
pub struct Inbound {
    body: Incoming,
    slot: Arc<Slot>,
    /// The deadline; None: the body is complete.
    until: Option<Pin<Box<Sleep>>>,
}

impl Inbound {
    pub(super) fn new(body: Incoming, slot: Arc<Slot>, until: Instant) -> Self {
        let is_whole = body.is_end_stream();
        if is_whole {
            slot.works();
        } else {
            slot.waits();
        }
        Self { body, slot, until: (!is_whole).then(|| Box::pin(tokio::time::sleep_until(until))) }
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(until) = &mut self.until
            && until.as_mut().poll(cx).is_ready()
        {
            let late = io::Error::new(io::ErrorKind::TimedOut, "the body did not arrive in time");
            return Poll::Ready(Some(Err(late.into())));
        }
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if self.until.is_some() && (matches!(polled, Poll::Ready(None | Some(Err(_)))) || self.body.is_end_stream()) {
            self.until = None;
            self.slot.works();
        }
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
