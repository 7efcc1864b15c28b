//! A message on its way into the outbox, checked against what the bus could ever take.

use super::{ids::MessageId, route::Destination, timing::Timing};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// CloudEvents 1.0 in structured JSON form.
pub const CLOUD_EVENT: &str = "application/cloudevents+json";

/// One event, one id, one row per destination. No destination: one row with `''`, which waits to be routed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    pub id: MessageId,
    pub event_type: String,
    pub destinations: Vec<Destination>,
    /// Rows of one key and destination are published in the order they were written.
    pub ordering_key: Option<String>,
    pub content_type: String,
    pub payload: String,
    pub headers: Headers,
    /// Whose data it is (`clients/17`), for finding and erasing.
    pub subject: Option<String>,
    pub occurred_on: DateTime<Utc>,
}

/// Trace context captured at enqueue; goes out as application properties, but for what `Timing` reserves. Stored as a
/// JSON object of strings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Headers(pub BTreeMap<String, String>);

/// What the bus takes at most, in bytes. Service Bus Standard: 256 KB a message, 64 KB of it headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageLimits {
    pub body_bytes_max: usize,
    pub headers_bytes_max: usize,
}

impl Default for MessageLimits {
    fn default() -> Self {
        Self { body_bytes_max: 192 * 1024, headers_bytes_max: 32 * 1024 }
    }
}

impl MessageLimits {
    /// What could never be sent is refused at enqueue, not found dead later.
    ///
    /// # Errors
    /// Says which limit, and by how much.
    pub fn check(&self, payload: &[u8], headers: &Headers, ordering_key: Option<&str>) -> Result<(), String> {
        if payload.len() > self.body_bytes_max {
            return Err(format!("the body has {} bytes, the bus takes {}", payload.len(), self.body_bytes_max));
        }
        let header_bytes: usize = headers.0.iter().map(|(name, value)| name.len() + value.len()).sum();
        if header_bytes > self.headers_bytes_max {
            return Err(format!("the headers have {header_bytes} bytes, the bus takes {}", self.headers_bytes_max));
        }
        Timing::take(&mut headers.clone())?;
        let key_chars = ordering_key.map_or(0, |key| key.chars().count());
        if key_chars > super::ids::MESSAGE_ID_CHARS_MAX {
            return Err(format!("the ordering key has {key_chars} characters, the bus takes 128"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_never_be_sent_is_told_by_its_limit() {
        let limits = MessageLimits { body_bytes_max: 10, headers_bytes_max: 10 };
        let headers = |text: &str| Headers(BTreeMap::from([("k".to_owned(), text.to_owned())]));
        assert!(limits.check(b"0123456789", &headers("123456789"), Some(&"k".repeat(128))).is_ok());
        assert!(limits.check(b"0123456789+", &headers(""), None).unwrap_err().contains("body"));
        assert!(limits.check(b"", &headers("1234567890"), None).unwrap_err().contains("headers"));
        assert!(limits.check(b"", &headers(""), Some(&"k".repeat(129))).unwrap_err().contains("ordering key"));
    }
}
