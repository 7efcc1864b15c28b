//! The copy of a message that a forced replay sends: a new id, and `replayOf` the old one.

use super::{
    events,
    ids::MessageId,
    message::{CLOUD_EVENT, Headers},
};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The parts of the copy that differ from the original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The new payload. None: the payload is unchanged, byte for byte.
    pub payload: Option<String>,
    /// The new headers, a JSON object of strings.
    pub headers: String,
}

/// CloudEvents allows lower-case extension names only.
const EXTENSION: &str = "replayof";
const HEADER: &str = "replayOf";

/// Makes the copy. Every value except `id` and the extension is copied as text, so amounts keep their digits as
/// written.
///
/// # Errors
/// Why no copy can be made, for a person.
pub fn copy(old: &str, new: &MessageId, content_type: &str, payload: &[u8], headers: &str) -> Result<Copied, String> {
    let mut headers: Headers = serde_json::from_str(headers)
        .map_err(|_| "its Headers is not a JSON object of strings: correct it first".to_owned())?;
    headers.0.insert(HEADER.to_owned(), old.to_owned());
    let headers = serde_json::to_string(&headers).map_err(|e| e.to_string())?;
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    // Any other type contains no id: plain JSON is wrapped under the new id when it is sent.
    let is_event = media_type.eq_ignore_ascii_case(CLOUD_EVENT);
    let payload = if is_event { Some(renamed(old, new, payload)?) } else { None };
    Ok(Copied { payload, headers })
}

fn renamed(old: &str, new: &MessageId, payload: &[u8]) -> Result<String, String> {
    let mut fields: BTreeMap<String, Box<RawValue>> =
        serde_json::from_slice(payload).map_err(|e| format!("its Payload is not a CloudEvent: {e}"))?;
    let text = |value: &str| serde_json::value::to_raw_value(value).map_err(|e| e.to_string());
    let ours = events::read(payload).is_ok();
    fields.insert("id".to_owned(), text(new.as_str())?);
    fields.insert(EXTENSION.to_owned(), text(old)?);
    let copied = serde_json::to_string(&fields).map_err(|e| e.to_string())?;
    // An event of ours must remain readable as one: the receiver refuses anything else permanently.
    if ours && events::read(copied.as_bytes()).is_err() {
        return Err("its copy would not be readable as one of our events".to_owned());
    }
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict_of(content_type: &str, payload: &[u8], headers: &str) -> Result<Copied, String> {
        copy("old", &MessageId::parse("new").unwrap(), content_type, payload, headers)
    }

    #[test]
    fn a_copy_differs_only_in_its_id_and_keeps_every_digit() {
        let payload = br#"{"specversion":"1.0","id":"old","data":{"vat":12.30,"big":9999999999999999.99}}"#;
        let copied = verdict_of("application/cloudevents+json; charset=utf-8", payload, r#"{"a":"b"}"#).unwrap();
        assert_eq!(
            copied.payload.unwrap(),
            r#"{"data":{"vat":12.30,"big":9999999999999999.99},"id":"new","replayof":"old","specversion":"1.0"}"#
        );
        assert_eq!(copied.headers, r#"{"a":"b","replayOf":"old"}"#);
    }

    #[test]
    fn a_payload_without_an_id_is_copied_unchanged() {
        assert_eq!(verdict_of("application/json", b"{ \"x\": 1.10}", "{}").unwrap().payload, None);
        assert!(verdict_of(CLOUD_EVENT, b"[]", "{}").unwrap_err().contains("Payload"));
        assert!(verdict_of("text/plain", b"\xff", "[]").unwrap_err().contains("Headers"));
    }
}
