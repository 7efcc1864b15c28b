//! What the queue hands to the email function, the states it takes in the inbox, and what becomes of it.
//!
//! `accepted | parked → sending(token, lease)`; `sending → sent | parked | refused`; a lease that ran out is
//! `in doubt`; `in doubt → sending | sent | refused`; `refused → accepted` (operator).
//! Held = in doubt without a `DueAt`: it waits for a person.

use super::{
    byte_order_mark::without_mark,
    events::{self, Notice},
    ids::{LeaseToken, MessageId},
    json_fault::without_values,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

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
pub enum Whereabouts {
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

/// Reads a delivery as one of our events, or says why it is not ours to mail. Too old: the tombstone that would
/// recognise a duplicate may be gone, so it must not be mailed.
///
/// # Errors
/// The reason, as the inbox records it.
pub fn read_event(delivery: &Delivery, now: DateTime<Utc>, tombstone_days: i64) -> Result<Notice, String> {
    if delivery.message_id.is_empty() {
        return Err("it has no MessageId, so a repeat of it could not be recognised".to_owned());
    }
    MessageId::parse(&delivery.message_id)?;
    let text = std::str::from_utf8(without_mark(&delivery.body)).map_err(|_| "its body is not UTF-8".to_owned())?;
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|e| format!("its body is not JSON: {}", without_values(&e)))?;
    // An id in the body that is not the broker's: one of the two was forged or mixed up.
    if let Some(id) = value.get("id")
        && id.as_str() != Some(delivery.message_id.as_str())
    {
        return Err("the id in its body is not its MessageId".to_owned());
    }
    let recipient = value.pointer("/data/recipient").and_then(serde_json::Value::as_str).unwrap_or_default();
    if value.get("data").is_some() && recipient.is_empty() {
        return Err("it names no recipient (data.recipient)".to_owned());
    }
    let event = events::read(text.as_bytes())
        .map_err(|e| format!("its body is not one of our events: {}", without_values(&e)))?;
    let born = delivery.enqueued_on.map_or(event.time, |enqueued| enqueued.min(event.time));
    if (now - born).num_days() >= tombstone_days {
        return Err(format!("it is too old: of {born}, and duplicates are recognised for {tombstone_days} days"));
    }
    Ok(event)
}

/// A mail that was taken in earlier: it was young enough then, and its age no longer matters, since its row is here.
///
/// # Errors
/// As `read_event`.
pub fn read_stored(work: &MailWork) -> Result<Notice, String> {
    let stored =
        Delivery { message_id: work.message_id.clone(), body: work.body.clone(), delivery_count: 0, enqueued_on: None };
    read_event(&stored, work.now, i64::MAX)
}
