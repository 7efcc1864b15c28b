//! What an SMTP server's reply, or its silence, means for a mail. Pure.
//!
//! The step decides first. Until the content was begun nothing can have been accepted, so a lost link is the
//! provider's failure and the mail simply waits. From then on only a reply counts: a server may have taken the mail
//! whose answer we never read, so silence is `Unknown`, also where the link broke in the middle of the content. The
//! library does not tell how far it came there, and a duplicate beats a mail that was lost.
//!
//! A recipient's refusal is told from one of ours by the reply code, made finer by the enhanced code (RFC 3463) where
//! there is one. In doubt between the two it is ours: a wrong setting must not refuse the mails of a whole month.

use super::quoted::quoted;
use crate::domain::delivery::MailOutcome;

/// How far the conversation had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Name, link, TLS, greeting.
    Connect,
    Login,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA, before a byte of the content.
    Announce,
    /// The content itself, and the answer to it.
    Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server said no.
    Reply {
        code: u16,
        text: String,
    },
    /// No reply that can be read: refused, reset, closed, not SMTP, TLS not agreed.
    Lost {
        cause: String,
    },
    OutOfTime,
}

pub(super) fn accepted(text: &str) -> MailOutcome {
    MailOutcome::Accepted { reference: quoted(text) }
}

pub(super) fn failed(step: Step, failure: &Failure) -> MailOutcome {
    let reason = reason(step, failure);
    match (step, failure) {
        (Step::Content, Failure::Lost { .. } | Failure::OutOfTime) => MailOutcome::Unknown { reason },
        (Step::Recipient | Step::Content, Failure::Reply { code, text }) => match blamed(step, *code, text) {
            Blame::Provider => MailOutcome::Provider { after_ms: None, reason },
            Blame::RecipientForNow => MailOutcome::RecipientTransient { after_ms: None, reason },
            Blame::Recipient => MailOutcome::RecipientPermanent { reason },
        },
        (Step::Connect | Step::Login | Step::Sender | Step::Announce, Failure::Reply { .. })
        | (
            Step::Connect | Step::Login | Step::Sender | Step::Recipient | Step::Announce,
            Failure::Lost { .. } | Failure::OutOfTime,
        ) => MailOutcome::Provider { after_ms: None, reason },
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Blame {
    Provider,
    RecipientForNow,
    Recipient,
}

/// Authentication, encryption and the order of commands: nothing the recipient could have done.
const OURS: [u16; 10] = [421, 454, 500, 502, 503, 504, 530, 534, 535, 538];
/// Enhanced codes that speak of the sender or its rights, whatever the reply code.
const OURS_ENHANCED: [&str; 6] = ["5.1.7", "5.1.8", "5.7.3", "5.7.8", "5.7.9", "5.7.60"];

fn blamed(step: Step, code: u16, text: &str) -> Blame {
    let enhanced = enhanced(text);
    if OURS.contains(&code) || enhanced.is_some_and(|code| OURS_ENHANCED.contains(&code)) {
        return Blame::Provider;
    }
    match code {
        // 450, 451, 452: busy mailbox, greylisting, full disk. Those of one recipient and those of the server cannot
        // be told apart, and one recipient must not close the way for all.
        400..500 => Blame::RecipientForNow,
        // "Relay access denied" comes so: our login, not the recipient. As the answer to the content it is a verdict
        // on the mail.
        554 if step == Step::Recipient && !enhanced.is_some_and(of_the_address) => Blame::Provider,
        500..600 => Blame::Recipient,
        // Not a code of RFC 5321 at all.
        _ => Blame::Provider,
    }
}

/// `5.1.x` addresses, `5.2.x` mailboxes, `5.4.x` ways to them.
fn of_the_address(enhanced: &str) -> bool {
    ["5.1.", "5.2.", "5.4."].iter().any(|subject| enhanced.starts_with(subject))
}

/// `5.1.1`, where the text begins with one.
fn enhanced(text: &str) -> Option<&str> {
    let word = text.split_whitespace().next()?;
    let numbers: Vec<&str> = word.split('.').collect();
    let short = |number: &&str| (1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    (numbers.len() == 3 && numbers.iter().all(short)).then_some(word)
}

fn reason(step: Step, failure: &Failure) -> String {
    let at = match step {
        Step::Connect => "while connecting",
        Step::Login => "at the login",
        Step::Sender => "to the sender",
        Step::Recipient => "to the recipient",
        Step::Announce => "to DATA",
        Step::Content => "to the content",
    };
    match failure {
        Failure::Reply { code, text } => format!("the mail server said {code} {at}: {}", quoted(text)),
        Failure::Lost { cause } => format!("the link to the mail server failed, {at}: {}", quoted(cause)),
        Failure::OutOfTime => format!("the mail server gave no answer in time, {at}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(step: Step, code: u16, text: &str) -> MailOutcome {
        failed(step, &Failure::Reply { code, text: text.to_owned() })
    }

    fn kind(outcome: &MailOutcome) -> &'static str {
        match outcome {
            MailOutcome::Accepted { .. } => "accepted",
            MailOutcome::RecipientTransient { .. } => "later",
            MailOutcome::RecipientPermanent { .. } => "never",
            MailOutcome::Provider { .. } => "provider",
            MailOutcome::Unknown { .. } => "unknown",
        }
    }

    #[test]
    fn a_reply_blames_the_recipient_or_us() {
        use Step::{Announce, Connect, Content, Login, Recipient, Sender};
        for (step, code, text, expected) in [
            (Connect, 421, "4.3.2 shutting down", "provider"),
            (Connect, 554, "no service here", "provider"),
            (Login, 535, "5.7.8 wrong password", "provider"),
            (Login, 454, "4.7.0 temporary", "provider"),
            (Sender, 550, "5.7.1 not your address", "provider"),
            (Sender, 530, "5.7.0 log in first", "provider"),
            (Announce, 451, "4.3.0 later", "provider"),
            (Announce, 554, "no valid recipients", "provider"),
            (Recipient, 421, "4.7.0 too many", "provider"),
            (Recipient, 450, "4.2.0 greylisted", "later"),
            (Recipient, 451, "try again", "later"),
            (Recipient, 452, "4.2.2 full", "later"),
            (Recipient, 454, "4.7.0 TLS not available", "provider"),
            (Recipient, 550, "5.1.1 no such user", "never"),
            (Recipient, 550, "no such user", "never"),
            (Recipient, 550, "5.1.8 sender's domain", "provider"),
            (Recipient, 550, "5.7.60 not as this sender", "provider"),
            (Recipient, 551, "moved", "never"),
            (Recipient, 552, "5.2.2 full", "never"),
            (Recipient, 553, "5.1.3 not an address", "never"),
            (Recipient, 501, "5.1.3 not an address", "never"),
            (Recipient, 503, "out of order", "provider"),
            (Recipient, 530, "5.7.0 log in first", "provider"),
            (Recipient, 554, "5.7.1 relay access denied", "provider"),
            (Recipient, 554, "5.1.1 no such user", "never"),
            (Recipient, 250, "what?", "provider"),
            (Content, 421, "4.3.0 shutting down", "provider"),
            (Content, 451, "4.7.1 greylisted", "later"),
            (Content, 552, "5.2.2 full", "never"),
            (Content, 554, "5.7.1 looks like spam", "never"),
            (Content, 535, "5.7.8 no", "provider"),
        ] {
            assert_eq!(kind(&reply(step, code, text)), expected, "{step:?} {code} {text}");
        }
    }

    #[test]
    fn silence_is_a_doubt_from_the_content_on_and_never_before() {
        use Step::{Announce, Connect, Content, Login, Recipient, Sender};
        for failure in [Failure::Lost { cause: "reset".to_owned() }, Failure::OutOfTime] {
            for step in [Connect, Login, Sender, Recipient, Announce] {
                assert_eq!(kind(&failed(step, &failure)), "provider", "{step:?}");
            }
            assert_eq!(kind(&failed(Content, &failure)), "unknown");
        }
    }

    #[test]
    fn no_address_and_no_novel_reaches_the_log() {
        let text = format!("5.1.1 <anna@example.pl>: unknown\r\n{}", "x".repeat(1_000));
        let MailOutcome::RecipientPermanent { reason } = reply(Step::Recipient, 550, &text) else { panic!() };
        assert!(reason.starts_with("the mail server said 550 to the recipient: 5.1.1 <address> unknown x"), "{reason}");
        assert!(reason.len() < 300 && !reason.contains("anna") && !reason.contains(char::is_control), "{reason}");
        assert_eq!(accepted("2.0.0 OK id=7"), MailOutcome::Accepted { reference: "2.0.0 OK id=7".to_owned() });
    }
}
