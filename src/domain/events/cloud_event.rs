//! The CloudEvents document that goes over the bus.

use crate::domain::ids::MessageId;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

const SOURCE: &str = "/clientorganizer/finance";

/// CloudEvents 1.0, structured mode. `id` is the outbox id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudEvent<D> {
    pub specversion: String,
    pub id: String,
    pub source: String,
    #[serde(rename = "type")]
    pub event_type: String,
    /// Optional in CloudEvents: ours name the record's path, a plain row wrapped for another program has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    pub time: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacontenttype: Option<String>,
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
