//! Reads a delivery once: the notice to mail and its addressee, or why it can never be mailed.

use super::{
    byte_order_mark::without_mark,
    delivery::{Delivery, MailWork},
    events::{self, Notice},
    ids::MessageId,
    json_fault::without_values,
    recipient::{Addressee, RecipientKey},
};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// What a delivery contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The client and recipient, as far as the body names them.
    pub addressee: Addressee,
    /// The notice to mail; otherwise the reason, as the inbox records it.
    pub notice: Result<Notice, String>,
}

impl Reading {
    /// Reads a delivery. One that is older than `tombstone_days` is refused: the tombstone that would recognise a
    /// duplicate may be gone.
    #[must_use]
    pub fn of(delivery: &Delivery, key: &RecipientKey, now: DateTime<Utc>, tombstone_days: i64) -> Self {
        let read = read(&delivery.message_id, &delivery.body);
        let addressee = match &read {
            Ok(notice) => key.addressee_of(notice),
            Err(_) => key.addressee(&delivery.body),
        };
        let notice = read.and_then(|notice| {
            let born = delivery.enqueued_on.map_or(notice.time, |enqueued| enqueued.min(notice.time));
            if (now - born).num_days() >= tombstone_days {
                return Err(format!(
                    "it is too old: it is from {born}, and duplicates are recognised for {tombstone_days} days"
                ));
            }
            Ok(notice)
        });
        Self { addressee, notice }
    }
}

/// Reads a stored mail. It was young enough when it was stored; its age no longer matters, because its own row
/// recognises duplicates.
///
/// # Errors
/// The reason, as the inbox records it.
pub fn stored(work: &MailWork) -> Result<Notice, String> {
    read(&work.message_id, &work.body)
}

/// The ids of body and broker differ: one of them was forged or mixed up.
const OTHER_ID: &str = "the id in its body is not its MessageId";

fn read(message_id: &str, body: &[u8]) -> Result<Notice, String> {
    if message_id.is_empty() {
        return Err("it has no MessageId, so a repeat of it could not be recognised".to_owned());
    }
    MessageId::parse(message_id)?;
    let text = std::str::from_utf8(without_mark(body)).map_err(|_| "its body is not UTF-8".to_owned())?;
    let notice = events::read(text.as_bytes()).map_err(|error| why_not(message_id, text, &error))?;
    if notice.id == message_id { Ok(notice) } else { Err(OTHER_ID.to_owned()) }
}

/// Reads again a body that is not one of our events, to report the fault that a person can do most about.
fn why_not(message_id: &str, text: &str, error: &serde_json::Error) -> String {
    let message: Value = match serde_json::from_str(text) {
        Ok(message) => message,
        Err(error) => return format!("its body is not JSON: {}", without_values(&error)),
    };
    if message.get("id").is_some_and(|id| id.as_str() != Some(message_id)) {
        return OTHER_ID.to_owned();
    }
    let recipient = message.pointer("/data/recipient").and_then(Value::as_str).unwrap_or_default();
    if message.get("data").is_some() && recipient.is_empty() {
        return "it names no recipient (data.recipient)".to_owned();
    }
    format!("its body is not one of our events: {}", without_values(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    const DAYS: i64 = 400;

    fn time() -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap()
    }

    fn reading(id: &str, body: &[u8], now: DateTime<Utc>) -> Reading {
        let delivery = Delivery {
            message_id: id.to_owned(),
            body: body.to_vec(),
            delivery_count: 1,
            enqueued_on: None,
            traceparent: None,
        };
        Reading::of(&delivery, &RecipientKey::new("k"), now, DAYS)
    }

    fn samples() -> Vec<String> {
        let id = MessageId::parse("m-1").unwrap();
        let samples = events::ALL.iter().flat_map(|one| (one.samples)(&id, time()).unwrap());
        samples.map(|(_, event)| event).collect()
    }

    #[test]
    fn one_reading_finds_the_same_addressee_as_a_separate_look() {
        for event in samples() {
            for body in [event.clone(), format!("\u{feff}{event}")] {
                let read = reading("m-1", body.as_bytes(), time());
                assert_eq!(read.notice.unwrap().id, "m-1");
                assert!(read.addressee.subject.is_some() && read.addressee.recipient_hash.is_some());
                assert_eq!(read.addressee, RecipientKey::new("k").addressee(body.as_bytes()));
            }
        }
    }

    #[test]
    fn a_body_that_can_never_be_mailed_yields_its_reason_and_addressee() {
        let good = samples().remove(0);
        let addressee = RecipientKey::new("k").addressee(good.as_bytes());
        let late = time() + TimeDelta::days(DAYS);
        for (id, body, now, why) in [
            ("", good.clone(), time(), "it has no MessageId"),
            ("m-1 ", good.clone(), time(), "space"),
            ("m-2", good.clone(), time(), OTHER_ID),
            ("m-1", good.replacen("\"type\":\"", "\"type\":\"X", 1), time(), "its body is not one of our events: "),
            ("m-1", good.clone(), late, "it is too old: "),
        ] {
            let read = reading(id, body.as_bytes(), now);
            let reason = read.notice.unwrap_err();
            assert!(reason.contains(why), "{reason}");
            assert_eq!(read.addressee, addressee, "{why}");
        }
        assert!(reading("m-1", good.as_bytes(), late - TimeDelta::seconds(1)).notice.is_ok());
        for (body, why) in [
            (b"\xff".as_slice(), "its body is not UTF-8"),
            (b"{", "its body is not JSON: "),
            (br#"{"id":"m-1","data":{}}"#, "it names no recipient (data.recipient)"),
            (br#"{"id":7,"data":{}}"#, OTHER_ID),
            (b"[]", "its body is not one of our events: "),
        ] {
            let read = reading("m-1", body, time());
            assert!(read.notice.unwrap_err().starts_with(why), "{why}");
            assert_eq!(read.addressee, Addressee::default());
        }
    }
}
