//! The message types: one file for each, and `ALL`, the list that everything else walks over.
//!
//! To add one: a file here that implements `Event`, its line in `ALL`, and its letters in a folder of its own under
//! `adapters/mail/letters`. Routes, settings, the OpenAPI document, `mail preview` and the tests find it through `ALL`.
//! A type that is not in `ALL` is another program's: it is routed as its setting says (without one it waits), sent as
//! it is, and refused by `read`, so never mailed.

mod about_record;
mod cloud_event;
mod financial_change;
mod financial_record_created;
mod financial_record_deleted;
mod financial_record_updated;
mod letter_value;
mod new_event;
mod notice;
mod payment_reminder;
mod samples;

pub use about_record::AboutRecord;
pub use cloud_event::{CloudEvent, wrap_plain};
pub use financial_change::FinancialChange;
pub use financial_record_created::FinancialRecordCreated;
pub use financial_record_deleted::FinancialRecordDeleted;
pub use financial_record_updated::FinancialRecordUpdated;
pub use letter_value::LetterValue;
pub use new_event::NewEvent;
pub use notice::{Notice, read};
pub use payment_reminder::{DueDate, PaymentReminder};

use super::{
    client::Email,
    ids::{ClientId, MessageId},
    language::Language,
};
use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::{
    PartialSchema,
    openapi::{RefOr, schema::Schema},
};

/// Every message type of ours, in the order in which people are shown them.
pub const ALL: &[EventType] = &[
    EventType::of::<FinancialRecordCreated>(),
    EventType::of::<FinancialRecordUpdated>(),
    EventType::of::<FinancialRecordDeleted>(),
    EventType::of::<PaymentReminder>(),
];

/// A message type: what is particular to it, and nothing else is.
pub trait Event: 'static {
    type Data: EventData;

    /// The CloudEvent's `type` and the row's `EventType`: consumers and settings know it by this, so it never changes.
    const NAME: &'static str;
    /// Of `Data`'s shape. One more where a consumer of the one before could not read it.
    const VERSION: u32;
    /// Where it goes while no setting says otherwise.
    const DEFAULT_ROUTE: DefaultRoute;
    /// Longest CloudEvent of the type. What is longer is refused at enqueue.
    const BODY_BYTES_MAX: usize;
    /// The folder under `adapters/mail/letters` that holds its letter in each language.
    const LETTER: &'static str;

    /// Data that shows what could go wrong with its letter.
    ///
    /// # Errors
    /// A sample is not data of the type; a test keeps that from happening.
    fn samples() -> Result<Samples<Self::Data>, String>;
}

/// The data of a message type: all a consumer needs, so that none has to read our database.
pub trait EventData: Serialize + DeserializeOwned + PartialSchema {
    /// At the time of booking: later changes of the client do not redirect this mail.
    fn recipient(&self) -> &Email;

    /// Of the letter, as the client wants it; None: the office's.
    fn language(&self) -> Option<Language>;

    /// Whose data it is, for finding and erasing.
    fn client(&self) -> ClientId;

    /// What it is about: the CloudEvent's `subject`.
    fn path(&self) -> String;

    /// Rows of one key are published in the order they were written. Fine-grained, since only one row of a key is on its
    /// way at a time.
    fn ordering_key(&self) -> String;

    /// What its letter's templates are filled with.
    fn letter_values(&self) -> Vec<(&'static str, LetterValue)>;
}

/// Each under a name that no other sample of any type has.
pub type Samples<T> = Vec<(&'static str, T)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultRoute {
    /// The queue that SendEmail reads.
    EmailQueue,
    /// Nothing is enqueued.
    Nobody,
}

/// An `Event`, for who does not know which.
#[derive(Debug)]
pub struct EventType {
    pub name: &'static str,
    pub version: u32,
    pub default_route: DefaultRoute,
    pub body_bytes_max: usize,
    pub letter: &'static str,
    /// JSON Schema of the data.
    pub schema: fn() -> RefOr<Schema>,
    /// Its samples under this id and time: name and CloudEvent.
    pub samples: fn(&MessageId, DateTime<Utc>) -> Result<Samples<String>, String>,
    read: fn(&[u8]) -> serde_json::Result<Notice>,
}

impl EventType {
    const fn of<E: Event>() -> Self {
        Self {
            name: E::NAME,
            version: E::VERSION,
            default_route: E::DEFAULT_ROUTE,
            body_bytes_max: E::BODY_BYTES_MAX,
            letter: E::LETTER,
            schema: E::Data::schema,
            samples: samples::written::<E>,
            read: notice::read_as::<E>,
        }
    }
}

/// Whose data a message carries, for finding and erasing.
#[must_use]
pub fn subject_of(client: ClientId) -> String {
    format!("clients/{client}")
}

/// The ordering key of what happens to a month's figures: `17/2026-03`.
fn month_key(client: ClientId, year: u16, month: u8) -> String {
    format!("{client}/{year}-{month:02}")
}
