//! A payload as it is shown: its structure, with the values that may be personal data replaced.

use super::Body;
use crate::domain::{byte_order_mark::without_mark, fingerprint::without_addresses};
use serde_json::Value;

/// As much of a payload as a person reads.
const CHARS_MAX: usize = 262_144;
const MASK: &str = "•••";

/// The payload without personal data: every value is replaced but those of the envelope; of one that is no JSON object,
/// nothing is shown but its size.
#[must_use]
pub fn masked(payload: &[u8]) -> Body {
    let text = match serde_json::from_slice(without_mark(payload)) {
        Ok(Value::Object(mut members)) => {
            for (name, value) in &mut members {
                match value {
                    Value::String(text) if ENVELOPE.contains(&name.as_str()) => *text = without_addresses(text),
                    _ => mask(value),
                }
            }
            serde_json::to_string_pretty(&members).unwrap_or_default()
        }
        _ => String::new(),
    };
    Body { bytes: payload.len() as u64, masked: true, text: bounded(&text) }
}

/// The whole payload, invalid bytes replaced.
#[must_use]
pub fn revealed(payload: &[u8]) -> Body {
    let text = String::from_utf8_lossy(payload);
    Body { bytes: payload.len() as u64, masked: false, text: bounded(&text) }
}

/// The attributes of CloudEvents 1.0, and our own, that describe an event and not its subject's data.
const ENVELOPE: [&str; 10] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "traceparent",
    "replayof",
];

fn mask(value: &mut Value) {
    match value {
        Value::Object(members) => members.values_mut().for_each(mask),
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => *value = Value::from(MASK),
    }
}

fn bounded(text: &str) -> String {
    text.chars().take(CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_that_may_be_personal_is_replaced_and_the_structure_stays() {
        let payload = r#"{"specversion":"1.0","id":"m","type":"FinancialRecordCreated",
            "data":{"recipient":"anna@example.pl","vat":12.30,"paid":true,"lines":[{"a":"x"},null,7],"none":null},
            "subject":"for anna@example.pl","time":{"of":"Anna"},"extra":"anna","nested":{"name":"Anna"}}"#;
        let body = masked(payload.as_bytes());
        assert!(body.masked);
        assert_eq!(body.bytes, payload.len() as u64);
        let shown: Value = serde_json::from_str(&body.text).unwrap();
        assert_eq!(shown["id"], "m");
        assert_eq!(
            shown["data"],
            serde_json::json!({
                "recipient": MASK, "vat": MASK, "paid": MASK, "lines": [{"a": MASK}, null, MASK], "none": null,
            })
        );
        assert!(!body.text.contains("anna") && !body.text.contains("Anna") && !body.text.contains("12.3"));
        assert_eq!(masked(&[b"\xef\xbb\xbf".as_slice(), payload.as_bytes()].concat()).text, body.text);
    }

    #[test]
    fn what_is_no_json_object_shows_only_its_size() {
        for other in [&b"anna@example.pl"[..], b"\"anna\"", b"[\"anna\"]", b"7", b"\xff\xfe", b""] {
            let body = masked(other);
            assert_eq!((body.text.as_str(), body.bytes), ("", other.len() as u64));
        }
    }

    #[test]
    fn a_revealed_payload_is_whole_and_bounded() {
        assert_eq!(revealed(b"a\xff").text, "a\u{fffd}");
        assert_eq!(revealed("ż".repeat(CHARS_MAX + 1).as_bytes()).text.chars().count(), CHARS_MAX);
    }
}
