//! Maps how the AMQP library reports the end of a connection, link or transfer to our types. Pure.

use super::{
    amqp_outcome::Refusal,
    link::{Answer, Failure},
};
use crate::adapters::quoted::quoted;
use fe2o3_amqp::{
    connection::OpenError,
    link::{DetachError, LinkStateError, SendError},
};
use fe2o3_amqp_types::messaging::Outcome;

pub(super) fn words<E: std::fmt::Display>(end: Result<(), E>) -> String {
    match end {
        Ok(()) => "closed by the bus".to_owned(),
        Err(error) => quoted(&error.to_string()),
    }
}

pub(super) fn not_opened(error: OpenError) -> Failure {
    match error {
        OpenError::RemoteClosedWithError(error) => Failure::Refused(Refusal::of(Some(&error))),
        other => Failure::Other(format!("no AMQP connection was opened: {other}")),
    }
}

pub(super) fn not_begun(error: &SendError) -> Answer {
    match error {
        SendError::MessageSizeExceeded(size) => {
            let bytes = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
            Answer::Refused(Refusal::too_large(bytes(size.size), bytes(size.max_size)))
        }
        SendError::MessageEncodeError => {
            let detail = "it cannot be encoded".to_owned();
            Answer::Refused(Refusal { condition: "amqp:decode-error".to_owned(), detail })
        }
        SendError::LinkStateError(error) => Answer::NotSent(state_of(error)),
        SendError::Detached(error) => Answer::NotSent(detach_of(error)),
        other => Answer::NotSent(Failure::Other(other.to_string())),
    }
}

pub(super) fn settled_as(settled: Result<Outcome, SendError>) -> Answer {
    match settled {
        Ok(Outcome::Accepted(_)) => Answer::Accepted,
        Ok(Outcome::Rejected(rejected)) => Answer::Refused(Refusal::of(rejected.error.as_ref())),
        Ok(Outcome::Released(_) | Outcome::Modified(_)) => Answer::Released,
        Err(SendError::LinkStateError(error)) => Answer::Cut(state_of(&error)),
        Err(SendError::Detached(error)) => Answer::Cut(detach_of(&error)),
        Err(error) => Answer::Cut(Failure::Other(error.to_string())),
    }
}

pub(super) fn state_of(error: &LinkStateError) -> Failure {
    match error {
        LinkStateError::RemoteDetachedWithError(answer) | LinkStateError::RemoteClosedWithError(answer) => {
            Failure::Refused(Refusal::of(Some(answer)))
        }
        other => Failure::Other(quoted(&other.to_string())),
    }
}

pub(super) fn detach_of(error: &DetachError) -> Failure {
    match error {
        DetachError::RemoteDetachedWithError(answer) | DetachError::RemoteClosedWithError(answer) => {
            Failure::Refused(Refusal::of(Some(answer)))
        }
        other => Failure::Other(quoted(&other.to_string())),
    }
}
