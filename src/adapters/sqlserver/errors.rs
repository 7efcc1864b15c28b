//! What an error of SQL Server means to a port: by its number and where it happened, never with SQL text or values.

use crate::ports::error::StoreError;
use bb8::RunError;
use std::time::Duration;
use tiberius::error::{Error, IoErrorKind};

/// Chosen as the deadlock victim: rolled back whole, so the same batch may go again.
pub(super) const DEADLOCK: u32 = 1205;
/// Unique constraint, unique index, foreign key: another's write came between our look and ours.
pub(super) const RACES: [u32; 3] = [2627, 2601, 547];

/// The service is away, moving or overloaded, or a lock was waited for too long; nothing is wrong with what was asked.
const TRANSIENT: [u32; 17] =
    [1205, 1222, 4060, 4221, 10053, 10054, 10060, 10928, 10929, 40197, 40501, 40613, 49918, 49919, 49920, 18401, 233];
/// The session may have been lost with a commit under way.
const AMBIGUOUS: [u32; 4] = [40197, 10053, 10054, 233];

/// What a failed call may have left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    /// It only read, or was never sent.
    Read,
    /// It was sent, and changes something: without an answer nobody knows.
    Write,
}

pub(super) fn map(step: &'static str, intent: Intent, error: Error) -> StoreError {
    let reason = describe(&error);
    let unanswered = match &error {
        Error::Server(token) if AMBIGUOUS.contains(&token.code()) => true,
        Error::Server(token) if TRANSIENT.contains(&token.code()) => {
            return StoreError::Unavailable { step, reason, source: Some(Box::new(error)) };
        }
        Error::Server(_) | Error::Conversion(_) | Error::ParseInt(_) | Error::BulkInput(_) => false,
        Error::Io { .. }
        | Error::Protocol(_)
        | Error::Tls(_)
        | Error::Routing { .. }
        | Error::Encoding(_)
        | Error::Utf8
        | Error::Utf16 => true,
    };
    let source: Option<Box<dyn std::error::Error + Send + Sync>> = Some(Box::new(error));
    match (unanswered, intent) {
        (false, _) => StoreError::Broken { step, reason, source },
        (true, Intent::Read) => StoreError::Unavailable { step, reason, source },
        (true, Intent::Write) => StoreError::Unknown { step, reason, source },
    }
}

/// No connection, so nothing was sent. A login or a database that is refused needs a person.
pub(super) fn map_connect(step: &'static str, error: RunError<Error>) -> StoreError {
    match error {
        RunError::TimedOut => StoreError::Unavailable {
            step,
            reason: "no connection became free or could be made in time".to_owned(),
            source: None,
        },
        RunError::User(error) => map(step, Intent::Read, error),
    }
}

pub(super) fn timed_out(limit: Duration) -> Error {
    Error::Io { kind: IoErrorKind::TimedOut, message: format!("no answer within {} ms", limit.as_millis()) }
}

/// A value that our own schema rules out: a defect, or someone wrote there.
#[expect(clippy::needless_pass_by_value, reason = "so that it fits map_err")]
pub(super) fn odd(why: impl ToString) -> Error {
    Error::Conversion(why.to_string().into())
}

pub(super) fn code(error: &StoreError) -> Option<u32> {
    let (StoreError::Unavailable { source, .. }
    | StoreError::Unknown { source, .. }
    | StoreError::Broken { source, .. }) = error;
    source.as_ref()?.downcast_ref::<Error>()?.code()
}

/// The server's message may quote values, so only its number and place are told.
fn describe(error: &Error) -> String {
    match error {
        Error::Server(token) => {
            let (number, line) = (token.code(), token.line());
            match token.procedure() {
                "" => format!("SQL Server answered error {number}, line {line}"),
                procedure => format!("SQL Server answered error {number} in {procedure}, line {line}"),
            }
        }
        Error::Io { kind: IoErrorKind::TimedOut, message } => message.clone(),
        Error::Io { kind, .. } => format!("the connection failed: {kind}"),
        Error::Tls(_) => {
            "no TLS connection could be made; a server's certificate must be one this machine trusts".to_owned()
        }
        Error::Protocol(_) | Error::Encoding(_) | Error::Utf8 | Error::Utf16 => {
            "the server's answer could not be understood".to_owned()
        }
        Error::Routing { .. } => "the server sent us on more often than is sensible".to_owned(),
        Error::Conversion(_) | Error::ParseInt(_) | Error::BulkInput(_) => {
            "a value in the database is not what the schema promises".to_owned()
        }
    }
}
