//! Every refusal and failure of the HTTP API as RFC 9457 problem details. Only this file maps errors to statuses.

use super::reply::{Reply, set, to_json};
use crate::{
    domain::{booking::Refusal, causes::chain},
    flows::remedy::RemedyError,
    ports::error::StoreError,
};
use serde::Serialize;
use utoipa::ToSchema;
use warp::http::{HeaderValue, StatusCode, header};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    kind: Kind,
    detail: String,
    errors: Vec<FieldError>,
    headers: Vec<(&'static str, String)>,
}

/// A wrong field of a body, or a wrong query parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct FieldError {
    /// Its name; empty if the body as a whole is wrong.
    pub(super) field: String,
    pub(super) message: String,
}

/// RFC 9457 problem details.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemReply {
    /// A stable name of the problem's kind, for programs.
    #[serde(rename = "type")]
    #[schema(example = "urn:problem-type:clientorganizer:invalid")]
    problem_type: String,
    title: &'static str,
    status: u16,
    /// What is wrong with this request, for a person.
    // A generated client (Kiota) shows this text in its exception.
    #[schema(extensions(("x-ms-primary-error-message" = json!(true))))]
    detail: String,
    /// Every wrong field at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Malformed,
    BadHeader,
    ForeignOrigin,
    NotFound,
    MethodNotAllowed,
    SlowBody,
    NipTaken,
    RecordExists,
    HasRecords,
    KeyBusy,
    NoRemedy,
    NoPlan,
    Changed,
    BodyTooLarge,
    NotJson,
    Misdirected,
    Invalid,
    KeyReused,
    Unsendable,
    Broken,
    Unavailable,
    OutcomeUnknown,
}

impl Kind {
    /// Status, name, title.
    fn facts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Malformed => (400, "malformed", "The body is not JSON"),
            Self::BadHeader => (400, "bad-header", "A header is malformed"),
            Self::ForeignOrigin => (403, "foreign-origin", "A page of another origin may not do this"),
            Self::NotFound => (404, "not-found", "There is nothing here"),
            Self::MethodNotAllowed => (405, "method-not-allowed", "This path does not allow this method"),
            Self::SlowBody => (408, "slow-body", "The body did not arrive in time"),
            Self::NipTaken => (409, "nip-taken", "Another client has this nipNb"),
            Self::RecordExists => (409, "record-exists", "This month is booked already"),
            Self::HasRecords => (409, "has-records", "The client still has financial records"),
            Self::KeyBusy => (409, "key-busy", "A request with this Idempotency-Key is under way"),
            Self::NoRemedy => (409, "no-remedy", "This remedy cannot be carried out"),
            Self::NoPlan => (409, "no-plan", "There is no dry run of this token"),
            Self::Changed => (412, "changed", "It was changed in the meantime"),
            Self::BodyTooLarge => (413, "body-too-large", "The body is too large"),
            Self::NotJson => (415, "not-json", "The body must be application/json"),
            Self::Misdirected => (421, "misdirected", "This request is not meant for this service"),
            Self::Invalid => (422, "invalid", "The request is invalid"),
            Self::KeyReused => (422, "key-reused", "This Idempotency-Key was used for another request"),
            Self::Unsendable => (422, "unsendable", "The message about the change cannot be sent"),
            Self::Broken => (500, "broken", "Something is wrong on our side"),
            Self::Unavailable => (503, "unavailable", "The books are not available now"),
            Self::OutcomeUnknown => (503, "outcome-unknown", "It may or may not have been done"),
        }
    }
}

/// Seconds. A commit takes milliseconds, and the answer waited for a busy key already.
const RETRY_AFTER: &str = "1";
/// Seconds. How soon to try again while the database is unavailable.
const RETRY_AFTER_AWAY: &str = "5";

