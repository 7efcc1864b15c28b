//! Turns a claimed row into the message to publish, or into the reason why it never can be: any program may write rows.

use crate::{
    domain::{
        byte_order_mark::without_mark,
        events,
        ids::MessageId,
        json_fault::without_values,
        message::{CLOUD_EVENT, Headers, MessageLimits},
        outbox::ClaimedRow,
        timing::Timing,
    },
    ports::bus::Outgoing,
};
use bytes::Bytes;
use serde::de::IgnoredAny;

/// Takes the payload out of the row: of many rows that are under way, each is in memory once.
///
/// # Errors
/// Why the row is dead: it can never be sent as it is.
pub(super) fn prepare(row: &mut ClaimedRow, limits: &MessageLimits) -> Result<Outgoing, String> {
    let id = MessageId::parse(&row.id)?;
    // Two ids would become one, and the second message be taken for a repeat.
    if row.id.contains(char::REPLACEMENT_CHARACTER) {
        return Err("Id is invalid: it has U+FFFD, as which bytes that are not UTF-8 are read".to_owned());
    }
    let mut headers: Headers = serde_json::from_slice(without_mark(row.headers.as_bytes()))
        .map_err(|_| "Headers is not a JSON object of strings: set it to '{}' or correct it".to_owned())?;
    let timing = Timing::take(&mut headers)?;
    let visible = |text: &str| !text.is_empty() && text.chars().all(|c| !c.is_control());
    if !visible(&row.event_type) {
        return Err("EventType is invalid: expected text without control characters".to_owned());
    }
    if !row.content_type.is_ascii() || !visible(&row.content_type) {
        return Err("ContentType is invalid: expected a media type".to_owned());
    }
    let media_type = row.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (content_type, body) = match media_type.as_str() {
        "application/json" => (CLOUD_EVENT.to_owned(), Bytes::from(wrapped(row)?)),
        CLOUD_EVENT => (CLOUD_EVENT.to_owned(), checked_event(row)?),
        _ => (row.content_type.clone(), Bytes::from(std::mem::take(&mut row.payload))),
    };
    limits.check(&body, &headers, row.ordering_key.as_deref())?;
    Ok(Outgoing {
        id,
        event_type: row.event_type.clone(),
        content_type,
        body,
        ordering_key: row.ordering_key.clone(),
        headers,
        timing,
        occurred_on: row.occurred_on,
    })
}

fn wrapped(row: &ClaimedRow) -> Result<String, String> {
    let text = utf8(without_mark(&row.payload))?;
    serde_json::from_str::<IgnoredAny>(text)
        .map_err(|e| format!("Payload is not JSON, though ContentType is application/json: {}", without_values(&e)))?;
    Ok(events::wrap_plain(&row.id, &row.event_type, row.occurred_on, text))
}

fn checked_event(row: &mut ClaimedRow) -> Result<Bytes, String> {
    #[derive(serde::Deserialize)]
    struct Envelope {
        id: String,
        specversion: String,
    }
    let payload = without_mark(&row.payload);
    let envelope: Envelope = serde_json::from_str(utf8(payload)?).map_err(|e| {
        format!("Payload is not a CloudEvent, though ContentType is {CLOUD_EVENT}: {}", without_values(&e))
    })?;
    if envelope.id != row.id {
        return Err("the CloudEvent's id is not the row's Id: see `ops show`".to_owned());
    }
    if envelope.specversion != "1.0" {
        return Err("the CloudEvent's specversion is not 1.0".to_owned());
    }
    let mark = row.payload.len() - payload.len();
    Ok(Bytes::from(std::mem::take(&mut row.payload)).slice(mark..))
}

