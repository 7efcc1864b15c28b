//! What an answer of Azure Communication Services, or a missing one, means for a mail. Pure.
//!
//! As with SMTP, nothing can have been accepted before the request was written: a failure until then is the provider's,
//! and the mail waits. From then on only an answer counts, and silence is `Unknown`. An error about us (keys, roles,
//! domains, limits) opens the breaker. An error about the recipient refuses that mail. A 400 that names neither parks
//! the mail until it is given up, so that it neither blocks the others nor loses the mails of a whole month.
//!
//! A logged reason (`Provider`) has the error's code, not its text. A reason that is only stored has the text, without
//! addresses.

use crate::{
    adapters::quoted::quoted,
    domain::delivery::{MailOutcome, MailStatus},
};
use serde::Deserialize;

/// The role that an identity needs at the resource for sending and for status queries.
pub const ACS_ROLE: &str = "Communication and Email Service Owner (09976791-48a7-449e-bb21-39d1a415f350)";

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Answer {
    pub status: u16,
    pub after_ms: Option<i64>,
    pub body: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Silence {
    /// No part of the request can have arrived.
    NotSent { cause: String },
    /// Part of the request may have arrived.
    Cut { cause: String },
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    id: Option<String>,
    status: Option<String>,
    error: Option<Fault>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fault {
    code: Option<String>,
    message: Option<String>,
}

impl Fault {
    /// The code, or empty if it has characters that codes do not have: it is logged.
    fn code(&self) -> &str {
        let code = self.code.as_deref().unwrap_or_default();
        let plain = code.len() <= 60 && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
        if plain { code } else { "" }
    }

    fn words(&self) -> String {
        quoted(&format!("{} {}", self.code(), self.message.as_deref().unwrap_or_default()))
    }

    fn contains(&self, any: &[&str]) -> bool {
        let text: String = format!("{} {}", self.code(), self.message.as_deref().unwrap_or_default());
        let text: String = text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
        any.iter().any(|word| text.contains(word))
    }

    /// Whether it blames the sender, the account or its limits. The suppression list is about recipients, whatever else
    /// the text names.
    fn is_ours(&self) -> bool {
        !self.contains(&["suppress"])
            && (self.contains(&OURS) || (self.contains(&OURS_ALONE) && !self.contains(&["recipient"])))
    }
}

fn details(body: &[u8]) -> Details {
    serde_json::from_slice(body).unwrap_or_default()
}

/// The outcome of a sending with the Operation-Id `operation`.
pub(super) fn sent(answer: &Answer, operation: &str) -> MailOutcome {
    let details = details(&answer.body);
    let fault = details.error.unwrap_or_default();
    match answer.status {
        202 => MailOutcome::Accepted { reference: details.id.unwrap_or_else(|| operation.to_owned()) },
        200..=299 => MailOutcome::Unknown { reason: format!("it answered {}, expected 202", answer.status) },
        400 if duplicate(&fault) => {
            MailOutcome::Accepted { reference: format!("{operation}: it had a mail with this Message-ID already") }
        }
        // It knows the operation, or regards this as a repeat: it may have the mail already. A status query decides.
        409 => doubt(answer, &fault),
        400 | 412 if fault.contains(&REPEATED) => doubt(answer, &fault),
        400 if fault.contains(&["suppress"]) || (fault.contains(&["recipient"]) && !fault.is_ours()) => {
            let alike = (!fault.contains(&["suppress"])).then(|| format!("400 {}", fault.code()));
            MailOutcome::RecipientPermanent { reason: format!("the recipient is refused: {}", fault.words()), alike }
        }
        400 if fault.is_ours() => ours(answer, &fault),
        400 => {
            MailOutcome::RecipientTransient { after_ms: None, reason: format!("it answered 400: {}", fault.words()) }
        }
        413 => MailOutcome::RecipientPermanent {
            reason: "the mail is too large for the provider".to_owned(),
            alike: Some("413".to_owned()),
        },
        _ => ours(answer, &fault),
    }
}

/// Words of errors about the ids that identify a repeat.
const REPEATED: [&str; 2] = ["operationid", "repeatab"];

fn doubt(answer: &Answer, fault: &Fault) -> MailOutcome {
    let reason = format!("may have been sent already: it answered {} {}", answer.status, fault.code());
    MailOutcome::Unknown { reason: reason.trim_end().to_owned() }
}

/// Words of errors about the sender, its domain and its quota.
const OURS: [&str; 5] = ["sender", "domain", "username", "unauthorized", "quota"];
/// Words of errors about us only if no recipient is named: recipients have accounts too.
const OURS_ALONE: [&str; 5] = ["account", "suspended", "subscription", "throttl", "ratelimit"];

/// Whether the service already has a mail with this Message-ID. Its documentation describes only a bad request, so the
/// text must name both the id and the repetition.
fn duplicate(fault: &Fault) -> bool {
    fault.contains(&["messageid"]) && fault.contains(&["duplicate", "already"])
}

pub(super) fn silent(silence: Silence) -> MailOutcome {
    match silence {
        Silence::NotSent { cause } => MailOutcome::Provider {
            after_ms: None,
            reason: format!("Azure Communication Services: {cause}"),
            of_mail: false,
        },
        Silence::Cut { cause } => {
            MailOutcome::Unknown { reason: format!("no answer after the mail was sent: {cause}") }
        }
    }
}

pub(super) fn found(answer: &Answer) -> MailStatus {
    let details = details(&answer.body);
    let fault = details.error.unwrap_or_default();
    match (answer.status, details.status.as_deref()) {
        (200, Some(status @ ("NotStarted" | "Running" | "Succeeded"))) => {
            MailStatus::Taken { reference: format!("{} ({status})", details.id.unwrap_or_default()) }
        }
        (200, Some(status @ ("Failed" | "Canceled"))) => {
            let ours = fault.is_ours();
            let what = if ours { "because of our account or settings" } else { "not delivered" };
            MailStatus::Failed { reason: format!("{status} at the provider, {what}: {}", fault.words()), ours }
        }
        (404, _) => MailStatus::NotFound,
        _ => {
            let (after_ms, reason) = read(answer, &fault);
            MailStatus::Provider { after_ms, reason }
        }
    }
}

pub(super) fn not_queried(silence: Silence) -> MailStatus {
    let (Silence::NotSent { cause } | Silence::Cut { cause }) = silence;
    MailStatus::Provider { after_ms: None, reason: format!("Azure Communication Services: {cause}") }
}

fn ours(answer: &Answer, fault: &Fault) -> MailOutcome {
    let (after_ms, reason) = read(answer, fault);
    MailOutcome::Provider { after_ms, reason, of_mail: answer.status == 400 }
}

fn read(answer: &Answer, fault: &Fault) -> (Option<i64>, String) {
    let forbids =
        format!("forbids sending: the identity lacks a role that allows it at this resource, such as {ACS_ROLE}");
    let what = match answer.status {
        401 => "refuses the signature or token: check the access key, the identity's role, and the clock",
        403 => &forbids,
        404 => {
            "does not know the resource or domain: check Email__AcsEndpoint, and that the domain of Email__From is linked"
        }
        400 => "refuses the sender: its domain must be verified and linked, and Email__From one of its sender names",
        429 => "throttles sending: a support request can raise its limits",
        500..=599 => "fails",
        300..=399 => "redirects, which is not followed: check Email__AcsEndpoint",
        _ => "does not accept it",
    };
    let code = if fault.code().is_empty() { String::new() } else { format!(", {}", fault.code()) };
    (answer.after_ms, format!("Azure Communication Services {what} ({}{code})", answer.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, code: &str, message: &str) -> Answer {
        let body = serde_json::json!({ "error": { "code": code, "message": message } }).to_string().into_bytes();
        Answer { status, after_ms: Some(5_000), body }
    }

    fn class(status: u16, code: &str, message: &str) -> &'static str {
        match sent(&answer(status, code, message), "op") {
            MailOutcome::Accepted { .. } => "taken",
            MailOutcome::RecipientPermanent { reason, .. } => {
                assert!(!reason.contains("anna"), "{reason}");
                "refused"
            }
            MailOutcome::RecipientTransient { reason, .. } => {
                assert!(!reason.contains("anna"), "{reason}");
                "parked"
            }
            MailOutcome::Provider { after_ms, reason, .. } => {
                assert_eq!(after_ms, Some(5_000));
                assert!(!reason.contains("anna"), "{reason}");
                "provider"
            }
            MailOutcome::Unknown { .. } => "doubt",
        }
    }

    #[test]
    fn every_answer_to_a_mail_has_its_outcome() {
        let cases = [
            (202, "", "", "taken"),
            (200, "", "", "doubt"),
            (400, "BadRequest", "Duplicate Message-ID header for anna@example.pl", "taken"),
            (400, "BadRequest", "A message with this message id already exists", "taken"),
            (400, "BadRequest", "Duplicate content id", "parked"),
            (400, "BadRequest", "Message-ID is not valid", "parked"),
            (400, "RecipientSuppressed", "anna@example.pl is on the suppression list", "refused"),
            (400, "BadRequest", "Invalid recipient address anna@example.pl", "refused"),
            (400, "InvalidSenderUserName", "anna is not configured", "provider"),
            (400, "EmailDomainNotVerified", "for recipient anna@example.pl", "provider"),
            (400, "BadRequest", "The account of anna@example.pl is suspended", "provider"),
            (400, "BadRequest", "The recipient's account does not exist", "refused"),
            (400, "RecipientSuppressed", "anna@example.pl, by the sender's list", "refused"),
            (400, "", "", "parked"),
            (409, "Conflict", "anna", "doubt"),
            (409, "", "", "doubt"),
            (400, "BadRequest", "Operation-Id was used before", "doubt"),
            (400, "InvalidRepeatabilityRequestId", "", "doubt"),
            (412, "PreconditionFailed", "Repeatability-First-Sent is too old", "doubt"),
            (412, "PreconditionFailed", "", "provider"),
            (401, "Unauthorized", "anna", "provider"),
            (403, "Forbidden", "", "provider"),
            (404, "DomainNotLinked", "anna", "provider"),
            (408, "", "", "provider"),
            (413, "", "", "refused"),
            (429, "TooManyRequests", "anna", "provider"),
            (302, "", "", "provider"),
            (500, "anna@example.pl", "", "provider"),
            (503, "", "", "provider"),
        ];
        for (status, code, message, expected) in cases {
            assert_eq!(class(status, code, message), expected, "{status} {code} {message}");
        }
    }

    #[test]
    fn a_missing_answer_is_in_doubt_only_after_the_request() {
        let cause = || "reset".to_owned();
        assert!(matches!(silent(Silence::NotSent { cause: cause() }), MailOutcome::Provider { .. }));
        assert!(matches!(silent(Silence::Cut { cause: cause() }), MailOutcome::Unknown { .. }));
        assert!(matches!(not_queried(Silence::Cut { cause: cause() }), MailStatus::Provider { .. }));
    }

    #[test]
    fn a_mail_that_the_provider_gave_up_is_our_fault_if_its_reason_names_us() {
        let cases = [
            ("EmailDropped", "The message was dropped", false),
            ("EmailDroppedAllRecipientsSuppressed", "All recipients are suppressed for this sender domain", false),
            ("EmailDropped", "The recipient's account does not exist", false),
            ("", "", false),
            ("InvalidSenderUserName", "biuro is not configured", true),
            ("DomainNotLinked", "The specified sender domain has not been linked", true),
            ("EmailDropped", "The daily quota was used up", true),
            ("EmailDropped", "The account is suspended", true),
            ("TooManyRequests", "Throttled: anna@example.pl waits", true),
            ("Unauthorized", "for recipient anna@example.pl", true),
        ];
        for (code, message, expected) in cases {
            for status in ["Failed", "Canceled"] {
                let body = serde_json::json!({ "status": status, "error": { "code": code, "message": message } });
                let given_up = found(&Answer { status: 200, body: body.to_string().into_bytes(), ..Answer::default() });
                let MailStatus::Failed { reason, ours } = given_up else { panic!("{code} {message}") };
                assert_eq!(ours, expected, "{code} {message}: {reason}");
                assert!(!reason.contains("anna"), "{reason}");
            }
        }
    }

    #[test]
    fn a_known_status_is_read_and_an_unknown_one_settles_nothing() {
        let status = |status: &str| {
            found(&Answer {
                status: 200,
                after_ms: None,
                body: serde_json::json!({ "id": "op", "status": status, "error": { "code": "EmailDropped" } })
                    .to_string()
                    .into_bytes(),
            })
        };
        for taken in ["NotStarted", "Running", "Succeeded"] {
            assert_eq!(status(taken), MailStatus::Taken { reference: format!("op ({taken})") });
        }
        assert_eq!(
            status("Failed"),
            MailStatus::Failed { reason: "Failed at the provider, not delivered: EmailDropped".into(), ours: false }
        );
        assert!(matches!(status("Odd"), MailStatus::Provider { .. }));
        assert!(matches!(found(&Answer { status: 200, ..Answer::default() }), MailStatus::Provider { .. }));
        assert_eq!(found(&answer(404, "NotFound", "")), MailStatus::NotFound);
        for status in [401, 429, 503, 400] {
            assert!(matches!(found(&answer(status, "", "")), MailStatus::Provider { after_ms: Some(5_000), .. }));
        }
    }
}
