//! The taxes and contributions of a booked month fall due: the client is reminded of the amounts and the day.

use super::{
    AboutRecord, DefaultRoute, Event, EventData, LetterValue, NewEvent, Samples, month_key,
    samples::{self, Booked},
};
use crate::domain::{
    client::{Client, ClientName, Email},
    ids::ClientId,
    json_schema,
    language::{self, Language},
    period::Period,
    record::{Figures, FinancialRecord},
};
use chrono::{Months, NaiveDate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The message type and its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentReminder {
    /// The client's number.
    #[schema(schema_with = json_schema::client_id)]
    pub client_id: ClientId,
    /// The client's name when the reminder was enqueued.
    #[schema(schema_with = json_schema::text)]
    pub client_name: ClientName,
    /// Where the letter goes: the client's address when the reminder was enqueued.
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
    /// The amounts to be paid.
    #[schema(schema_with = json_schema::figures)]
    pub figures: Figures,
    /// The last day for payment.
    #[schema(schema_with = json_schema::date)]
    pub due_date: NaiveDate,
    /// The version of the record whose figures these are.
    pub version: i64,
}

impl Event for PaymentReminder {
    type Data = Self;

    const NAME: &'static str = "PaymentReminder";
    const VERSION: u32 = 1;
    const DEFAULT_ROUTE: DefaultRoute = DefaultRoute::EmailQueue;
    const BODY_BYTES_MAX: usize = 4 * 1024;
    const LETTER: &'static str = "payment_reminder";

    fn samples() -> Result<Samples<Self>, String> {
        let due = |booked: Booked, date| {
            Ok::<_, String>(Self::of(&booked.client, &booked.record, DueDate::parse(date, booked.record.period)?))
        };
        Ok(vec![
            ("reminder", due(samples::usual()?, "2026-04-20")?),
            ("reminder-odd", due(samples::odd()?, "2031-03-31")?),
        ])
    }
}

impl EventData for PaymentReminder {
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

    /// The record's key, so that no reminder overtakes the figures it is about.
    fn ordering_key(&self) -> String {
        month_key(self.client_id, self.year, self.month)
    }

    fn letter_values(&self) -> Vec<(&'static str, LetterValue)> {
        vec![
            ("client", LetterValue::Name(self.client_name.clone())),
            ("month", LetterValue::Month { year: self.year, month: self.month }),
            ("due_date", LetterValue::Date(self.due_date)),
            ("figures", LetterValue::figures(self.figures, None)),
        ]
    }
}

impl PaymentReminder {
    fn of(client: &Client, record: &FinancialRecord, due_date: DueDate) -> Self {
        Self {
            client_id: client.id,
            client_name: client.draft.name.clone(),
            recipient: client.draft.email.clone(),
            language: client.draft.language,
            year: record.period.year(),
            month: record.period.month(),
            figures: record.figures,
            due_date: due_date.0,
            version: record.version,
        }
    }
}

/// The day on which a month's taxes fall due.
///
/// From the month's first day to five years after its end: older tax debts expire (Tax Ordinance, art. 70). The month
/// decides, not today's date: a reminder of a past day is valid, and a repeat with the same Idempotency-Key is as valid
/// tomorrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueDate(NaiveDate);

const YEARS_MAX: u32 = 5;

impl DueDate {
    /// Reads the due date of a month.
    ///
    /// # Errors
    /// What was expected, for a person.
    pub fn parse(text: &str, period: Period) -> Result<Self, String> {
        let first = NaiveDate::from_ymd_opt(period.year().into(), period.month().into(), 1);
        let last = first.and_then(|day| day.checked_add_months(Months::new(12 * YEARS_MAX + 1))?.pred_opt());
        let (first, last) = first.zip(last).ok_or("has a month without days")?;
        // The full ISO 8601 form: chrono alone also accepts `2030-4-20` and `+2030-04-20`.
        let date = text.parse::<NaiveDate>().ok().filter(|date| date.to_string() == text);
        let date = date.ok_or("must be a date, such as 2030-04-20")?;
        if !(first..=last).contains(&date) {
            return Err(format!("must be from {first} to {last}"));
        }
        Ok(Self(date))
    }
}

impl AboutRecord for DueDate {
    fn event(&self, client: &Client, record: &FinancialRecord) -> Result<NewEvent, String> {
        NewEvent::of::<PaymentReminder>(&PaymentReminder::of(client, record, *self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_due_date_is_a_real_day_of_the_month_or_of_the_five_years_after_it() {
        let period = Period::new(2024, 2).unwrap();
        for fine in ["2024-02-01", "2024-02-29", "2024-03-20", "2029-02-28"] {
            assert_eq!(DueDate::parse(fine, period).unwrap().0.to_string(), fine);
        }
        for outside in ["2024-01-31", "2029-03-01", "0000-01-01", "9999-12-31"] {
            assert_eq!(DueDate::parse(outside, period).unwrap_err(), "must be from 2024-02-01 to 2029-02-28");
        }
        for not_one in [
            "",
            "2024-02-30",
            "2023-02-29",
            "2024-2-29",
            "+2024-03-20",
            "2024-03-20T00:00:00Z",
            " 2024-03-20",
            "20.3.2024",
        ] {
            assert!(DueDate::parse(not_one, period).unwrap_err().contains("such as"), "{not_one}");
        }
        let last = Period::new(2100, 12).unwrap();
        assert!(DueDate::parse("2105-12-31", last).is_ok() && DueDate::parse("2106-01-01", last).is_err());
    }
}
