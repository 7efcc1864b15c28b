//! An event on its way into the outbox, before it has an id.

use super::{CloudEvent, Event, EventData, subject_of};
use crate::domain::ids::MessageId;
use chrono::{DateTime, Utc};
use serde_json::value::{RawValue, to_raw_value};

/// An event of any type.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// `Event::NAME`.
    pub event_type: &'static str,
    /// `EventData::ordering_key`.
    pub ordering_key: String,
    /// The client whose data it is (`clients/17`).
    pub subject: String,
    body_bytes_max: usize,
    path: String,
    data: Box<RawValue>,
}

impl NewEvent {
    /// The event of a type with its data.
    ///
    /// # Errors
    /// The data cannot be written as JSON.
    pub fn of<E: Event>(data: &E::Data) -> Result<Self, String> {
        Ok(Self {
            event_type: E::NAME,
            ordering_key: data.ordering_key(),
            subject: subject_of(data.client()),
            body_bytes_max: E::BODY_BYTES_MAX,
            path: data.path(),
            data: to_raw_value(data).map_err(|e| e.to_string())?,
        })
    }

    /// The CloudEvent with this id, as JSON.
    ///
    /// # Errors
    /// It is longer than its type allows.
    pub fn payload(self, id: &MessageId, time: DateTime<Utc>) -> Result<String, String> {
        let event = CloudEvent::new(id, self.event_type, self.path, time, self.data);
        let payload = serde_json::to_string(&event).map_err(|e| e.to_string())?;
        if payload.len() > self.body_bytes_max {
            let (bytes, max) = (payload.len(), self.body_bytes_max);
            return Err(format!("the body has {bytes} bytes, the limit of a {} is {max}", self.event_type));
        }
        Ok(payload)
    }
}
