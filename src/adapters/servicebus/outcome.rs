//! What an answer of Service Bus, or a missing one, means for the message that was sent. Pure.

use super::access::{Access, Right};
use crate::domain::verdict::PublishOutcome;

/// Where a request went, for reasons that an operator reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub namespace: &'a str,
    pub entity: &'a str,
    pub access: &'a Access,
    pub needs: Right,
}

/// The parts of an HTTP answer that decide the outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub status: u16,
    pub after_ms: Option<i64>,
    /// The start of the body, in one line.
    pub detail: String,
}

/// How a request ended without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// No connection was made, so nothing was sent.
    NotConnected { cause: String },
    /// The connection ended after the request was begun.
    Cut { cause: String },
    /// There is no token to sign in with.
    NoToken { cause: String },
    /// No request can be built from this message.
    Unsendable { cause: String },
}

pub(super) fn of_answer(target: Target<'_>, answer: &Answer) -> PublishOutcome {
    let Target { namespace, entity, access, needs } = target;
    let Answer { status, after_ms, detail } = answer;
    let busy = *status == 429 || (*status >= 500 && names_busy(detail));
    let full = *status == 403 && names_full(detail);
    let blocked = |what: &str| PublishOutcome::Blocked {
        after_ms: after_ms.or_else(|| (busy || full).then(|| busy_ms(detail))),
        reason: described(format!("{namespace}/{entity} answered {status}: {what}"), detail),
    };
    match status {
        200..=299 => PublishOutcome::Accepted,
        400 if is_service_bus(detail) => {
            permanent(described(format!("{namespace}/{entity} answered 400: it refuses this message"), detail))
        }
        413 => {
            permanent(described(format!("{namespace}/{entity} answered 413: the message is too large for it"), detail))
        }
        _ if full => blocked(FULL),
        // Firewalls and disabled namespaces answer 403 too: their own reason comes first, the usual cause second.
        403 if !detail.is_empty() => blocked(&format!(
            "it forbids this, for the reason in brackets; where that is about access, {}",
            access.remedy(namespace, entity, needs)
        )),
        401 | 403 => blocked(&access.remedy(namespace, entity, needs)),
        404 => blocked("there is no such queue or topic: create it, or correct its name in the settings"),
        410 => blocked("it is disabled or was deleted: enable or create it"),
        // A 503 or 500 may name throttling too.
        _ if busy => blocked("it is throttled: wait, or give the namespace more units"),
        408 | 500..=599 => blocked("the bus itself fails: wait"),
        // One message or all of them may be the cause: the outcomes of its neighbours decide that.
        400 | 414 | 431 => blocked("a gateway refuses the request, not Service Bus"),
        // A redirect, or a server that is not Service Bus: the message was not judged.
        _ => blocked("this is not an answer of Service Bus: is the Endpoint right, or does a proxy answer?"),
    }
}

pub(super) fn of_no_answer(target: Target<'_>, end: &NoAnswer) -> PublishOutcome {
    let Target { namespace, entity, .. } = target;
    match end {
        NoAnswer::NotConnected { cause } => PublishOutcome::Blocked {
            after_ms: None,
            reason: format!("no connection to {namespace} for {entity}: {cause} (is it up, and the Endpoint right?)"),
        },
        NoAnswer::Cut { cause } => PublishOutcome::Cut {
            reason: format!("{namespace}/{entity} ended the connection before its answer: {cause}"),
        },
        NoAnswer::NoToken { cause } => PublishOutcome::Blocked {
            after_ms: None,
            reason: format!("nothing is sent to {namespace}/{entity}: {cause}"),
        },
        NoAnswer::Unsendable { cause } => permanent(format!("no request can be built from this message: {cause}")),
    }
}

pub(super) fn timed_out(target: Target<'_>, waited_ms: u128) -> PublishOutcome {
    let Target { namespace, entity, .. } = target;
    PublishOutcome::TimedOut { reason: format!("{namespace}/{entity} gave no answer within {waited_ms} ms") }
}

pub(super) fn permanent(reason: String) -> PublishOutcome {
    PublishOutcome::Permanent { reason }
}

/// Service Bus's codes for a namespace or an entity that is throttled.
pub(super) fn names_busy(words: &str) -> bool {
    words.contains("50009") || words.contains("50002")
}

/// A full queue refuses large messages and still accepts small ones. No message is to blame, so the destination pauses.
pub(super) const FULL: &str = "it is full: receive from it, or raise its size";

/// Whether Service Bus reports a full entity. Over REST the status is the one of a wrong key, so its text decides.
fn names_full(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    ["quota", "maximum entity size", "size of entity", "is full"].iter().any(|answer| words.contains(answer))
}

/// Whether Service Bus itself answered, not a gateway: its errors are XML of its own.
fn is_service_bus(detail: &str) -> bool {
    detail.contains("<Detail>") || detail.contains("<Code>")
}

