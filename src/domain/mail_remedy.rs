//! Whether an operator's remedy may change a mail; if not, a sentence states the obstacle and what would help.

use super::{delivery::MailState, operations::Action};

/// What an operator can do about a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailRemedy {
    /// refused or in doubt → accepted
    Resend,
    /// in doubt → sent; accepted or parked → sent, where a person knows that it went (a restored database does not)
    AssumeSent,
}

/// The reason an operator gets for an id that no mail has.
pub const UNKNOWN: &str = "there is no mail with this id: `ops mail list` shows the mails";

impl MailRemedy {
    /// The name stored in `OperatorActions`.
    #[must_use]
    pub fn action(self) -> &'static str {
        match self {
            Self::Resend => "mail resend",
            Self::AssumeSent => "mail assume-sent",
        }
    }

    /// The remedy of an operator's action; None: it is not about mails in the inbox.
    #[must_use]
    pub const fn of(action: &Action) -> Option<Self> {
        match action {
            Action::ResendMail => Some(Self::Resend),
            Action::AssumeMailSent => Some(Self::AssumeSent),
            Action::Requeue { .. }
            | Action::Replay { .. }
            | Action::Discard
            | Action::Route { .. }
            | Action::TakeIn => None,
        }
    }

    /// The states of the mails that it is for, unless an operator names others.
    #[must_use]
    pub const fn states(self) -> &'static [MailState] {
        match self {
            Self::Resend => &[MailState::InDoubt, MailState::Refused],
            Self::AssumeSent => &[MailState::InDoubt],
        }
    }

    /// Checks the remedy. `found`: the mail's state, and whether its content is still stored. Returns that state.
    ///
    /// # Errors
    /// The obstacle and what would help, for a person.
    pub fn may(self, found: Option<(MailState, bool)>) -> Result<MailState, String> {
        let why_not = match (self, found) {
            (_, None) => UNKNOWN,
            (Self::Resend, Some((state @ (MailState::Refused | MailState::InDoubt), true)))
            | (Self::AssumeSent, Some((state @ (MailState::InDoubt | MailState::Accepted | MailState::Parked), _))) => {
                return Ok(state);
            }
            (Self::Resend, Some((MailState::Refused | MailState::InDoubt, false))) => {
                "its content was erased after the retention: replay its message from the outbox with --force, if it is still there"
            }
            (Self::Resend, Some((MailState::Sent, _))) => {
                "it was sent: to send it again, replay its message from the outbox with --force"
            }
            (Self::Resend, Some((MailState::Accepted | MailState::Parked, _))) => {
                "it waits already and is sent by itself when due"
            }
            (Self::AssumeSent, Some((MailState::Sent, _))) => "it was sent: there is nothing to assume",
            (Self::Resend | Self::AssumeSent, Some((MailState::Sending, _))) => {
                "it is being sent now: look again when its lease has ended"
            }
            (Self::AssumeSent, Some((MailState::Refused, _))) => {
                "it was refused: it was certainly not sent, and is not sent by itself"
            }
        };
        Err(why_not.to_owned())
    }
}
