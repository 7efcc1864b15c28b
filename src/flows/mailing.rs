//! What mailing works with: the ports, the numbers, and the answer to what became of a mail.

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

pub struct NotifyContext {
    pub inbox: Arc<dyn Inbox>,
    pub breakers: Arc<dyn Breakers>,
    pub mailer: Arc<dyn Mailer>,
    pub letters: Arc<dyn Letters>,
    pub clock: Arc<dyn Clock>,
    pub recipients: RecipientKey,
    pub settings: NotifySettings,
    pub health: Arc<Health>,
    pub dice: Mutex<fastrand::Rng>,
    /// MessageId of the mail that the provider last refused in words that speak of us, if it worked for none since.
    pub blamed: Mutex<Option<String>>,
}

/// What became of a delivery, or of a mail that RetryEmail took up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifyReport {
    Sent,
    Parked {
        reason: String,
    },
    Refused {
        reason: String,
    },
    InDoubt {
        reason: String,
    },
    /// Only of a delivery: it is stored, and RetryEmail sends it.
    Accepted,
    /// Only of a delivery: a repeat of one we know.
    Duplicate {
        state: MailState,
    },
    /// The lease was lost while sending: another decides.
    LeaseLost,
    /// Sent or not, the outcome could not be stored: the lease will run out and the mail be in doubt.
    NotStored {
        reason: String,
    },
}

impl NotifyContext {
    /// Whether this mail is the only one that is refused in words that speak of us, since the provider last worked. In
    /// memory alone: a process that does not know opens the breaker once more.
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

    /// A fresh one to send under.
    pub(super) fn lease(&self) -> Lease {
        Lease {
            token: LeaseToken::fresh(),
            lease_ms: self.settings.lease_ms,
            provider: self.mailer.provider().to_owned(),
            rate_limit: self.settings.rate_limit,
            status_queries: self.answers_queries(),
        }
    }

    /// The provider can say what became of a mail.
    pub(super) fn answers_queries(&self) -> bool {
        self.mailer.status_queries().is_some()
    }

    /// Of a sending; a status query goes by the setting as it is.
    pub(super) fn policy(&self) -> MailPolicy {
        mail_doubt::queried_first(self.settings.policy, self.answers_queries())
    }

    pub(super) fn roll(&self) -> f64 {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner).f64()
    }
}
