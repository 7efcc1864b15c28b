//! An event as the mailer reads it: what a letter needs, whatever the type.

use super::{ALL, CloudEvent, Event, EventData, EventType, LetterValue};
use crate::domain::{client::Email, ids::ClientId, language::Language};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, de::Error};

/// What a letter is written from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The outbox id.
    pub id: String,
    /// When the event happened.
    pub time: DateTime<Utc>,
    /// The client whose data it is.
    pub client: ClientId,
    /// Where the letter goes.
    pub recipient: Email,
    /// The letter's language, as the client wants it. None: the office's.
    pub language: Option<Language>,
    /// The folder of its letter under `adapters/mail/letters`.
    pub letter: &'static str,
    /// The values for its templates.
    pub values: Vec<(&'static str, LetterValue)>,
}

/// Reads a CloudEvent of ours.
///
/// # Errors
/// It is not JSON, its type is not in `ALL`, or its data is not that type's.
pub fn read(body: &[u8]) -> serde_json::Result<Notice> {
    let Typed { event_type } = serde_json::from_slice(body)?;
    (event_type.read)(body)
}

pub(super) fn read_as<E: Event>(body: &[u8]) -> serde_json::Result<Notice> {
    let event: CloudEvent<E::Data> = serde_json::from_slice(body)?;
    Ok(Notice {
        id: event.id,
        time: event.time,
        client: event.data.client(),
        recipient: event.data.recipient().clone(),
        language: event.data.language(),
        letter: E::LETTER,
        values: event.data.letter_values(),
    })
}

#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type", deserialize_with = "known")]
    event_type: &'static EventType,
}

fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static EventType, D::Error> {
    let name = String::deserialize(deserializer)?;
    ALL.iter().find(|one| one.name == name).ok_or_else(|| D::Error::custom("a message type of another program"))
}
