//! A letter as an internet message (RFC 5322, MIME), for every mailer.

use crate::{
    config::{Unsubscribe, mailbox},
    ports::mailer::Letter,
};
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};
use std::time::SystemTime;
use uuid::Uuid;

/// The sender of all mails: `Biuro Rachunkowe <biuro@example.pl>`, or an address alone. With it go the address for
/// replies, the links to unsubscribe, and the contact lines of the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    from: Mailbox,
    reply_to: Option<Mailbox>,
    unsubscribe: Option<Unsubscribe>,
    /// The office's postal address and telephone.
    postal_address: Option<String>,
    phone: Option<String>,
}

impl Sender {
    /// # Errors
    /// `text` is not a mailbox: what was expected, in words for an operator.
    pub fn parse(text: &str) -> Result<Self, String> {
        let from = mailbox::parse(text)?;
        Ok(Self { from, reply_to: None, unsubscribe: None, postal_address: None, phone: None })
    }

    /// Replies go to `other`, not to the sender.
    #[must_use]
    pub fn with_answers_to(self, other: Self) -> Self {
        Self { reply_to: Some(other.from), ..self }
    }

    /// Sends the List-Unsubscribe headers with each mail.
    #[must_use]
    pub fn with_unsubscribe(self, unsubscribe: Unsubscribe) -> Self {
        Self { unsubscribe: Some(unsubscribe), ..self }
    }

    /// The List-Unsubscribe headers, by name and value.
    pub(super) fn list_headers(&self, letter: &Letter) -> Vec<(&'static str, String)> {
        self.unsubscribe.as_ref().map_or_else(Vec::new, |one| one.headers(key_of(&letter.message_id)))
    }

    /// Sets the lines of the signature below the office's name.
    #[must_use]
    pub fn with_contact(self, postal_address: Option<String>, phone: Option<String>) -> Self {
        Self { postal_address, phone, ..self }
    }

    pub(super) fn office(&self) -> Option<String> {
        self.from.name.clone()
    }

    /// The contact lines of the signature; without a postal address and telephone, the address for replies.
    pub(super) fn contact(&self) -> Vec<String> {
        let phone = self.phone.as_ref().map(|phone| format!("tel. {phone}"));
        let lines: Vec<String> = self.postal_address.iter().cloned().chain(phone).collect();
        if lines.is_empty() { vec![self.reply_to.as_ref().unwrap_or(&self.from).email.to_string()] } else { lines }
    }

    pub(super) fn address(&self) -> &Address {
        &self.from.email
    }

    /// The address and name for replies, if they do not go to the sender.
    pub(super) fn answers_to(&self) -> Option<(String, Option<&str>)> {
        self.reply_to.as_ref().map(|to| (to.email.to_string(), to.name.as_deref()))
    }

    pub(super) fn domain(&self) -> &str {
        self.from.email.domain()
    }
}

/// # Errors
/// A permanent failure: the address cannot be written into a mail.
pub(super) fn recipient(letter: &Letter) -> Result<Address, String> {
    letter.to.as_str().parse().map_err(|_| "the recipient's address cannot be written into a mail".to_owned())
}

/// # Errors
/// A permanent failure: no message can be built from the letter, and why.
pub(super) fn message(letter: &Letter, sender: &Sender) -> Result<Vec<u8>, String> {
    let to = recipient(letter)?;
    let mut builder = Message::builder().from(sender.from.clone());
    if let Some(reply_to) = &sender.reply_to {
        builder = builder.reply_to(reply_to.clone());
    }
    for (name, value) in sender.list_headers(letter) {
        builder = builder.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), value));
    }
    builder
        .to(Mailbox::new(None, to))
        .subject(subject(letter))
        .date(SystemTime::from(letter.date))
        .message_id(Some(internet_id(letter, sender)))
        // No automatic replies to a program (RFC 3834).
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
        .multipart(both(letter))
        .map(|message| message.formatted())
        .map_err(|e| format!("no mail can be built from it: {e}"))
}

/// The boundary is a hash of the parts, so no part can contain it, and a second sending has the same bytes.
fn both(letter: &Letter) -> MultiPart {
    let content = format!("{}\n{}", letter.text, letter.html);
    let boundary = Uuid::new_v5(&key_of(&letter.message_id), content.as_bytes());
    MultiPart::alternative()
        .boundary(format!("={boundary}"))
        .singlepart(SinglePart::plain(letter.text.clone()))
        .singlepart(SinglePart::html(letter.html.clone()))
}

/// The subject on one line, without encoded words. A line break would begin another header, and `=?` an encoded word,
/// which decodes to any text. The domain already refuses line breaks; this is the last check.
pub(super) fn subject(letter: &Letter) -> String {
    let odd = |c: char| {
        c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let line: String = letter.subject.chars().map(|c| if odd(c) { ' ' } else { c }).collect();
    line.replace("=?", "= ?")
}

/// The Message-ID.
pub(super) fn internet_id(letter: &Letter, sender: &Sender) -> String {
    format!("<{}@{}>", key_of(&letter.message_id), sender.domain())
}

/// The same for every sending of a message, so that a duplicate is recognisable. Other programs' ids may be any text.
pub(super) fn key_of(message_id: &str) -> Uuid {
    Uuid::parse_str(message_id).unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_OID, message_id.as_bytes()))
}