/// What is skipped in JSON is not looked at: bytes that are no text would reach every consumer.
fn utf8(payload: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(payload).map_err(|_| "Payload is not UTF-8, as ContentType states".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn row(content_type: &str, payload: &[u8]) -> ClaimedRow {
        ClaimedRow {
            seq: 1,
            id: "a\"1".into(),
            event_type: "Plain".into(),
            ordering_key: None,
            content_type: content_type.into(),
            payload: payload.to_vec(),
            headers: "{}".into(),
            occurred_on: DateTime::from_timestamp_millis(1_700_000_000_123).unwrap(),
            claims: 1,
            retry_count: 0,
            last_outcome: None,
            last_attempt_on: None,
        }
    }

    fn prepare_one(content_type: &str, payload: &[u8]) -> Result<Outgoing, String> {
        prepare(&mut row(content_type, payload), &MessageLimits::default())
    }

    #[test]
    fn plain_json_is_wrapped_with_its_digits_as_written() {
        let sent = prepare_one("application/json; charset=utf-8", br#"{"vat":12.30}"#).unwrap();
        assert_eq!(sent.content_type, CLOUD_EVENT);
        assert_eq!(
            sent.body,
            r#"{"specversion":"1.0","id":"a\"1","source":"/clientorganizer/finance","type":"Plain","time":"2023-11-14T22:13:20.123Z","datacontenttype":"application/json","data":{"vat":12.30}}"#
        );
    }

    #[test]
    fn a_cloud_event_with_the_rows_id_is_sent_unchanged() {
        let event = br#"{"id":"a\"1","specversion":"1.0","x":1.10}"#;
        assert_eq!(prepare_one(CLOUD_EVENT, event).unwrap().body.as_ref(), event);
        let other = br#"{"id":"anna@example.pl","specversion":"1.0"}"#;
        assert_eq!(
            prepare_one(CLOUD_EVENT, other).unwrap_err(),
            "the CloudEvent's id is not the row's Id: see `ops show`"
        );
        for personal in [br#""anna@example.pl""#.as_slice(), br#"{"id":"a"1","specversion":"anna@example.pl"}"#] {
            assert!(!prepare_one(CLOUD_EVENT, personal).unwrap_err().contains("anna"), "reasons are logged");
        }
    }

    #[test]
    fn any_other_content_type_is_sent_unchanged() {
        for raw in [&b"a;\xffb"[..], b"\xef\xbb\xbfa;b"] {
            assert_eq!(prepare_one("text/csv", raw).unwrap().body.as_ref(), raw);
        }
    }

    #[test]
    fn a_byte_order_mark_before_json_is_ignored() {
        let plain = prepare_one("application/json", b"\xef\xbb\xbf{\"vat\":1.10}").unwrap();
        assert!(plain.body.ends_with(br#""data":{"vat":1.10}}"#), "{:?}", plain.body);
        let event = br#"{"id":"a\"1","specversion":"1.0","x":1.10}"#;
        assert_eq!(prepare_one(CLOUD_EVENT, &[b"\xef\xbb\xbf", &event[..]].concat()).unwrap().body.as_ref(), event);
        let mut marked = row("application/json", b"{}");
        marked.headers = "\u{feff}{\"a\":\"b\"}".into();
        assert_eq!(prepare(&mut marked, &MessageLimits::default()).unwrap().headers.0["a"], "b");
    }

    #[test]
    fn a_row_that_contradicts_its_content_type_is_refused_with_the_reason() {
        assert!(prepare_one("application/json", b"{\"a\":").is_err());
        assert!(prepare_one("application/json", b"\xff").is_err());
        assert!(prepare_one("application/json", b"{} {}").is_err());
        assert!(prepare_one(CLOUD_EVENT, b"[]").is_err());
        let skipped = b"{\"id\":\"a\\\"1\",\"specversion\":\"1.0\",\"x\":\"\xcc\"}";
        assert!(prepare_one(CLOUD_EVENT, skipped).unwrap_err().contains("UTF-8"));
        assert!(prepare_one("text\n", b"").is_err());
        let mut id = row("application/json", b"{}");
        id.id = String::from_utf8_lossy(b"m2\xff").into_owned();
        assert!(prepare(&mut id, &MessageLimits::default()).unwrap_err().contains("UTF-8"));
        let mut headers = row("application/json", b"{}");
        headers.headers = "[1]".into();
        assert!(prepare(&mut headers, &MessageLimits::default()).unwrap_err().contains("Headers"));
        headers.headers = r#"{"timeToLiveMs":"soon"}"#.into();
        assert!(prepare(&mut headers, &MessageLimits::default()).unwrap_err().contains("timeToLiveMs"));
        let old = br#"{"id":"a\"1","specversion":"0.3"}"#;
        assert!(prepare_one(CLOUD_EVENT, old).unwrap_err().contains("specversion"));
        let mut unnamed = row("application/json", b"{}");
        unnamed.event_type = "Pl\nain".into();
        assert!(prepare(&mut unnamed, &MessageLimits::default()).unwrap_err().contains("EventType"));
        let limits = MessageLimits { body_bytes_max: 10, ..MessageLimits::default() };
        assert!(prepare(&mut row("text/csv", b"01234567890"), &limits).unwrap_err().contains("at most 10"));
    }

    /// T-SQL compares it equal to the id without the space: its mail would count as a repeat of another message.
    #[test]
    fn an_id_that_ends_in_a_space_is_refused() {
        let mut padded = row("application/json", b"{}");
        padded.id = "a ".into();
        assert!(prepare(&mut padded, &MessageLimits::default()).unwrap_err().contains("space"));
    }

    #[test]
    fn headers_that_set_bus_properties_are_not_sent_as_headers() {
        let mut steered = row("application/json", b"{}");
        steered.headers = r#"{"timeToLiveMs":"1500","scheduledEnqueueTimeUtc":"2026-12-01T08:00:00Z","a":"b"}"#.into();
        let sent = prepare(&mut steered, &MessageLimits::default()).unwrap();
        assert_eq!(sent.headers.0.into_keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!((sent.timing.live_ms, sent.timing.not_before.unwrap().timestamp()), (Some(1_500), 1_796_112_000));
    }
}
