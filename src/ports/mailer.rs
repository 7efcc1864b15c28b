//! The mailer: sends one letter and returns one outcome.

use crate::domain::{
    client::Email,
    delivery::{MailOutcome, MailStatus},
    events::Notice,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// A rendered mail. Its Message-ID is derived from the MessageId, so that duplicates are recognisable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The outbox id.
    pub message_id: String,
    /// The recipient.
    pub to: Email,
    /// The subject line.
    pub subject: String,
    /// The plain text body.
    pub text: String,
    /// The HTML body.
    pub html: String,
    /// The `Date` header: when the event happened.
    pub date: DateTime<Utc>,
}

/// A mail provider.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Breaker name, `mail:<provider>`.
    fn provider(&self) -> &str;

    /// Sends a letter. Bounds its own time well below the inbox lease.
    async fn send(&self, letter: &Letter) -> MailOutcome;

    /// Status queries about mails that may have been sent. None: the provider does not answer any.
    fn status_queries(&self) -> Option<&dyn StatusQueries> {
        None
    }
}

/// Status queries to a provider.
#[async_trait]
pub trait StatusQueries: Send + Sync {
    /// What became of a mail. Bounds its own time as `send` does. Sends nothing.
    async fn status_of(&self, message_id: &str) -> MailStatus;
}

/// Renders events as letters.
pub trait Letters: Send + Sync {
    /// Renders the letter of an event.
    ///
    /// # Errors
    /// Why no letter can be rendered; the mail is refused with this reason.
    fn write(&self, event: &Notice) -> Result<Letter, String>;
}
