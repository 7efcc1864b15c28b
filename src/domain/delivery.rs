//! What the queue delivers to the email function, the states of a mail in the inbox, and how it can end.
//!
//! A mail is `accepted`; `accepted | parked → sending(token, lease)`; `sending → sent | parked | refused`;
//! an expired lease is `in doubt`; `in doubt → sending | sent | refused`; `refused → accepted` (operator). Held means
//! in doubt without a `DueAt`: the mail waits for a person.

use super::{
    ids::{LeaseToken, MessageId},
    traceparent,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The consumer part of the inbox key. A second consumer of the same messages uses its own name.
pub const EMAIL_CONSUMER: &str = "SendEmail";

/// A queue message, normalised at the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The broker's MessageId; empty if the message has none.
    pub message_id: String,
    /// The message as delivered, not yet checked.
    pub body: Vec<u8>,
    /// How often the broker has delivered it, this time included.
    pub delivery_count: i64,
    /// When it arrived in the queue, by the broker's clock.
    pub enqueued_on: Option<DateTime<Utc>>,
    /// The trace context of the booking that wrote the message, from its application properties.
    pub traceparent: Option<String>,
}

impl Delivery {
    /// A message whose id cannot be a key gets one made from its content, so that its redeliveries are one row.
    #[must_use]
    pub fn with_key(self) -> Self {
        if MessageId::parse(&self.message_id).is_ok() {
            return self;
        }
        let by_content = Uuid::new_v5(&Uuid::NAMESPACE_OID, &self.body);
        Self { message_id: format!("no-id:{by_content}"), ..self }
    }
}

/// The state of a mail in the inbox. The number is the column's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[repr(i64)]
pub enum MailState {
    /// Stored, and due at once or when the provider has room.
    Accepted = 0,
    /// Leased: one process is sending it.
    Sending = 1,
    /// The provider has it, or an operator declared it sent.
    Sent = 2,
    /// Certainly not sent; tried again when due.
    Parked = 3,
    /// It may or may not have been sent.
    InDoubt = 4,
    /// It will not be sent unless an operator resends it.
    Refused = 5,
}

impl MailState {
    /// Every state, by code.
    pub const ALL: [Self; 6] = [Self::Accepted, Self::Sending, Self::Sent, Self::Parked, Self::InDoubt, Self::Refused];

    /// The state of a stored number. None: the number is invalid.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as i64 == code)
    }

    /// The state in which a message is first stored when it is not sent at once. `refused`: why it can never be mailed.
    #[must_use]
    pub fn first(refused: Option<&str>) -> Self {
        if refused.is_some() { Self::Refused } else { Self::Accepted }
    }

    /// The state's name in output and on the command line.
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

/// A mail to send now, under a lease that this process holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailWork {
    /// The inbox key.
    pub message_id: String,
    /// Proof of the lease; settling needs it.
    pub token: LeaseToken,
    /// The stored message.
    pub body: Vec<u8>,
    /// The trace context of the booking that wrote the message.
    pub traceparent: Option<String>,
    /// Leases so far, this one included.
    pub attempts: i64,
    /// Attempts without a known outcome: each may have sent the mail.
    pub doubts: i64,
    /// When the recipient first failed transiently; `Email__GiveUpHours` counts from then.
    pub first_transient_on: Option<DateTime<Utc>>,
    /// When the last doubt began.
    pub doubted_on: Option<DateTime<Utc>>,
    /// Status queries since then that found no such mail.
    pub not_found: i64,
    /// The database's time, for comparison with the times above.
    pub now: DateTime<Utc>,
}

impl MailWork {
    /// The trace id, for the log.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        traceparent::trace_id(self.traceparent.as_deref()?)
    }
}

