//! What an AMQP error condition of Service Bus means: whether the message or the destination is to blame. Pure.

use super::outcome::{FULL, Target, busy_ms, names_busy, permanent};
use crate::{adapters::quoted::quoted, domain::verdict::PublishOutcome};
use fe2o3_amqp_types::definitions::{self, ErrorCondition};

/// A condition and its description, as the broker sent them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub condition: String,
    pub detail: String,
}

impl Refusal {
    pub(super) fn of(error: Option<&definitions::Error>) -> Self {
        let condition = error.map_or_else(String::new, |error| name(&error.condition));
        let detail = error.and_then(|error| error.description.as_deref()).unwrap_or_default();
        Self { condition, detail: quoted(detail) }
    }

    pub(super) fn too_large(bytes: usize, bytes_max: usize) -> Self {
        let detail = format!("{bytes} bytes, the link accepts {bytes_max}");
        Self { condition: "amqp:link:message-size-exceeded".to_owned(), detail }
    }

    /// Whether a batch with this refusal is worth halving: one of its messages may be the cause.
    pub(super) fn blames_a_message(&self) -> bool {
        matches!(self.blame(), Blame::Message | Blame::Size | Blame::Unknown)
    }

    pub(super) fn outcome(&self, target: Target<'_>) -> PublishOutcome {
        let Target { namespace, entity, access, needs } = target;
        let Self { condition, detail } = self;
        let answer = format!("{namespace}/{entity} answered {condition}");
        let described = |what: &str| {
            if detail.is_empty() { format!("{answer}: {what}") } else { format!("{answer}: {what} ({detail})") }
        };
        let blocked = |after_ms, what: &str| PublishOutcome::Blocked { after_ms, reason: described(what) };
        match self.blame() {
            Blame::Size => permanent(described("the message is too large for it")),
            Blame::Message => permanent(described("it refuses this message")),
            Blame::Unknown => {
                PublishOutcome::Retry { after_ms: None, reason: described("it did not accept this message") }
            }
            Blame::Busy => blocked(Some(busy_ms(detail)), "it is throttled: wait, or give the namespace more units"),
            Blame::Full => blocked(Some(busy_ms(detail)), FULL),
            Blame::Access => blocked(None, &access.remedy(namespace, entity, needs)),
            Blame::Missing => {
                blocked(None, "there is no such queue or topic: create it, or correct its name in the settings")
            }
            Blame::Disabled => blocked(None, "it is disabled: enable it"),
            Blame::Sessions => {
                blocked(None, "it accepts only messages with a session: name it in ServiceBus__SessionDestinations")
            }
            Blame::Broker => blocked(None, "the bus itself fails: wait"),
        }
    }

    /// Of a message that was under way when the link was detached with this.
    pub(super) fn outcome_under_way(&self, target: Target<'_>) -> PublishOutcome {
        match (self.blame(), self.outcome(target)) {
            // What is not there stored nothing.
            (Blame::Missing, blocked) => blocked,
            (_, PublishOutcome::Blocked { reason, .. }) => {
                PublishOutcome::Cut { reason: format!("the link was detached before the answer came: {reason}") }
            }
            _ => PublishOutcome::Cut {
                reason: format!(
                    "{}/{} detached the link before its answer: {} ({})",
                    target.namespace, target.entity, self.condition, self.detail
                ),
            },
        }
    }

