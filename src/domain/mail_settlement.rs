//! How a try to send a mail ended, and the columns of the inbox that say so.

use super::delivery::MailState;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailSettlement {
    Sent {
        provider: String,
        reference: String,
    },
    /// Try again after the delay. `recipient_failed`: it starts or continues the give-up time.
    Parked {
        delay_ms: i64,
        reason: String,
        recipient_failed: bool,
    },
    Refused {
        reason: String,
    },
    /// The provider may have taken it. `delay_ms` None: held for a person.
    InDoubt {
        delay_ms: Option<i64>,
        reason: String,
    },
    /// Still in doubt after a status query, or before there could be one: no further doubt. `not_found`: the provider
    /// knew no such mail.
    StillInDoubt {
        delay_ms: i64,
        reason: String,
        not_found: bool,
    },
    /// Doubted too often already, so not tried again: in doubt, held for a person. Counts no further doubt.
    Held {
        reason: String,
    },
}

/// What a settlement sets, as both dialects bind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettlementColumns<'a> {
    pub state: MailState,
    /// None: not due by itself.
    pub delay_ms: Option<i64>,
    pub error: Option<&'a str>,
    /// None: as it was.
    pub provider: Option<&'a str>,
    /// None: as it was.
    pub reference: Option<&'a str>,
    /// Starts the give-up time, where it does not run yet.
    pub recipient_failed: bool,
    /// Counts a doubt, which begins now.
    pub doubted: bool,
    /// Counts a status query that found no such mail.
    pub not_found: bool,
}

impl MailSettlement {
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
