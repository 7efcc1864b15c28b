//! A message on its way into the outbox, checked against the limits of the bus.

use super::{ids::MessageId, route::Destination, timing::Timing, traceparent};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// CloudEvents 1.0 in structured JSON form.
pub const CLOUD_EVENT: &str = "application/cloudevents+json";

/// One event with one id, and one row per destination. Without a destination it is one row with `''`, which waits to be
/// routed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// The same on every row, on the bus and in the inbox.
    pub id: MessageId,
    /// The event type, by which it is routed.
    pub event_type: String,
    /// One row is written for each.
    pub destinations: Vec<Destination>,
    /// Rows of one key and destination are published in the order they were written.
    pub ordering_key: Option<String>,
    /// The media type of the payload.
    pub content_type: String,
    /// The body.
    pub payload: String,
    /// Application properties of the bus message.
    pub headers: Headers,
    /// The client whose data it carries (`clients/17`), for finding and erasing.
    pub subject: Option<String>,
    /// When the event happened.
    pub occurred_on: DateTime<Utc>,
}

/// Trace context captured at enqueue. It is sent as application properties, except for the names that `Timing`
/// reserves. Stored as a JSON object of strings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Headers(pub BTreeMap<String, String>);

impl Headers {
    /// Those of a message of which nothing but its trace context is known.
    #[must_use]
    pub fn of_trace(traceparent: &str) -> Self {
        Self(BTreeMap::from([(traceparent::NAMES[0].to_owned(), traceparent.to_owned())]))
    }

    /// The trace context under either name, in any casing.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        let named = |name: &str| self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        traceparent::among(|name| named(name).map(|(_, value)| value.clone()))
    }

    /// The trace id of the trace context.
    #[must_use]
    pub fn trace_id(&self) -> Option<String> {
        traceparent::trace_id(&self.traceparent()?).map(str::to_owned)
    }
}

/// The largest message that the bus takes, in bytes. Service Bus Standard: 256 KB a message, of which 64 KB may be
/// headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageLimits {
    /// Longest body; `Outbox__MessageBytesMax`.
    pub body_bytes_max: usize,
    /// Longest headers, names and values together; `Outbox__HeaderBytesMax`.
    pub headers_bytes_max: usize,
}

impl Default for MessageLimits {
    fn default() -> Self {
        Self { body_bytes_max: 192 * 1024, headers_bytes_max: 32 * 1024 }
    }
}

impl MessageLimits {
    /// Refuses at enqueue what could never be sent, so that it is not found dead later.
    ///
    /// # Errors
    /// The exceeded limit and the actual size.
    pub fn check(&self, payload: &[u8], headers: &Headers, ordering_key: Option<&str>) -> Result<(), String> {
        if payload.len() > self.body_bytes_max {
            return Err(format!("the body has {} bytes, the bus takes at most {}", payload.len(), self.body_bytes_max));
        }
        let header_bytes: usize = headers.0.iter().map(|(name, value)| name.len() + value.len()).sum();
        if header_bytes > self.headers_bytes_max {
            return Err(format!(
                "the headers have {header_bytes} bytes, the bus takes at most {}",
                self.headers_bytes_max
            ));
        }
        Timing::take(&mut headers.clone())?;
        let key_chars = ordering_key.map_or(0, super::ids::utf16_chars);
        if key_chars > super::ids::MESSAGE_ID_CHARS_MAX {
            return Err(format!("the ordering key has {key_chars} characters, the bus takes at most 128"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_could_never_be_sent_is_refused_with_its_limit() {
        let limits = MessageLimits { body_bytes_max: 10, headers_bytes_max: 10 };
        let headers = |text: &str| Headers(BTreeMap::from([("k".to_owned(), text.to_owned())]));
        assert!(limits.check(b"0123456789", &headers("123456789"), Some(&"k".repeat(128))).is_ok());
        assert!(limits.check(b"0123456789+", &headers(""), None).unwrap_err().contains("body"));
        assert!(limits.check(b"", &headers("1234567890"), None).unwrap_err().contains("headers"));
        assert!(limits.check(b"", &headers(""), Some(&"k".repeat(129))).unwrap_err().contains("ordering key"));
        let never = Headers(BTreeMap::from([(crate::domain::timing::TIME_TO_LIVE.to_owned(), "0".to_owned())]));
        assert!(MessageLimits::default().check(b"", &never, None).unwrap_err().contains("1 to"));
    }
}
