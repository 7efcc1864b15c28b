//! The bus: takes messages, and says of each what became of it. `Err` does not exist here: what is not known to be
//! refused is unknown, and the same id goes again.

use crate::domain::{ids::MessageId, message::Headers, route::Destination, timing::Timing, verdict::PublishOutcome};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::time::Instant;

/// A message as it goes on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Service Bus `MessageId`.
    pub id: MessageId,
    /// Service Bus `Subject` (Label), and an application property.
    pub event_type: String,
    pub content_type: String,
    pub body: Bytes,
    /// SessionId on a session-enabled destination, else the application property `orderingKey`.
    pub ordering_key: Option<String>,
    /// Application properties; trace context.
    pub headers: Headers,
    pub timing: Timing,
    pub occurred_on: DateTime<Utc>,
}

#[async_trait]
pub trait Bus: Send + Sync {
    /// Exactly one outcome per message, in order. Returns by `deadline`; what was not begun by then is `NotTried`,
    /// what was begun and has no answer is `TimedOut`.
    async fn publish(&self, to: &Destination, batch: &[Outgoing], deadline: Instant) -> Vec<PublishOutcome>;

    /// Whether the way there is open: connected, allowed to send, there. Sends nothing. None: this transport cannot tell
    /// without sending.
    ///
    /// # Errors
    /// Why not, and what to do.
    async fn reach(&self, _to: &Destination, _deadline: Instant) -> Option<Result<(), String>> {
        None
    }

    /// Says goodbye to the bus at the end of the process; a publish after it connects anew.
    async fn close(&self) {}
}