/// The pause that a throttled namespace asks for: "Error code : 50009. Please wait 2 seconds and try again."
pub(super) fn busy_ms(words: &str) -> i64 {
    let seconds = words.split("wait ").skip(1).find_map(|rest| {
        let (number, rest) = rest.split_once(' ')?;
        rest.starts_with("second").then(|| number.parse::<u32>().ok())?
    });
    seconds.map_or(BUSY_MS, |seconds| i64::from(seconds) * 1_000)
}

/// The pause if the answer names none, as in Microsoft's clients.
const BUSY_MS: i64 = 10_000;

fn described(what: String, detail: &str) -> String {
    if detail.is_empty() { what } else { format!("{what} ({detail})") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::connection::bus::SharedAccess;

    fn of(status: u16) -> PublishOutcome {
        let access = Access::Shared(SharedAccess::Key { name: "send".to_owned(), key: String::new() });
        let target = Target { namespace: "office", entity: "client-emails", access: &access, needs: Right::Send };
        of_answer(target, &Answer { status, after_ms: Some(2_000), detail: "50009".to_owned() })
    }

    #[test]
    fn each_status_blames_the_message_or_the_destination() {
        for status in [200, 201] {
            assert_eq!(of(status), PublishOutcome::Accepted);
        }
        assert!(matches!(of(413), PublishOutcome::Permanent { .. }));
        for status in [301, 400, 401, 403, 404, 407, 408, 410, 414, 429, 431, 500, 502, 503, 504] {
            let PublishOutcome::Blocked { after_ms: Some(2_000), reason } = of(status) else { panic!("{status}") };
            assert!(reason.contains(&status.to_string()) && reason.contains("office/client-emails"), "{reason}");
            assert!(reason.contains("50009"), "{reason}");
        }
        let PublishOutcome::Blocked { reason, .. } = of(403) else { panic!() };
        assert!(reason.contains("for the reason in brackets; where that is about access, the key"), "{reason}");
        let PublishOutcome::Blocked { reason, .. } = of(401) else { panic!() };
        assert!(reason.contains("'send'") && reason.contains("Send claim on client-emails"), "{reason}");
    }

    #[test]
    fn a_throttled_namespace_names_its_pause_and_the_default_is_ten_seconds() {
        assert_eq!(busy_ms("Error code : 50009. Please wait 2 seconds and try again."), 2_000);
        assert_eq!(busy_ms("do wait for it, or wait 1 second"), 1_000);
        for unclear in ["50009", "please wait", "wait for 5 seconds", "wait -3 seconds", "wait 2 minutes"] {
            assert_eq!(busy_ms(unclear), 10_000, "{unclear}");
        }
        let access = Access::Shared(SharedAccess::Key { name: "send".to_owned(), key: String::new() });
        let target = Target { namespace: "office", entity: "client-emails", access: &access, needs: Right::Send };
        for (status, detail, expected) in
            [(429, "", Some(10_000)), (503, "50009: wait 2 seconds", Some(2_000)), (503, "", None)]
        {
            let answer = Answer { status, after_ms: None, detail: detail.to_owned() };
            let PublishOutcome::Blocked { after_ms, reason } = of_answer(target, &answer) else { panic!("{status}") };
            assert_eq!(after_ms, expected, "{status} {detail}");
            assert_eq!(reason.contains("throttled"), expected.is_some(), "{reason}");
        }
    }

    fn answer(status: u16, detail: &str) -> PublishOutcome {
        let access = Access::Shared(SharedAccess::Key { name: "send".to_owned(), key: String::new() });
        let target = Target { namespace: "office", entity: "client-emails", access: &access, needs: Right::Send };
        of_answer(target, &Answer { status, after_ms: None, detail: detail.to_owned() })
    }

    #[test]
    fn a_bad_request_is_permanent_only_when_service_bus_itself_answers_it() {
        let theirs = "<Error><Code>400</Code><Detail>A MessageId is too long</Detail></Error>";
        assert!(matches!(answer(400, theirs), PublishOutcome::Permanent { .. }));
        for (status, page) in [
            (400, "<html><head><title>400 Request Header Or Cookie Too Large</title></head>"),
            (400, ""),
            (414, "URI Too Long"),
            (431, "Request Header Fields Too Large"),
        ] {
            let PublishOutcome::Blocked { after_ms: None, reason } = answer(status, page) else { panic!("{status}") };
            assert!(reason.contains("gateway"), "{reason}");
        }
    }

    #[test]
    fn a_full_queue_is_not_reported_as_a_wrong_key() {
        for words in [
            "<Error><Code>403</Code><Detail>The maximum entity size has been reached or exceeded for Queue: 'q'. Size of entity in bytes:1073742326, Max entity size in bytes:1073741824.</Detail></Error>",
            "<Detail>QuotaExceeded</Detail>",
            "the queue is full",
        ] {
            let PublishOutcome::Blocked { after_ms: Some(10_000), reason } = answer(403, words) else {
                panic!("{words}")
            };
            assert!(reason.contains("receive from it") && !reason.contains("'send'"), "{reason}");
        }
        let PublishOutcome::Blocked { after_ms: None, reason } = answer(403, "<Detail>Unauthorized</Detail>") else {
            panic!()
        };
        assert!(reason.contains("'send'"), "{reason}");
    }
}
