//! The data of the events about a month's figures: booked, changed or deleted.

use super::{EventData, LetterValue, month_key};
use crate::domain::{
    client::{Client, ClientName, Email},
    ids::ClientId,
    json_schema,
    language::{self, Language},
    record::{Figures, FinancialRecord},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A month's figures that were booked, changed or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FinancialChange {
    /// The client's number.
    #[schema(schema_with = json_schema::client_id)]
    pub client_id: ClientId,
    /// The client's name at the time of booking.
    #[schema(schema_with = json_schema::text)]
    pub client_name: ClientName,
    /// Where the letter goes: the client's address at the time of booking.
    #[schema(schema_with = json_schema::email)]
    pub recipient: Email,
    /// The letter's language; if absent, the office's.
    #[serde(default, deserialize_with = "language::known", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = json_schema::language, required = false)]
    pub language: Option<Language>,
    /// The year of the figures.
    #[schema(minimum = 2000, maximum = 2100)]
    pub year: u16,
    /// The month of the figures.
    #[schema(minimum = 1, maximum = 12)]
    pub month: u8,
    /// The figures after the change; of a deletion, the deleted ones.
    #[schema(schema_with = json_schema::figures)]
    pub figures: Figures,
    /// The figures before an update; absent in other events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = json_schema::figures, required = false)]
    pub previous: Option<Figures>,
    /// The record's version: starts at 1 and grows by 1 with every change.
    pub version: i64,
}

impl FinancialChange {
    /// The data about a record. `previous`: its figures before an update.
    #[must_use]
    pub fn of(client: &Client, record: &FinancialRecord, previous: Option<Figures>) -> Self {
        Self {
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
}

impl EventData for FinancialChange {
    fn recipient(&self) -> &Email {
        &self.recipient
    }

    fn language(&self) -> Option<Language> {
        self.language
    }

    fn client(&self) -> ClientId {
        self.client_id
    }

    fn path(&self) -> String {
        format!("clients/{}/finance/{}/{}", self.client_id, self.year, self.month)
    }

    fn ordering_key(&self) -> String {
        month_key(self.client_id, self.year, self.month)
    }

    fn letter_values(&self) -> Vec<(&'static str, LetterValue)> {
        vec![
            ("client", LetterValue::Name(self.client_name.clone())),
            ("month", LetterValue::Month { year: self.year, month: self.month }),
            ("figures", LetterValue::figures(self.figures, self.previous)),
        ]
    }
}
