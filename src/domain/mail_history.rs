//! What a settlement of a mail adds to what operators see of the past.

use super::{delivery::MailState, fingerprint::Failure, latency, mail_settlement::MailSettlement};

impl MailSettlement {
    /// Whether it is an attempt or a decision. Otherwise the mail only waits, and its last failure stays the last.
    /// `provider_met`: the provider may have seen the mail, or a status query about it.
    #[must_use]
    pub fn is_attempt(&self, provider_met: bool) -> bool {
        match self {
            Self::Parked { .. } | Self::StillInDoubt { .. } => provider_met,
            Self::Sent { .. } | Self::Refused { .. } | Self::InDoubt { .. } | Self::Held { .. } => true,
        }
    }

    /// The group of its failure. None: it was sent, or not tried.
    #[must_use]
    pub fn failure(&self, provider: &str, provider_met: bool) -> Option<Failure> {
        let columns = self.columns();
        let error = columns.error.filter(|_| self.is_attempt(provider_met))?;
        Some(Failure::of(provider, columns.state.name(), error))
    }

    /// The bucket in which its minute counts it. None: its latency does if it was sent; otherwise it is not counted.
    #[must_use]
    pub fn bucket(&self, provider_met: bool) -> Option<i64> {
        match self {
            Self::Sent { .. } | Self::Held { .. } => None,
            Self::Refused { .. } => Some(latency::GIVEN_UP),
            Self::InDoubt { .. } => Some(latency::FAILED),
            Self::Parked { .. } | Self::StillInDoubt { .. } => provider_met.then_some(latency::FAILED),
        }
    }
}

/// The group of messages that can never be mailed.
#[must_use]
pub fn unmailable(provider: &str, reason: &str) -> Failure {
    Failure::of(provider, MailState::Refused.name(), reason)
}

/// The group of mails whose leases ran out.
#[must_use]
pub fn never_settled(provider: &str) -> Failure {
    Failure::of(provider, MailState::InDoubt.name(), super::delivery::LEASE_RAN_OUT)
}
