//! The mailer: one letter in, one outcome out.

use crate::domain::{
    client::Email,
    delivery::{MailOutcome, MailStatus},
    events::Notice,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// A rendered mail. The Message-ID is derived from the MessageId, so a duplicate is recognisable as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The outbox id.
    pub message_id: String,
    pub to: Email,
    pub subject: String,
    pub text: String,
    pub html: String,
    pub date: DateTime<Utc>,
}

#[async_trait]
pub trait Mailer: Send + Sync {
    /// Breaker name, `mail:<provider>`.
    fn provider(&self) -> &str;

    /// Bounds its own time well below the inbox lease.
    async fn send(&self, letter: &Letter) -> MailOutcome;

    /// Where the provider can be asked what became of a mail that may have been sent.
    fn status_queries(&self) -> Option<&dyn StatusQueries> {
        None
    }
}

#[async_trait]
pub trait StatusQueries: Send + Sync {
    /// Bounds its own time as `send` does. Sends nothing.
    async fn status_of(&self, message_id: &str) -> MailStatus;
}

/// Turns an event into the letter its client reads.
pub trait Letters: Send + Sync {
    /// # Errors
    /// Why no letter can be written of it; the mail is refused with this reason.
    fn write(&self, event: &Notice) -> Result<Letter, String>;
}
