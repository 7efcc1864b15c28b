//! How an attempt to send a mail ended, and the inbox columns that record it.

use super::delivery::MailState;

/// How an attempt to send a mail, or a status query about it, ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailSettlement {
    /// The provider has it.
    Sent {
        /// Breaker name, `mail:<provider>`.
        provider: String,
        /// The provider's own reference; empty if it gave none.
        reference: String,
    },
    /// Not sent; tried again after the delay.
    Parked {
        /// Until the next attempt.
        delay_ms: i64,
        /// The failure, for a person.
        reason: String,
        /// The recipient failed, not the provider: starts or continues the time until the mail is given up.
        recipient_failed: bool,
    },
    /// Given up.
    Refused {
        /// The failure, for a person.
        reason: String,
    },
    /// The provider may have taken it: one doubt more.
    InDoubt {
        /// Until the next attempt. None: held for a person.
        delay_ms: Option<i64>,
        /// What is known, for a person.
        reason: String,
    },
    /// Still in doubt after a status query, or before one was possible: no further doubt is counted.
    StillInDoubt {
        /// Until the next status query or attempt.
        delay_ms: i64,
        /// What is known, for a person.
        reason: String,
        /// The provider knew no such mail.
        not_found: bool,
    },
    /// Held for a person, in doubt: not tried again by itself. No further doubt is counted.
    Held {
        /// What is known and how to decide, for a person.
        reason: String,
    },
}

/// The columns that a settlement sets, the same for every database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettlementColumns<'a> {
    /// The new state.
    pub state: MailState,
    /// Until the mail is due. None: it is not tried again by itself.
    pub delay_ms: Option<i64>,
    /// The new `LastError`. None: cleared.
    pub error: Option<&'a str>,
    /// The provider that took it, `mail:<provider>`. None: unchanged.
    pub provider: Option<&'a str>,
    /// The provider's reference. None: unchanged.
    pub reference: Option<&'a str>,
    /// Starts the time until the mail is given up, unless it runs already.
    pub recipient_failed: bool,
    /// Counts a doubt, which begins now.
    pub doubted: bool,
    /// Counts a status query that found no such mail.
    pub not_found: bool,
}

impl MailSettlement {
    /// The columns for this settlement.
    #[must_use]
    pub fn columns(&self) -> SettlementColumns<'_> {
        let ended = |state, error| SettlementColumns {
            state,
            delay_ms: None,
            error,
            provider: None,
            reference: None,
            recipient_failed: false,
            doubted: false,
            not_found: false,
        };
        match self {
            Self::Sent { provider, reference } => SettlementColumns {
                provider: Some(provider),
                reference: Some(reference),
                ..ended(MailState::Sent, None)
            },
            Self::Parked { delay_ms, reason, recipient_failed } => SettlementColumns {
                delay_ms: Some(*delay_ms),
                recipient_failed: *recipient_failed,
                ..ended(MailState::Parked, Some(reason))
            },
            Self::Refused { reason } => ended(MailState::Refused, Some(reason)),
            Self::InDoubt { delay_ms, reason } => {
                SettlementColumns { delay_ms: *delay_ms, doubted: true, ..ended(MailState::InDoubt, Some(reason)) }
            }
            Self::StillInDoubt { delay_ms, reason, not_found } => SettlementColumns {
                delay_ms: Some(*delay_ms),
                not_found: *not_found,
                ..ended(MailState::InDoubt, Some(reason))
            },
            Self::Held { reason } => ended(MailState::InDoubt, Some(reason)),
        }
    }
}
