//! What happened to a financial record, as the CloudEvents document that consumers read.

use super::{
    client::{ClientName, Email},
    ids::{ClientId, MessageId},
    language::{self, Language},
    period::Period,
    record::{Figures, FinancialRecord},
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EventType {
    FinancialRecordCreated,
    FinancialRecordUpdated,
    FinancialRecordDeleted,
}

impl EventType {
    pub const ALL: [Self; 3] =
        [Self::FinancialRecordCreated, Self::FinancialRecordUpdated, Self::FinancialRecordDeleted];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FinancialRecordCreated => "FinancialRecordCreated",
            Self::FinancialRecordUpdated => "FinancialRecordUpdated",
            Self::FinancialRecordDeleted => "FinancialRecordDeleted",
        }
    }
}

/// CloudEvents 1.0, structured mode. `id` is the outbox id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudEvent {
    pub specversion: String,
    pub id: String,
    pub source: String,
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// Optional in CloudEvents: ours name the record's path, a plain row wrapped for another program has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    pub time: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacontenttype: Option<String>,
    pub data: FinancialChange,
}

/// The data of our events: all a consumer needs, so that none has to read our database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FinancialChange {
    pub client_id: ClientId,
    /// At the time of booking: later changes of the client do not redirect this mail.
    pub client_name: ClientName,
    pub recipient: Email,
    /// Of the letter, as the client wants it; None: the office's.
    #[serde(default, deserialize_with = "language::known", skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    pub year: u16,
    pub month: u8,
    pub figures: Figures,
    /// The figures before; only of an update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Figures>,
    pub version: i64,
}

pub const SOURCE: &str = "/clientorganizer/finance";

impl CloudEvent {
    #[must_use]
    pub fn new(id: &MessageId, event_type: EventType, time: DateTime<Utc>, data: FinancialChange) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id: id.as_str().to_owned(),
            source: SOURCE.to_owned(),
            event_type,
            subject: Some(record_path(data.client_id, data.year, data.month)),
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

/// Fine-grained, since only one row of a key is on its way at a time.
#[must_use]
pub fn ordering_key(client: ClientId, period: Period) -> String {
    format!("{client}/{period}")
}

/// Whose data a message carries, for finding and erasing.
#[must_use]
pub fn subject_of(client: ClientId) -> String {
    format!("clients/{client}")
}

fn record_path(client: ClientId, year: u16, month: u8) -> String {
    format!("clients/{client}/finance/{year}/{month}")
}

/// What the message says of a record.
#[must_use]
pub fn change_of(
    client: &super::client::Client,
    record: &FinancialRecord,
    previous: Option<Figures>,
) -> FinancialChange {
    FinancialChange {
        client_id: client.id,
        client_name: client.draft.name.clone(),
        recipient: client.draft.email.clone(),
        language: client.draft.language,
        year: record.period.year(),
        month: record.period.month(),
        figures: record.figures,
        previous,
        version: record.version,
    }
}