/// A mail provider's answer. There is no "failed": an attempt whose result is not known is `Unknown`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailOutcome {
    /// The provider has taken the mail.
    Accepted {
        /// The provider's own reference; empty if it gave none.
        reference: String,
    },
    /// This recipient cannot be reached now (mailbox full, greylisting).
    RecipientTransient {
        /// The pause that the answer requests.
        after_ms: Option<i64>,
        /// The answer, for a person.
        reason: String,
    },
    /// This recipient can never be reached, or not with this mail.
    RecipientPermanent {
        /// The answer, for a person.
        reason: String,
        /// A fingerprint of the refusal, where it may be the provider's fault: several alike in a row are.
        alike: Option<String>,
    },
    /// The provider itself fails: it is down, throttles or refuses us. Such failures never give the mail up.
    Provider {
        /// The pause that the answer requests.
        after_ms: Option<i64>,
        /// The answer, for a person.
        reason: String,
        /// The provider knew the recipient or the mail when it answered, so the refusal may concern this mail alone.
        of_mail: bool,
    },
    /// It may or may not have been taken.
    Unknown {
        /// What is known, for a person.
        reason: String,
    },
}

impl MailOutcome {
    /// The kind of a failure, from a small set. None: accepted.
    #[must_use]
    pub fn error_type(&self) -> Option<&'static str> {
        match self {
            Self::Accepted { .. } => None,
            Self::RecipientTransient { .. } => Some("recipient_transient"),
            Self::RecipientPermanent { .. } => Some("recipient_permanent"),
            Self::Provider { .. } => Some("provider"),
            Self::Unknown { .. } => Some("unknown"),
        }
    }
}

/// A provider's answer to a status query about a mail that may have been sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailStatus {
    /// The provider has it, or has delivered it.
    Taken {
        /// The provider's own reference.
        reference: String,
    },
    /// The provider took it and gave it up: the recipient will not get it.
    Failed {
        /// The provider's reason.
        reason: String,
        /// The fault lies with the sender, the account or its quota, not with the recipient or the mail.
        ours: bool,
    },
    /// The provider knows no such mail, or not yet.
    NotFound,
    /// The provider cannot be queried now: it is down, throttles or refuses us.
    Provider {
        /// The pause that the answer requests.
        after_ms: Option<i64>,
        /// The answer, for a person.
        reason: String,
    },
}

/// The error that is stored with a mail whose lease expired.
pub const LEASE_RAN_OUT: &str = "its lease ran out without an outcome: it may have been sent";

/// What to do about a mail that may have been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDoubt {
    /// Send it again, with the same Message-ID: it may arrive twice.
    Resend,
    /// Keep it for a person to decide: it may not have arrived.
    Hold,
}

/// The numbers of the mail policy, from settings.
#[derive(Debug, Clone, Copy)]
pub struct MailPolicy {
    /// `Email__OnDoubt`.
    pub on_doubt: OnDoubt,
    /// After this many doubts a mail is held, whatever `on_doubt` is.
    pub doubts_max: i64,
    /// The delay after a first failure; it doubles with each further one.
    pub retry_base_ms: i64,
    /// The longest delay between two attempts.
    pub retry_delay_max_ms: i64,
    /// A recipient that fails transiently for this long is given up.
    pub give_up_ms: i64,
    /// How long the provider's breaker opens at first; it doubles with each further failure.
    pub breaker_base_ms: i64,
    /// The longest that the provider's breaker opens by itself.
    pub breaker_max_ms: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_number_is_one_state_and_its_name_is_that_of_the_api() {
        for state in MailState::ALL {
            assert_eq!(MailState::from_code(state as i64), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
        assert_eq!((MailState::from_code(-1), MailState::from_code(6)), (None, None));
    }

    #[test]
    fn a_message_whose_id_cannot_be_a_key_gets_one_of_its_content() {
        let keyed = |id: &str, body: &[u8]| {
            let (message_id, body) = (id.to_owned(), body.to_vec());
            Delivery { message_id, body, delivery_count: 1, enqueued_on: None, traceparent: None }.with_key().message_id
        };
        assert_eq!(keyed("m", b"a"), "m");
        assert_eq!(keyed("", b"a"), keyed(&"x".repeat(129), b"a"), "a redelivery is the same row");
        assert_ne!(keyed("", b"a"), keyed("", b"b"));
    }
}
