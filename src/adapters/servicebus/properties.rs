//! Broker and custom properties of a message, over AMQP and as REST's headers, or why it cannot have them.

use crate::{
    domain::{message::Headers, traceparent},
    ports::bus::Outgoing,
};
use azure_messaging_servicebus::service_bus::{SendMessageOptions, SettableBrokerProperties};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    time::Duration,
};
use time::OffsetDateTime;

/// Version of our event types' data, for consumers to branch on.
const SCHEMA_VERSION: &str = "1";

/// Our own property names. Header names are case-insensitive, so over REST they arrive in lower case.
const OURS: [&str; 4] = ["eventtype", "schemaversion", "occurredon", "orderingkey"];

/// Header names of HTTP or the broker: a custom property with one of them would change the request.
const RESERVED: [&str; 17] = [
    "authorization",
    "brokerproperties",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "accept",
];

/// The application properties over AMQP, where names keep their case and values may be any text.
///
/// # Errors
/// Why this message can never be sent.
pub(super) fn custom(message: &Outgoing) -> Result<Vec<(String, String)>, String> {
    let occurred_on = message.occurred_on.to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut all = vec![
        ("eventType".to_owned(), message.event_type.clone()),
        ("schemaVersion".to_owned(), SCHEMA_VERSION.to_owned()),
        ("occurredOn".to_owned(), occurred_on),
    ];
    all.extend(message.ordering_key.clone().map(|key| ("orderingKey".to_owned(), key)));
    for (name, value) in &traced(&message.headers) {
        if OURS.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(format!("its header '{name}' cannot be a property: the name is reserved"));
        }
        all.push((name.clone(), value.clone()));
    }
    Ok(all)
}

pub(super) fn correlation_id(message: &Outgoing) -> Option<String> {
    message.headers.trace_id()
}

/// The headers with the trace context under both names, so that any consumer can continue it. A value that is not a
/// trace context stays as it is.
fn traced(headers: &Headers) -> BTreeMap<String, String> {
    let mut all = headers.0.clone();
    if let Some(trace) = headers.traceparent() {
        all.retain(|name, _| traceparent::NAMES.iter().all(|known| !name.eq_ignore_ascii_case(known)));
        all.extend(traceparent::NAMES.map(|name| (name.to_owned(), trace.clone())));
    }
    all
}

/// # Errors
/// Why this message can never be sent over REST.
pub(super) fn options(message: &Outgoing) -> Result<SendMessageOptions, String> {
    let mut custom = HashMap::new();
    custom.insert("eventtype".to_owned(), quoted(&message.event_type));
    custom.insert("schemaversion".to_owned(), quoted(SCHEMA_VERSION));
    let occurred_on = message.occurred_on.to_rfc3339_opts(SecondsFormat::Millis, true);
    custom.insert("occurredon".to_owned(), quoted(&occurred_on));
    if let Some(key) = &message.ordering_key {
        custom.insert("orderingkey".to_owned(), quoted(key));
    }
    for (name, value) in &traced(&message.headers) {
        let lower = name.to_ascii_lowercase();
        if OURS.contains(&lower.as_str()) || RESERVED.contains(&lower.as_str()) {
            return Err(format!("its header '{name}' cannot be a property over REST: the name is reserved"));
        }
        if !is_token(&lower) {
            return Err(
                "one of its header names is invalid over REST: expected letters, digits and -_. only".to_owned()
            );
        }
        if custom.insert(lower, quoted(value)).is_some() {
            return Err(format!("its header '{name}' occurs twice, in different cases"));
        }
    }
    Ok(SendMessageOptions {
        content_type: Some(message.content_type.clone()),
        broker_properties: Some(SettableBrokerProperties {
            message_id: Some(message.id.as_str().to_owned()),
            label: Some(message.event_type.clone()),
            correlation_id: correlation_id(message),
            time_to_live: message.timing.live_ms.map(|ms| Duration::from_millis(ms.into())),
            scheduled_enqueue_time_utc: message.timing.not_before.and_then(full_second),
            ..SettableBrokerProperties::default()
        }),
        custom_properties: Some(custom),
    })
}

/// REST knows whole seconds only: rounded up, so that no message is due before its time.
fn full_second(at: DateTime<Utc>) -> Option<OffsetDateTime> {
    let up = i64::from(at.timestamp_subsec_nanos() > 0);
    OffsetDateTime::from_unix_timestamp(at.timestamp() + up).ok()
}

/// The crate's BrokerProperties as a header value. The crate writes a time's zone as `+0000`, Service Bus documents `GMT`.
pub(super) fn broker_line(json: &str) -> String {
    const AT: &str = "ScheduledEnqueueTimeUtc";
    let Ok(mut all) = serde_json::from_str::<Map<String, Value>>(json) else { return ascii_json(json) };
    let named = all.get(AT).and_then(Value::as_str).and_then(|text| text.strip_suffix(" +0000"));
    let named = named.map(|text| Value::from(format!("{text} GMT")));
    if let Some(at) = named {
        all.insert(AT.to_owned(), at);
    }
    ascii_json(&Value::Object(all).to_string())
}

/// The same JSON with everything outside printable ASCII escaped, so that it is valid in a header.
pub(super) fn ascii_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if matches!(c, ' '..='~') {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// Service Bus reads a custom property in quotes as a string, and one without as a number, a date or a boolean.
fn quoted(text: &str) -> String {
    ascii_json(&serde_json::Value::from(text).to_string())
}

fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_becomes_a_valid_header_value_that_reads_back_the_same() {
        for text in ["zażółć 🦀", "a\"b\\c", "tab\tcr\r\nX: y", "\u{7f}\u{85}\u{2028}", ""] {
            let value = quoted(text);
            assert!(value.bytes().all(|b| (b' '..=b'~').contains(&b)), "{value}");
            assert_eq!(serde_json::from_str::<String>(&value).unwrap(), text);
        }
    }

    #[test]
    fn a_trace_is_sent_under_both_names_with_one_value() {
        let [one, other] = ["4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"]
            .map(|id| format!("00-{id}-00f067aa0ba902b7-01"));
        let of = |pairs: &[(&str, &str)]| {
            let headers = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            traced(&Headers(headers.collect()))
        };
        let both = of(&[("traceparent", &one), ("Diagnostic-Id", &one), ("a", "b")]);
        for pairs in [
            &[("traceparent", one.as_str()), ("a", "b")][..],
            &[("Diagnostic-Id", &one), ("a", "b")],
            &[("diagnostic-id", &one), ("TraceParent", "none"), ("a", "b")],
            &[("traceparent", &one), ("Diagnostic-Id", &other), ("a", "b")],
            &[("traceparent", &other.to_uppercase()), ("Diagnostic-Id", &one), ("a", "b")],
        ] {
            assert_eq!(of(pairs), both, "{pairs:?}");
        }
        let odd = [("Diagnostic-Id", "|of.an.older.form.")];
        assert_eq!(of(&odd).len(), 1, "no invalid traceparent is added");
        assert!(of(&[]).is_empty());
    }
}
