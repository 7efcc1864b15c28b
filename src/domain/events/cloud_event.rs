//! The CloudEvents document that is sent over the bus.

use crate::domain::ids::MessageId;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

const SOURCE: &str = "/clientorganizer/finance";

/// A CloudEvent 1.0 in structured mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudEvent<D> {
    /// `1.0`.
    pub specversion: String,
    /// The outbox id.
    pub id: String,
    /// `/clientorganizer/finance`.
    pub source: String,
    /// The name of the message type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Ours name the record's path. None: the wrapped row of another program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When the event happened.
    pub time: DateTime<Utc>,
    /// `application/json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacontenttype: Option<String>,
    /// The message type's data.
    pub data: D,
}

impl<D> CloudEvent<D> {
    pub(super) fn new(id: &MessageId, event_type: &str, subject: String, time: DateTime<Utc>, data: D) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id: id.as_str().to_owned(),
            source: SOURCE.to_owned(),
            event_type: event_type.to_owned(),
            subject: Some(subject),
            time,
            datacontenttype: Some("application/json".to_owned()),
            data,
        }
    }
}

/// Wraps the payload of a plain row (`application/json`) into a CloudEvent, as text, so that its numbers stay as
/// written. The caller has checked that `payload` is JSON.
#[must_use]
pub fn wrap_plain(id: &str, event_type: &str, occurred_on: DateTime<Utc>, payload: &str) -> String {
    let text = |s: &str| serde_json::Value::from(s).to_string();
    format!(
        r#"{{"specversion":"1.0","id":{},"source":"{SOURCE}","type":{},"time":"{}","datacontenttype":"application/json","data":{payload}}}"#,
        text(id),
        text(event_type),
        occurred_on.to_rfc3339_opts(SecondsFormat::Millis, true),
    )
}
