//! Reads the host's envelope of a queue message, in each of the forms that its versions and documentation show.
//!
//! Values may be bare, or JSON text inside a JSON string. Unknown keys and the host's other objects are skipped unread.
//! The result is one `Delivery`; no other file knows the envelope's form.

use super::field_reader::pairs_of;
use crate::domain::{delivery::Delivery, traceparent};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Datelike, NaiveDateTime, Utc};
use serde_json::value::RawValue;

/// The queue trigger's binding in function.json, which is also the message's key in Data.
pub(super) const BINDING: &str = "message";

/// None: the portal's *Test/Run* without input, which came from no broker.
///
/// # Errors
/// There is nothing to store, and why. The invocation must fail, so that the broker keeps the message.
pub(super) fn read(body: &[u8]) -> Result<Option<Delivery>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the envelope is not UTF-8")?;
    let envelope = pairs_of(text).ok_or("the envelope is not a JSON object")?;
    let inside = |key: &str| find(&envelope, key).and_then(|raw| pairs_of(raw.get())).unwrap_or_default();
    let (data, metadata) = (inside("Data"), inside("Metadata"));
    let message_id = find(&metadata, "MessageId").and_then(string).unwrap_or_default();
    let message = find(&data, BINDING).filter(|raw| raw.get() != "null");
    let delivery_count = find(&metadata, "DeliveryCount").and_then(integer);
    if message.is_none() && message_id.is_empty() {
        // A broker counts from 1.
        if delivery_count == Some(0) {
            return Ok(None);
        }
        return Err(format!("the envelope has neither Data.{BINDING} nor Metadata.MessageId"));
    }
    let traceparent = ["ApplicationProperties", "UserProperties"].into_iter().find_map(|key| {
        let properties = pairs_of(find(&metadata, key)?.get())?;
        traceparent::among(|name| string(find(&properties, name)?))
    });
    Ok(Some(Delivery {
        message_id,
        body: message.map(bytes).unwrap_or_default(),
        delivery_count: delivery_count.unwrap_or(1),
        enqueued_on: ["EnqueuedTimeUtc", "EnqueuedTime"]
            .into_iter()
            .find_map(|key| find(&metadata, key).and_then(string).and_then(|text| time(&text))),
        traceparent,
    }))
}

/// Finds a key, in its exact casing first: a body's own fields may stand beside the broker's in another casing.
fn find<'a>(pairs: &[(String, &'a RawValue)], key: &str) -> Option<&'a RawValue> {
    let exact = pairs.iter().find(|(name, _)| name == key);
    exact.or_else(|| pairs.iter().find(|(name, _)| name.eq_ignore_ascii_case(key))).map(|(_, value)| *value)
}

/// `"abc"`, `"\"abc\""`, or the text of a number.
fn string(raw: &RawValue) -> Option<String> {
    let token = raw.get();
    if token.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return Some(token.to_owned());
    }
    let outer: String = serde_json::from_str(token).ok()?;
    Some(serde_json::from_str::<String>(&outer).unwrap_or(outer))
}

/// `1`, `"1"` or `"\"1\""`.
fn integer(raw: &RawValue) -> Option<i64> {
    string(raw)?.trim().parse().ok()
}

/// A time without a zone (which means UTC), with `Z` or with an offset, and 0 to 7 decimals. .NET's year 1 means "not
/// set".
fn time(text: &str) -> Option<DateTime<Utc>> {
    let zoned = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
    let at =
        zoned.or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map(|at| at.and_utc())).ok()?;
    (at.year() > 1).then_some(at)
}