    fn blame(&self) -> Blame {
        match self.condition.as_str() {
            "com.microsoft:server-busy" => Blame::Busy,
            _ if names_busy(&self.detail) => Blame::Busy,
            "amqp:link:message-size-exceeded" => Blame::Size,
            "amqp:resource-limit-exceeded" => Blame::Full,
            "amqp:unauthorized-access" | "com.microsoft:auth-failed" => Blame::Access,
            "amqp:not-found" | "com.microsoft:entity-not-found" => Blame::Missing,
            "com.microsoft:entity-disabled" => Blame::Disabled,
            "amqp:internal-error"
            | "com.microsoft:timeout"
            | "com.microsoft:operation-cancelled"
            | "amqp:connection:forced"
            | "amqp:link:detach-forced"
            | "com.microsoft:container-close" => Blame::Broker,
            // A wrong setting, not a bad message: otherwise every message would be dead-lettered.
            "amqp:not-allowed" | "com.microsoft:argument-error" if self.detail.contains("SessionId was not set") => {
                Blame::Sessions
            }
            "amqp:not-allowed"
            | "amqp:invalid-field"
            | "amqp:decode-error"
            | "amqp:not-implemented"
            | "amqp:precondition-failed"
            | "com.microsoft:argument-error"
            | "com.microsoft:argument-out-of-range" => Blame::Message,
            _ => Blame::Unknown,
        }
    }
}

enum Blame {
    Message,
    Size,
    Unknown,
    Busy,
    Full,
    Access,
    Missing,
    Disabled,
    Sessions,
    Broker,
}

/// The condition's symbol on the wire.
fn name(condition: &ErrorCondition) -> String {
    match serde_amqp::to_value(condition) {
        Ok(serde_amqp::Value::Symbol(symbol)) => symbol.as_str().to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::access::{Access, Right};
    use super::*;
    use crate::config::connection::bus::SharedAccess;
    use fe2o3_amqp_types::definitions::{AmqpError, LinkError};
    use fe2o3_amqp_types::primitives::Symbol;

    fn of(condition: impl Into<ErrorCondition>, detail: &str) -> (PublishOutcome, bool) {
        let refusal = Refusal::of(Some(&definitions::Error::new(condition, detail.to_owned(), None)));
        let access = Access::Shared(SharedAccess::Key { name: "send".to_owned(), key: "secret".to_owned() });
        (
            refusal.outcome(Target { namespace: "office", entity: "mails", access: &access, needs: Right::Send }),
            refusal.blames_a_message(),
        )
    }

    fn custom(name: &str) -> ErrorCondition {
        ErrorCondition::Custom(Symbol::from(name))
    }

    #[test]
    fn a_destinations_refusal_blocks_it_and_names_the_remedy() {
        for (condition, described) in [
            (custom("com.microsoft:server-busy"), "throttled"),
            (AmqpError::ResourceLimitExceeded.into(), "full"),
            (AmqpError::UnauthorizedAccess.into(), "'send'"),
            (AmqpError::NotFound.into(), "create it"),
            (custom("com.microsoft:entity-disabled"), "enable it"),
            (AmqpError::InternalError.into(), "wait"),
            (custom("com.microsoft:timeout"), "wait"),
        ] {
            let name = name(&condition);
            let (PublishOutcome::Blocked { reason, .. }, false) = of(condition, "") else { panic!("{name}") };
            assert!(
                reason.contains(described) && reason.contains(&name) && reason.contains("office/mails"),
                "{reason}"
            );
            assert!(!reason.contains("secret"));
        }
        let (outcome, _) = of(custom("com.microsoft:server-busy"), "Please wait 10 seconds. 50009");
        assert!(matches!(outcome, PublishOutcome::Blocked { after_ms: Some(10_000), .. }));
        let (outcome, _) = of(AmqpError::InternalError, "Error code : 50009. Please wait 2 seconds and try again.");
        assert!(matches!(outcome, PublishOutcome::Blocked { after_ms: Some(2_000), .. }));
        let (outcome, _) = of(AmqpError::NotAllowed, "The SessionId was not set on a message, and it cannot be sent");
        assert!(matches!(outcome, PublishOutcome::Blocked { .. }), "a wrong setting dead-letters no message");
    }

    #[test]
    fn a_messages_refusal_counts_against_it_alone() {
        for condition in [
            LinkError::MessageSizeExceeded.into(),
            AmqpError::NotAllowed.into(),
            custom("com.microsoft:argument-error"),
        ] {
            assert!(matches!(of(condition, ""), (PublishOutcome::Permanent { .. }, true)));
        }
        assert!(matches!(of(custom("x:never-heard-of"), ""), (PublishOutcome::Retry { .. }, true)));
    }
}
