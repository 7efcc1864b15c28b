//! The context of the mail flows, and the report of one mail.

use super::health::Health;
use crate::{
    domain::{
        delivery::{MailOutcome, MailPolicy, MailState},
        flow_settings::NotifySettings,
        ids::LeaseToken,
        mail_doubt,
        recipient::RecipientKey,
    },
    ports::{
        breaker::Breakers,
        clock::Clock,
        inbox::{Inbox, Lease},
        mailer::{Letters, Mailer},
    },
};
use std::sync::{Arc, Mutex, PoisonError};

/// What mailing needs.
pub struct NotifyContext {
    /// The inbox entries.
    pub inbox: Arc<dyn Inbox>,
    /// The provider's breaker.
    pub breakers: Arc<dyn Breakers>,
    /// The mail provider.
    pub mailer: Arc<dyn Mailer>,
    /// Writes a letter from a message's content.
    pub letters: Arc<dyn Letters>,
    /// Time of what Health reports, and of a delivery.
    pub clock: Arc<dyn Clock>,
    /// Key of the recipients' hashes.
    pub recipients: RecipientKey,
    /// Leases, delays and rate limits.
    pub settings: NotifySettings,
    /// Receives the state of the database and the mail provider.
    pub health: Arc<Health>,
    /// Jitter; seeded in simulations.
    pub dice: Mutex<fastrand::Rng>,
    /// MessageId of the last mail that the provider refused with a reason about this sender, not about the mail; None
    /// once the provider has accepted or refused another mail on its own merits.
    pub blamed: Mutex<Option<String>>,
}

/// The result of a delivery, or of a mail that RetryEmail sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifyReport {
    /// The provider accepted it.
    Sent,
    /// It is tried again later.
    Parked {
        /// Why it was not sent.
        reason: String,
    },
    /// It will not be sent unless an operator resends it.
    Refused {
        /// Why; may quote the body or name the recipient.
        reason: String,
    },
    /// It may have been sent.
    InDoubt {
        /// Why that is not known.
        reason: String,
    },
    /// Only of a delivery: it is stored, and RetryEmail sends it.
    Accepted,
    /// Only of a delivery: a repeat of a message that the inbox has.
    Duplicate {
        /// The state of the inbox entry.
        state: MailState,
    },
    /// The lease was lost while sending: another process decides.
    LeaseLost,
    /// The outcome could not be stored: when the lease ends, the mail is in doubt.
    NotStored {
        /// The store's error.
        reason: String,
    },
}

impl NotifyReport {
    /// Its name in reports, logs and metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Parked { .. } => "parked",
            Self::Refused { .. } => "refused",
            Self::InDoubt { .. } => "inDoubt",
            Self::Accepted => "accepted",
            Self::Duplicate { .. } => "duplicate",
            Self::LeaseLost => "leaseLost",
            Self::NotStored { .. } => "notStored",
        }
    }
}

impl NotifyContext {
    /// Whether this mail is the only one refused with a reason about this sender since the provider last worked. Known
    /// in memory only: a process that has just started opens the breaker once more.
    pub(super) fn blames_us(&self, message_id: &str, outcome: &MailOutcome) -> bool {
        let mut blamed = self.blamed.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            MailOutcome::Provider { of_mail: true, .. } => {
                blamed.replace(message_id.to_owned()).is_none_or(|before| before == message_id)
            }
            MailOutcome::Provider { of_mail: false, .. } | MailOutcome::Unknown { .. } => false,
            MailOutcome::Accepted { .. }
            | MailOutcome::RecipientTransient { .. }
            | MailOutcome::RecipientPermanent { .. } => {
                *blamed = None;
                false
            }
        }
    }

    /// A new lease for sending.
    pub(super) fn lease(&self) -> Lease {
        Lease {
            token: LeaseToken::fresh(),
            lease_ms: self.settings.lease_ms,
            provider: self.mailer.provider().to_owned(),
            rate_limit: self.settings.rate_limit,
            status_queries: self.answers_queries(),
        }
    }

    /// Whether the provider answers status queries.
    pub(super) fn answers_queries(&self) -> bool {
        self.mailer.status_queries().is_some()
    }

    /// The policy for sending; a status query uses the one of the settings as it is.
    pub(super) fn policy(&self) -> MailPolicy {
        mail_doubt::queried_first(self.settings.policy, self.answers_queries())
    }

    pub(super) fn roll(&self) -> f64 {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner).f64()
    }
}