/// Base64, as `dataType: binary` gives it; otherwise the text itself (bare or JSON inside JSON), or the value as JSON.
fn bytes(raw: &RawValue) -> Vec<u8> {
    let Ok(outer) = serde_json::from_str::<String>(raw.get()) else { return raw.get().as_bytes().to_vec() };
    if let Ok(body) = STANDARD.decode(&outer) {
        return body;
    }
    match serde_json::from_str::<String>(&outer) {
        Ok(inner) => STANDARD.decode(&inner).unwrap_or_else(|_| inner.into_bytes()),
        Err(_) => outer.into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(metadata: &str) -> Delivery {
        let body = format!(r#"{{"Data":{{"message":"e30="}},"Metadata":{metadata}}}"#);
        read(body.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn strings_and_counts_are_read_bare_or_encoded_twice() {
        for (id, read) in [
            (r#""\"abc\"""#, "abc"),
            (r#""abc""#, "abc"),
            ("17", "17"),
            (r#""17""#, "17"),
            (r#""\"17\"""#, "17"),
            (r#""\"\\\"q\\\"\"""#, "\"q\""),
            (r#""""#, ""),
            ("{}", ""),
            ("null", ""),
        ] {
            assert_eq!(delivery(&format!(r#"{{"MessageId":{id}}}"#)).message_id, read, "{id}");
        }
        for count in ["3", "\"3\"", r#""\"3\"""#] {
            assert_eq!(delivery(&format!(r#"{{"deliveryCount":{count}}}"#)).delivery_count, 3, "{count}");
        }
        assert_eq!(delivery(r#"{"DeliveryCount":"x"}"#).delivery_count, 1);
        let shadowed = r#"{"messageid":"of the body","MessageId":"of the broker"}"#;
        assert_eq!(delivery(shadowed).message_id, "of the broker");
    }

    #[test]
    fn times_are_read_with_any_zone_and_any_decimals() {
        let at: DateTime<Utc> = "2026-08-20T10:01:00Z".parse().unwrap();
        for text in [
            "2026-08-20T10:01:00",
            "2026-08-20T10:01:00Z",
            "2026-08-20T12:01:00+02:00",
            "2026-08-20T10:01:00.0000000",
            "2026-08-20T10:01:00.0Z",
            "\\\"2026-08-20T10:01:00+00:00\\\"",
        ] {
            assert_eq!(delivery(&format!(r#"{{"EnqueuedTimeUtc":"{text}"}}"#)).enqueued_on, Some(at), "{text}");
        }
        for none in ["0001-01-01T00:00:00", "0001-01-01T00:00:00+00:00", "yesterday", ""] {
            assert_eq!(delivery(&format!(r#"{{"EnqueuedTimeUtc":"{none}"}}"#)).enqueued_on, None, "{none}");
        }
    }

    #[test]
    fn a_body_is_read_in_every_form() {
        let body = |message: &str| {
            let text = format!(r#"{{"Data":{{"message":{message}}},"Metadata":{{"MessageId":"m"}}}}"#);
            String::from_utf8(read(text.as_bytes()).unwrap().unwrap().body).unwrap()
        };
        for (message, read) in [
            (r#""eyJhIjoxfQ==""#, r#"{"a":1}"#),
            (r#""{\"a\":1}""#, r#"{"a":1}"#),
            (r#""\"{\\\"a\\\":1}\"""#, r#"{"a":1}"#),
            (r#"{"a":1}"#, r#"{"a":1}"#),
            (r#""not json""#, "not json"),
            (r#""""#, ""),
            ("null", ""),
            ("7.50", "7.50"),
        ] {
            assert_eq!(body(message), read, "{message}");
        }
    }

    #[test]
    fn the_trace_is_read_under_either_name() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let parent = format!("00-{trace}-b7ad6b7169203331-01");
        let of = |properties: String| {
            let body = format!(
                r#"{{"Data":{{"message":"e30="}},"Metadata":{{"MessageId":"m","ApplicationProperties":{{{properties}}}}}}}"#
            );
            read(body.as_bytes()).unwrap().unwrap().traceparent
        };
        for properties in [
            format!(r#""traceparent":"{parent}""#),
            format!(r#""Diagnostic-Id":"{parent}""#),
            format!(r#""diagnostic-id":"{parent}","traceparent":"none""#),
        ] {
            assert_eq!(of(properties.clone()), Some(parent.clone()), "{properties}");
        }
        assert_eq!(of(r#""Diagnostic-Id":"|older.""#.to_owned()), None);
    }

    #[test]
    fn an_envelope_with_nothing_to_store_is_an_error() {
        for nothing in
            ["", "null", "[]", "{}", r#"{"Data":{}}"#, r#"{"Data":{"message":null},"Metadata":{}}"#, "\u{fffd}"]
        {
            assert!(read(nothing.as_bytes()).is_err(), "{nothing}");
        }
        assert!(read(b"\xff").is_err());
        let deep = format!(
            r#"{{"Data":{{"message":"e30="}},"Metadata":{{"Client":{}{}}}}}"#,
            "[".repeat(9000),
            "]".repeat(9000)
        );
        assert!(read(deep.as_bytes()).is_ok(), "unknown objects are skipped unread");
    }
}
