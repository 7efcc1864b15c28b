//! Reads and writes a message as headers of Service Bus's REST interface.

use super::store::{Locked, Sent};
use chrono::{DateTime, Utc};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

/// The message in a request to send: its BrokerProperties, Content-Type and the sender's own headers.
///
/// # Errors
/// Names the invalid property.
pub(super) fn sent(headers: &HeaderMap, body: Vec<u8>) -> Result<Sent, String> {
    let broker: Map<String, Value> = match headers.get("brokerproperties") {
        None => Map::new(),
        Some(value) => serde_json::from_slice(value.as_bytes())
            .map_err(|e| format!("BrokerProperties is invalid: expected a JSON object: {e}"))?,
    };
    let text = |name: &str, chars_max: usize| match broker.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= chars_max => Ok(Some(text.clone())),
        Some(_) => Err(format!("{name} is invalid: expected a string of at most {chars_max} characters")),
    };
    let message_id = text("MessageId", 128)?;
    text("SessionId", 128)?;
    text("PartitionKey", 128)?;
    for name in ["Label", "CorrelationId", "To", "ReplyTo", "ReplyToSessionId"] {
        text(name, 65_535)?;
    }
    let available_at_ms = match text("ScheduledEnqueueTimeUtc", 100)? {
        None => None,
        Some(at) => {
            let at = DateTime::parse_from_rfc2822(&at)
                .map_err(|e| format!("ScheduledEnqueueTimeUtc is invalid: expected an HTTP date: {e}"))?;
            Some(at.timestamp_millis())
        }
    };
    let time_to_live_ms = match broker.get("TimeToLive") {
        None | Some(Value::Null) => TIME_TO_LIVE_MS,
        Some(value) => seconds_to_ms(value).ok_or("TimeToLive is invalid: expected a positive number of seconds")?,
    };
    let content_type = headers.get("content-type").and_then(|v| v.to_str().ok()).map(str::to_owned);
    if content_type.as_deref() == Some("application/vnd.microsoft.servicebus.json") {
        return Err("this stand-in does not accept batches".to_owned());
    }
    Ok(Sent {
        message_id: message_id.unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string()),
        body,
        content_type,
        properties: properties(headers),
        broker,
        available_at_ms,
        time_to_live_ms,
    })
}

/// The headers with which a locked message is delivered.
pub(super) fn headers(message: &Locked) -> HeaderMap {
    let mut broker = message.broker.clone();
    broker.remove("ScheduledEnqueueTimeUtc");
    for (name, value) in [
        ("DeliveryCount", json!(message.delivery_count)),
        ("EnqueuedSequenceNumber", json!(0)),
        ("EnqueuedTimeUtc", json!(http_date(message.enqueued_at_ms))),
        ("LockToken", json!(message.token)),
        ("LockedUntilUtc", json!(http_date(message.locked_until_ms))),
        ("MessageId", json!(message.message_id)),
        ("SequenceNumber", json!(message.seq)),
        ("State", json!("Active")),
        ("TimeToLive", json!((message.expires_at_ms - message.enqueued_at_ms) / 1000)),
    ] {
        broker.insert(name.to_owned(), value);
    }
    let mut headers = HeaderMap::new();
    let mut put = |name: &str, value: &str| {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_bytes(value.as_bytes())) {
            headers.insert(name, value);
        }
    };
    for (name, value) in &message.properties {
        put(name, &ascii(value));
    }
    if let Some(reason) = &message.dead_reason {
        put("DeadLetterReason", &ascii(&json!(reason)));
    }
    if let Some(content_type) = &message.content_type {
        put("content-type", content_type);
    }
    put("BrokerProperties", &ascii(&Value::from(broker)));
    headers
}

/// JSON that every client can read from a header: characters beyond ASCII as `\u….`.
fn ascii(value: &Value) -> String {
    let mut out = String::new();
    for letter in value.to_string().chars() {
        if letter.is_ascii() {
            out.push(letter);
        } else {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                out = format!("{out}\\u{unit:04x}");
            }
        }
    }
    out
}

/// Service Bus's own default, 14 days.
const TIME_TO_LIVE_MS: i64 = 14 * 24 * 3_600_000;

/// Headers of HTTP or of the interface; all others are the sender's properties.
const NOT_PROPERTIES: [&str; 25] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "authorization",
    "brokerproperties",
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "host",
    "keep-alive",
    "location",
    "origin",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

pub(in crate::local) fn properties(headers: &HeaderMap) -> Map<String, Value> {
    let own = |name: &HeaderName| !NOT_PROPERTIES.contains(&name.as_str()) && !name.as_str().starts_with("x-ms-");
    headers.iter().filter(|(name, _)| own(name)).map(|(name, value)| (name.to_string(), property(value))).collect()
}

/// Strings are quoted, numbers and booleans are not; anything else is read as plain text.
fn property(value: &HeaderValue) -> Value {
    match serde_json::from_slice(value.as_bytes()) {
        Ok(scalar @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => scalar,
        Ok(Value::Null | Value::Array(_) | Value::Object(_)) | Err(_) => {
            Value::String(String::from_utf8_lossy(value.as_bytes()).into_owned())
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "bounded to 100 years just before")]
fn seconds_to_ms(value: &Value) -> Option<i64> {
    let seconds = value.as_f64().filter(|s| s.is_finite() && *s > 0.0)?;
    Some((seconds.min(3_155_760_000.0) * 1000.0) as i64)
}

fn http_date(ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(ms).unwrap_or_default().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
