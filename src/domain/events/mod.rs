//! The message types: one file for each, and `ALL`, the list that everything else walks over.
//!
//! To add one: a file here that implements `Event`, its line in `ALL`, and its letters in their own folder under
//! `adapters/mail/letters`. Routes, settings, the OpenAPI document, `mail preview` and the tests find it through `ALL`.
//! A type that is not in `ALL` belongs to another program: it is routed as its setting states (without one it waits),
//! sent unchanged, and refused by `read`, so it is never mailed.

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

/// Every message type of ours, in the order of all output.
pub const ALL: &[EventType] = &[
    EventType::of::<FinancialRecordCreated>(),
    EventType::of::<FinancialRecordUpdated>(),
    EventType::of::<FinancialRecordDeleted>(),
    EventType::of::<PaymentReminder>(),
];

/// A message type: everything that is particular to it.
pub trait Event: 'static {
    /// The CloudEvent's `data`.
    type Data: EventData;

    /// The CloudEvent's `type` and the row's `EventType`. Consumers and settings refer to it, so it never changes.
    const NAME: &'static str;
    /// The version of `Data`'s shape. It grows by one where a consumer of the previous version could not read the new
    /// one.
    const VERSION: u32;
    /// Where it goes unless a setting states otherwise.
    const DEFAULT_ROUTE: DefaultRoute;
    /// The longest CloudEvent of the type in bytes. A longer one is refused at enqueue.
    const BODY_BYTES_MAX: usize;
    /// The folder under `adapters/mail/letters` that holds its letter in each language.
    const LETTER: &'static str;

    /// Sample data, including extremes that could break its letter.
    ///
    /// # Errors
    /// A sample is not valid data of the type; a test prevents that.
    fn samples() -> Result<Samples<Self::Data>, String>;
}

/// The data of a message type: all that a consumer needs, so that no consumer has to read our database.
pub trait EventData: Serialize + DeserializeOwned + PartialSchema {
    /// The client's address at the time of booking: later changes of the client do not redirect this mail.
    fn recipient(&self) -> &Email;

    /// The letter's language, as the client wants it. None: the office's.
    fn language(&self) -> Option<Language>;

    /// The client whose data it is, for finding and erasing.
    fn client(&self) -> ClientId;

    /// The path of the subject: the CloudEvent's `subject`.
    fn path(&self) -> String;

    /// Rows of one key are published in the order in which they were written. Keys are fine-grained, because only one
    /// row of a key is sent at a time.
    fn ordering_key(&self) -> String;

    /// The values for its letter's templates.
    fn letter_values(&self) -> Vec<(&'static str, LetterValue)>;
}

/// Samples with their names, which are unique across all types.
pub type Samples<T> = Vec<(&'static str, T)>;

/// Where a type goes without a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultRoute {
    /// The queue that SendEmail reads.
    EmailQueue,
    /// No message is enqueued.
    Nobody,
}

/// The properties of an `Event`, for code that handles every type.
#[derive(Debug)]
pub struct EventType {
    /// `Event::NAME`.
    pub name: &'static str,
    /// `Event::VERSION`.
    pub version: u32,
    /// `Event::DEFAULT_ROUTE`.
    pub default_route: DefaultRoute,
    /// `Event::BODY_BYTES_MAX`.
    pub body_bytes_max: usize,
    /// `Event::LETTER`.
    pub letter: &'static str,
    /// JSON Schema of the data.
    pub schema: fn() -> RefOr<Schema>,
    /// The samples as CloudEvents with this id and time.
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

/// The `Subject` of a message: the client whose data it carries, for finding and erasing.
#[must_use]
pub fn subject_of(client: ClientId) -> String {
    format!("clients/{client}")
}

/// The ordering key of messages about a month's figures: `17/2026-03`.
fn month_key(client: ClientId, year: u16, month: u8) -> String {
    format!("{client}/{year}-{month:02}")
}
