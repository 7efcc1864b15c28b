//! Mailboxes of From and Reply-To: `Biuro Rachunkowe <biuro@example.pl>`, or an address alone.

use crate::domain::client::Email;
use lettre::message::Mailbox;

/// Parses a mailbox whose address also mail servers accept.
///
/// # Errors
/// What was expected, for a person.
pub fn parse(text: &str) -> Result<Mailbox, String> {
    let mailbox = text.trim().parse::<Mailbox>().ok().filter(|_| !text.chars().any(char::is_control));
    mailbox
        .filter(|mailbox| Email::parse(mailbox.email.as_ref()).is_ok())
        .ok_or_else(|| "expected an address, or a name and an address: Biuro <biuro@example.pl>".to_owned())
}
