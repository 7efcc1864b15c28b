//! A letter as an internet message (RFC 5322, MIME), whatever way it then goes.

use crate::{domain::client::Email, ports::mailer::Letter};
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};
use std::time::SystemTime;
use uuid::Uuid;

/// Who the mails are from: `Biuro Rachunkowe <biuro@example.pl>`, or an address alone; and who gets the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    from: Mailbox,
    reply_to: Option<Mailbox>,
}

impl Sender {
    /// # Errors
    /// Says what was expected, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mailbox = text.trim().parse::<Mailbox>().ok().filter(|_| !text.chars().any(char::is_control));
        let mailbox = mailbox.filter(|mailbox| Email::parse(mailbox.email.as_ref()).is_ok());
        mailbox
            .map(|from| Self { from, reply_to: None })
            .ok_or_else(|| "expected an address, or a name and an address: Biuro <biuro@example.pl>".to_owned())
    }

    /// Answers go there, not to the sender.
    #[must_use]
    pub fn with_answers_to(self, other: Self) -> Self {
        Self { reply_to: Some(other.from), ..self }
    }

    /// How the office signs.
    pub(super) fn office(&self) -> String {
        self.from.name.clone().unwrap_or_else(|| self.from.email.to_string())
    }

    pub(super) fn address(&self) -> &Address {
        &self.from.email
    }

    /// Address and name of who gets the answers, if not the sender.
    pub(super) fn answers_to(&self) -> Option<(String, Option<&str>)> {
        self.reply_to.as_ref().map(|to| (to.email.to_string(), to.name.as_deref()))
    }

    pub(super) fn domain(&self) -> &str {
        self.from.email.domain()
    }
}

/// # Errors
/// Its own fault: it cannot be written into a mail.
pub(super) fn recipient(letter: &Letter) -> Result<Address, String> {
    letter.to.as_str().parse().map_err(|_| "the recipient's address cannot be written into a mail".to_owned())
}

/// # Errors
/// Why no message can be made of the letter: its own fault.
pub(super) fn message(letter: &Letter, sender: &Sender) -> Result<Vec<u8>, String> {
    let to = recipient(letter)?;
    let mut builder = Message::builder().from(sender.from.clone());
    if let Some(reply_to) = &sender.reply_to {
        builder = builder.reply_to(reply_to.clone());
    }
    builder
        .to(Mailbox::new(None, to))
        .subject(subject(letter))
        .date(SystemTime::from(letter.date))
        .message_id(Some(internet_id(letter, sender)))
        // No holiday replies to a program (RFC 3834).
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
        .multipart(MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone()))
        .map(|message| message.formatted())
        .map_err(|e| format!("no mail can be made of it: {e}"))
}

/// A line break would begin another header. The domain lets none through; this is the last door.
pub(super) fn subject(letter: &Letter) -> String {
    letter.subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The Message-ID.
pub(super) fn internet_id(letter: &Letter, sender: &Sender) -> String {
    format!("<{}@{}>", key_of(&letter.message_id), sender.domain())
}

/// The same for every sending of one message, so that a duplicate is recognisable. Foreign ids may hold any text.
pub(super) fn key_of(message_id: &str) -> Uuid {
    Uuid::parse_str(message_id).unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_OID, message_id.as_bytes()))
}