impl Problem {
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), headers: Vec::new() }
    }

    /// `errors` is not empty.
    pub(super) fn invalid(detail: impl Into<String>, errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(Kind::Invalid, detail) }
    }

    pub(super) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn not_found() -> Self {
        Self::new(Kind::NotFound, "there is no such path, or the id or period in it is invalid")
    }

    pub(super) fn key_busy() -> Self {
        Self::new(Kind::KeyBusy, "repeat it in a moment: it gets the first request's answer")
            .with_header("retry-after", RETRY_AFTER)
    }

    pub(super) fn panicked() -> Self {
        Self::new(Kind::Broken, "it was logged; a write may or may not have been done")
    }

    pub(super) fn reply(self) -> Reply {
        let (status, name, title) = self.kind.facts();
        let problem_type = format!("urn:problem-type:clientorganizer:{name}");
        let body = ProblemReply { problem_type, title, status, detail: self.detail, errors: self.errors };
        let mut reply = Reply::new(to_json(&body));
        *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = HeaderValue::from_static("application/problem+json");
        reply.headers_mut().insert(header::CONTENT_TYPE, kind);
        reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in self.headers {
            set(&mut reply, name, &value);
        }
        reply
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let kind = match &refusal {
            Refusal::NoClient(_) | Refusal::NoRecord(..) => Kind::NotFound,
            Refusal::NipTaken(_) => Kind::NipTaken,
            Refusal::RecordExists(..) => Kind::RecordExists,
            Refusal::HasRecords(_) => Kind::HasRecords,
            Refusal::Changed { .. } => Kind::Changed,
            Refusal::KeyReused => Kind::KeyReused,
            Refusal::Unsendable(_) => Kind::Unsendable,
        };
        let problem = Self::new(kind, refusal.to_string());
        match refusal {
            Refusal::Changed { current } => problem.with_header("etag", current),
            Refusal::NoClient(_)
            | Refusal::NoRecord(..)
            | Refusal::NipTaken(_)
            | Refusal::RecordExists(..)
            | Refusal::HasRecords(_)
            | Refusal::KeyReused
            | Refusal::Unsendable(_) => problem,
        }
    }
}

impl From<RemedyError> for Problem {
    fn from(error: RemedyError) -> Self {
        match error {
            RemedyError::Store(error) => error.into(),
            RemedyError::Refused(why) => Self::new(Kind::NoRemedy, why),
            RemedyError::NoPlan => Self::new(Kind::NoPlan, error.to_string()),
        }
    }
}

impl From<StoreError> for Problem {
    /// Logs the error, because it is handled here: the host counts a forwarded 5xx as a success.
    fn from(error: StoreError) -> Self {
        tracing::error!(error = %chain(&error), "the store failed");
        match error {
            StoreError::Unavailable { .. } => Self::new(Kind::Unavailable, "nothing was changed: repeat it")
                .with_header("retry-after", RETRY_AFTER_AWAY),
            StoreError::Locked { .. } => {
                Self::new(Kind::Unavailable, "nothing was changed: another transaction has locked it; repeat it")
                    .with_header("retry-after", RETRY_AFTER_AWAY)
            }
            StoreError::Unknown { .. } => Self::new(
                Kind::OutcomeUnknown,
                "it may have been done: repeat it with the same Idempotency-Key, which does it at most once; without a \
                 key, check before you repeat it",
            )
            .with_header("retry-after", RETRY_AFTER),
            StoreError::Broken { .. } => {
                Self::new(Kind::Broken, "nothing was changed; the cause is in the log, for an operator")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_outcome_is_not_reported_as_a_failure() {
        let unknown = StoreError::Unknown { step: "commit", reason: "lost".into(), source: None };
        let reply = Problem::from(unknown).reply();
        assert_eq!(reply.status(), 503);
        assert!(reply.headers().contains_key("retry-after"));
        let body: serde_json::Value = serde_json::from_slice(reply.body()).unwrap();
        assert_eq!(body["type"], "urn:problem-type:clientorganizer:outcome-unknown");
        assert!(body["detail"].as_str().unwrap().contains("same Idempotency-Key"));
        assert!(!body["detail"].as_str().unwrap().contains("lost"), "the driver's reason stays in the log");
    }
}
