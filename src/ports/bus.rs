//! The bus: takes messages and returns an outcome for each. There is no `Err`: what is not known to be refused is
//! unknown, and is sent again with the same id.

use crate::domain::{ids::MessageId, message::Headers, route::Destination, timing::Timing, verdict::PublishOutcome};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::time::Instant;

/// A message as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Service Bus `MessageId`.
    pub id: MessageId,
    /// Service Bus `Subject` (Label), and an application property.
    pub event_type: String,
    /// Service Bus `ContentType`.
    pub content_type: String,
    /// Service Bus body.
    pub body: Bytes,
    /// SessionId on a session-enabled destination, else the application property `orderingKey`.
    pub ordering_key: Option<String>,
    /// Application properties; trace context.
    pub headers: Headers,
    /// Time to live and scheduled enqueue time.
    pub timing: Timing,
    /// When the event happened; an application property.
    pub occurred_on: DateTime<Utc>,
}

/// Publishing to queues and topics.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Returns exactly one outcome per message, in order, by `deadline`. What was not begun by then is `NotTried`; what
    /// was begun and has no answer is `TimedOut`.
    async fn publish(&self, to: &Destination, batch: &[Outgoing], deadline: Instant) -> Vec<PublishOutcome>;

    /// Whether sending to the destination works: it can be connected to, it exists, and we may send. Sends nothing.
    /// None: this transport cannot test it without sending.
    ///
    /// # Errors
    /// The obstacle, and what to do.
    async fn reach(&self, _to: &Destination, _deadline: Instant) -> Option<Result<(), String>> {
        None
    }

    /// Closes the connection at the end of the process; a later publish connects again.
    async fn close(&self) {}
}
