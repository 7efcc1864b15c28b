//! What the queue hands to the email function, the states it takes in the inbox, and what becomes of it.
//!
//! `accepted | parked → sending(token, lease)`; `sending → sent | parked | refused`; a lease that ran out is
//! `in doubt`; `in doubt → sending | sent | refused`; `refused → accepted` (operator).
//! Held = in doubt without a `DueAt`: it waits for a person.

use super::ids::{LeaseToken, MessageId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The consumer half of the inbox key; a second consumer of the same messages brings a name of its own.
pub const EMAIL_CONSUMER: &str = "SendEmail";

/// A queue message, normalised at the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The broker's MessageId; empty when it had none.
    pub message_id: String,
    pub body: Vec<u8>,
    pub delivery_count: i64,
    pub enqueued_on: Option<DateTime<Utc>>,
}

impl Delivery {
    /// A message without an id that can be a key is remembered by its content, so that its redeliveries are one row.
    #[must_use]
    pub fn with_key(self) -> Self {
        if MessageId::parse(&self.message_id).is_ok() {
            return self;
        }
        let by_content = Uuid::new_v5(&Uuid::NAMESPACE_OID, &self.body);
        Self { message_id: format!("no-id:{by_content}"), ..self }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(i64)]
pub enum MailState {
    Accepted = 0,
    Sending = 1,
    Sent = 2,
    Parked = 3,
    InDoubt = 4,
    Refused = 5,
}

impl MailState {
    pub const ALL: [Self; 6] = [Self::Accepted, Self::Sending, Self::Sent, Self::Parked, Self::InDoubt, Self::Refused];

    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as i64 == code)
    }

    /// In which a message is first stored, where nobody sends it at once. `refused`: why it can never be mailed.
    #[must_use]
    pub fn first(refused: Option<&str>) -> Self {
        if refused.is_some() { Self::Refused } else { Self::Accepted }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Parked => "parked",
            Self::InDoubt => "in-doubt",
            Self::Refused => "refused",
        }
    }
}

/// A mail that is ours to send now: we hold its lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailWork {
    pub message_id: String,
    pub token: LeaseToken,
    pub body: Vec<u8>,
    pub attempts: i64,
    /// Leases that ran out without an outcome: each may stand for a mail already sent.
    pub doubts: i64,
    /// When the recipient first failed transiently; what `Email__GiveUpHours` counts from.
    pub first_transient_on: Option<DateTime<Utc>>,
    /// When its last doubt began.
    pub doubted_on: Option<DateTime<Utc>>,
    /// How often, since then, the provider was asked and knew no such mail.
    pub not_found: i64,
    /// The database's now, for comparing with the above.
    pub now: DateTime<Utc>,
}

/// What a mail provider says. There is no "failed": where nothing is known, it says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailOutcome {
    /// The provider has it; its own reference, if it gave one.
    Accepted { reference: String },
    /// This recipient cannot be reached now (mailbox full, greylisting).
    RecipientTransient { after_ms: Option<i64>, reason: String },
    /// This recipient can never be reached, or not with this mail. `alike`: a fingerprint of the refusal, where it is not
    /// certain that it was the recipient's or the mail's; several in a row are the provider's.
    RecipientPermanent { reason: String, alike: Option<String> },
    /// The provider itself fails: down, throttled, refusing us. It never expires. `of_mail`: it says so knowing the
    /// recipient or the mail, so that it may be said of this one alone, whatever its words.
    Provider { after_ms: Option<i64>, reason: String, of_mail: bool },
    /// Taken or not, nobody knows.
    Unknown { reason: String },
}

/// What a provider says when it is asked about a mail that may have been sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailStatus {
    /// It has it, or delivered it.
    Taken { reference: String },
    /// It took it and gave it up: the recipient will not get it. `ours`: for a fault that was not the recipient's or the
    /// mail's, such as the sender, the account or its quota.
    Failed { reason: String, ours: bool },
    /// It knows no such mail, or does not know it yet.
    NotFound,
    /// It cannot be asked now: down, throttled, refusing us.
    Provider { after_ms: Option<i64>, reason: String },
}

/// What an operator reads of a mail whose lease ran out.
pub const LEASE_RAN_OUT: &str = "its lease ran out without an outcome: it may have been sent";

/// What to do about a mail that may have been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDoubt {
    Resend,
    Hold,
}

/// The numbers of the mail policy, from settings.
#[derive(Debug, Clone, Copy)]
pub struct MailPolicy {
    pub on_doubt: OnDoubt,
    /// A mail that may have been sent so often already is held, whatever `on_doubt` says.
    pub doubts_max: i64,
    pub retry_base_ms: i64,
    pub retry_delay_max_ms: i64,
    pub give_up_ms: i64,
    pub breaker_base_ms: i64,
    pub breaker_max_ms: i64,
}
