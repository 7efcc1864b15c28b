//! What an SMTP server's reply, or a missing one, means for a mail. Pure.
//!
//! The step decides first. Before the dot that ends the content, nothing can have been accepted: a lost connection is
//! the provider's failure, and the mail waits. From then on only a reply counts. The server may have accepted the mail
//! although its reply was lost, so a missing reply is `Unknown`: a duplicate is better than a lost mail.

use super::smtp_blame::{Blame, blame, enhanced};
use crate::{adapters::quoted::quoted, domain::delivery::MailOutcome};

/// How far the conversation came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Look-up, connection, TLS, greeting.
    Connect,
    Login,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA, before any content.
    Announce,
    /// The content, without the dot that ends it.
    Content,
    /// That dot, and its reply.
    End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server refused.
    Reply {
        code: u16,
        text: String,
    },
    /// No usable reply: refused, reset, closed, not SMTP, TLS failed, or a reply that is not valid at this step.
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
        (Step::End, Failure::Lost { .. } | Failure::OutOfTime) => MailOutcome::Unknown { reason },
        (_, Failure::Lost { .. } | Failure::OutOfTime) => {
            MailOutcome::Provider { after_ms: None, reason, of_mail: false }
        }
        (_, Failure::Reply { code, text }) => match blame(step, *code, text) {
            Blame::Provider => MailOutcome::Provider { after_ms: None, reason, of_mail: of_mail(step, *code) },
            Blame::RecipientForNow => MailOutcome::RecipientTransient { after_ms: None, reason },
            Blame::Recipient => MailOutcome::RecipientPermanent { reason, alike: None },
            Blame::Unknown => MailOutcome::RecipientPermanent { reason, alike: Some(alike(step, *code, text)) },
        },
    }
}

/// Whether the refusal is about this mail: the server knows the recipient by then, and codes from 550 on judge what it
/// was given, not the conversation.
fn of_mail(step: Step, code: u16) -> bool {
    match step {
        Step::Recipient | Step::Content | Step::End => (550..600).contains(&code),
        Step::Connect | Step::Login | Step::Sender | Step::Announce => false,
    }
}

/// The fingerprint of a refusal: code, enhanced code and step. The text is left out: it may name the recipient.
fn alike(step: Step, code: u16, text: &str) -> String {
    let enhanced = enhanced(text).map(|(subject, detail)| format!(" {subject}.{detail}")).unwrap_or_default();
    format!("{code}{enhanced} {}", at(step))
}

fn at(step: Step) -> &'static str {
    match step {
        Step::Connect => "while connecting",
        Step::Login => "at the login",
        Step::Sender => "to the sender",
        Step::Recipient => "to the recipient",
        Step::Announce => "to DATA",
        Step::Content | Step::End => "to the content",
    }
}

fn reason(step: Step, failure: &Failure) -> String {
    let at = at(step);
    match failure {
        Failure::Reply { code, text } => format!("the mail server answered {code} {at}: {}", quoted(text)),
        Failure::Lost { cause } => format!("the connection to the mail server failed, {at}: {}", quoted(cause)),
        Failure::OutOfTime => format!("the mail server gave no answer in time, {at}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::smtp_reply, *};
    use serde_json::Value;

    fn kind(outcome: &MailOutcome) -> &'static str {
        match outcome {
            MailOutcome::Accepted { .. } => "accepted",
            MailOutcome::RecipientTransient { .. } => "retry",
            MailOutcome::RecipientPermanent { .. } => "refused",
            MailOutcome::Provider { .. } => "provider",
            MailOutcome::Unknown { .. } => "unknown",
        }
    }

    fn bytes_of(case: &Value) -> Vec<u8> {
        let Some(hex) = case["reply_bytes_hex"].as_str() else {
            return format!("{}\r\n", case["reply"].as_str().unwrap()).into_bytes();
        };
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[tokio::test]
    async fn known_replies_of_servers_have_the_expected_outcome() {
        let cases: Value = serde_json::from_str(include_str!("../../../tests/cases/smtp-replies.json")).unwrap();
        let cases = cases["cases"].as_array().unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            let step = match case["stage"].as_str().unwrap() {
                "connect" => Step::Connect,
                "auth" => Step::Login,
                "mail" => Step::Sender,
                "rcpt" => Step::Recipient,
                "data" => Step::End,
                other => panic!("{other}"),
            };
            let reply = smtp_reply::read(&mut bytes_of(case).as_slice()).await.unwrap();
            let outcome = match reply.code {
                200..300 => accepted(&reply.text()),
                code => failed(step, &Failure::Reply { code, text: reply.text() }),
            };
            let expected = match case["verdict"].as_str().unwrap() {
                "recipient" | "message" => "refused",
                other => other,
            };
            assert_eq!(kind(&outcome), expected, "{case}");
        }
    }

    #[test]
    fn only_a_refusal_after_the_recipient_is_known_may_be_about_this_mail() {
        for (step, code, text, expected) in [
            (Step::Recipient, 550, "5.7.705 tenant over its threshold", true),
            (Step::End, 550, "5.7.26 neither SPF nor DKIM", true),
            (Step::Sender, 550, "5.7.1 not your address", false),
            (Step::Recipient, 535, "5.7.8 no", false),
            (Step::Recipient, 451, "4.7.500 the server is busy", false),
            (Step::Connect, 554, "no service here", false),
        ] {
            let outcome = failed(step, &Failure::Reply { code, text: text.to_owned() });
            assert!(matches!(outcome, MailOutcome::Provider { of_mail, .. } if of_mail == expected), "{text}");
        }
    }

    #[test]
    fn a_missing_reply_is_in_doubt_only_after_the_last_dot() {
        use Step::{Announce, Connect, Content, End, Login, Recipient, Sender};
        for failure in [Failure::Lost { cause: "reset".to_owned() }, Failure::OutOfTime] {
            for step in [Connect, Login, Sender, Recipient, Announce, Content] {
                assert_eq!(kind(&failed(step, &failure)), "provider", "{step:?}");
            }
            assert_eq!(kind(&failed(End, &failure)), "unknown");
        }
    }

    #[test]
    fn a_logged_reason_has_no_address_and_is_short() {
        let text = format!("5.1.1 <anna@example.pl>: unknown\r\n{}", "x".repeat(1_000));
        let failure = Failure::Reply { code: 550, text };
        let MailOutcome::RecipientPermanent { reason, .. } = failed(Step::Recipient, &failure) else { panic!() };
        assert!(
            reason.starts_with("the mail server answered 550 to the recipient: 5.1.1 <address> unknown x"),
            "{reason}"
        );
        assert!(reason.len() < 300 && !reason.contains("anna") && !reason.contains(char::is_control), "{reason}");
        assert_eq!(accepted("2.0.0 OK id=7"), MailOutcome::Accepted { reference: "2.0.0 OK id=7".to_owned() });
    }
}
