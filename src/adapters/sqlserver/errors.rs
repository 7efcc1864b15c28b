//! What an error of SQL Server means to a port: by its number and where it happened, never with SQL text or values.

use super::error_numbers::{self, LOCK_WAIT_OVER, LOGIN_FAILED, REFUSED};
use crate::{adapters::entra::EntraError, ports::error::StoreError};
use std::{error, fmt, time::Duration};
use tiberius::error::{Error, IoErrorKind};

/// What a failed call may have left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    /// The batch only reads, or was never sent.
    Read,
    /// The batch was sent and changes something: without an answer its outcome is unknown.
    Write,
}

/// What an error means for the batch that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Certainly nothing was done; it can be retried.
    Undone,
    /// Like `Undone`, with an unlisted error number: it may be transient or permanent.
    Unlisted,
    /// The batch may have been done.
    Unanswered,
    /// Permanent: a repeat gets the same answer.
    Final,
}

pub(super) fn fate(error: &Error) -> Fate {
    match error {
        Error::Server(token) => error_numbers::fate(token.code(), token.class()),
        Error::Conversion(_) | Error::ParseInt(_) | Error::BulkInput(_) => Fate::Final,
        Error::Io { .. }
        | Error::Protocol(_)
        | Error::Tls(_)
        | Error::Routing { .. }
        | Error::Encoding(_)
        | Error::Utf8
        | Error::Utf16 => Fate::Unanswered,
    }
}

pub(super) fn map(step: &'static str, intent: Intent, error: Error) -> StoreError {
    let (fate, reason, error_code) = (fate(&error), describe(&error), error.code());
    let source: Option<Box<dyn error::Error + Send + Sync>> = Some(Box::new(Driver(error)));
    match (fate, intent) {
        (Fate::Final, _) => StoreError::Broken { step, reason, source },
        (Fate::Undone, _) if error_code == Some(LOCK_WAIT_OVER) => StoreError::Locked { step, reason, source },
        (Fate::Undone | Fate::Unlisted, _) | (Fate::Unanswered, Intent::Read) => {
            StoreError::Unavailable { step, reason, source }
        }
        (Fate::Unanswered, Intent::Write) => StoreError::Unknown { step, reason, source },
    }
}

/// Why there is no connection: nothing but the login was sent.
#[derive(Debug, Clone)]
pub(super) enum ConnectError {
    Driver(Error),
    Token(EntraError),
    /// The server redirected us to another node, which could not be reached.
    SentOn {
        host: String,
        port: u16,
        error: Error,
    },
}

impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        Self::Driver(error)
    }
}

impl From<EntraError> for ConnectError {
    fn from(error: EntraError) -> Self {
        Self::Token(error)
    }
}

impl ConnectError {
    /// A person must fix it; retrying soon changes nothing and could lock an account.
    pub(super) fn needs_a_person(&self) -> bool {
        match self {
            Self::Driver(error @ Error::Server(_)) => fate(error) == Fate::Final,
            Self::Driver(Error::Tls(_)) => true,
            Self::Driver(_) | Self::Token(_) | Self::SentOn { .. } => false,
        }
    }

    /// A failover also answers this to credentials that were valid a moment ago.
    pub(super) fn is_failed_login(&self) -> bool {
        matches!(self, Self::Driver(error) if error.code() == Some(LOGIN_FAILED))
    }

    /// A text for everybody: it names neither user nor server.
    pub(super) fn reported(&self) -> String {
        let error = match self {
            Self::Token(_) => {
                return "no Entra ID token could be had for the login; see the log for details".to_owned();
            }
            Self::SentOn { port, error, .. } => {
                return format!(
                    "the server redirected us to port {port} of the node that has the database, which could not be \
                     reached ({}): let TCP out to ports 11000 to 11999 beside 1433 in the firewall or the network rules \
                     (service tag Sql), or set the server's connection policy to Proxy",
                    describe(error)
                );
            }
            Self::Driver(error) => error,
        };
        match error.code() {
            Some(LOGIN_FAILED) => {
                "the login was refused (error 18456): look at the password, or whether the identity is a \
                 user of the database"
                    .to_owned()
            }
            Some(4060) => "the database cannot be opened (error 4060): it is not there, is failing over, or the login \
                 is not a user of it"
                .to_owned(),
            Some(40613) => "the database is moving, resuming or restarting (error 40613)".to_owned(),
            Some(number @ (40615 | 40914 | 47073)) => {
                format!("a firewall or network rule of the server refuses this address (error {number})")
            }
            Some(number) if REFUSED.contains(&number) => format!("the login was refused (error {number})"),
            Some(number) => format!("the server refused the connection (error {number})"),
            None => match error {
                // The driver's text for a server without encryption.
                Error::Protocol(text) if text.contains("encryption level") => {
                    "the server offers no encryption, but the connection string requires it".to_owned()
                }
                error => describe(error),
            },
        }
    }

    /// A text for the log: the server's own message, which quotes at most a user, a database or an address.
    pub(super) fn detail(&self) -> String {
        match self {
            Self::Token(error) => error.to_string(),
            Self::Driver(Error::Server(token)) => token.message().chars().take(DETAIL_CHARS_MAX).collect(),
            Self::Driver(error) => error.to_string().chars().take(DETAIL_CHARS_MAX).collect(),
            Self::SentOn { host, port, error } => format!("{host}:{port}: {error}"),
        }
    }

    /// For commands that open a connection of their own (`migrate`, `ops`).
    pub(super) fn into_store_error(self, step: &'static str) -> StoreError {
        let (reason, person) = (self.reported(), self.needs_a_person());
        let source: Option<Box<dyn error::Error + Send + Sync>> = match self {
            Self::Driver(error) | Self::SentOn { error, .. } => Some(Box::new(AtLogin(error))),
            Self::Token(error) => Some(Box::new(error)),
        };
        if person {
            StoreError::Broken { step, reason, source }
        } else {
            StoreError::Unavailable { step, reason, source }
        }
    }
}

const DETAIL_CHARS_MAX: usize = 300;

/// The driver's error as a source, without the server's message: sources are logged, and the message quotes values (a
/// duplicate key).
#[derive(Debug)]
pub(super) struct Driver(Error);

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Error::Server(token) => {
                write!(f, "error {}, class {}, state {}", token.code(), token.class(), token.state())
            }
            Error::Conversion(_) | Error::ParseInt(_) => f.write_str("a value could not be read"),
            error => error.fmt(f),
        }
    }
}

impl error::Error for Driver {}

/// The driver's error before any statement was sent: the server's message quotes no values then.
#[derive(Debug)]
struct AtLogin(Error);

impl fmt::Display for AtLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl error::Error for AtLogin {}

pub(super) fn timed_out(limit: Duration) -> Error {
    Error::Io { kind: IoErrorKind::TimedOut, message: format!("no answer within {} ms", limit.as_millis()) }
}

/// A value that our schema rules out: a defect, or another program wrote it.
#[expect(clippy::needless_pass_by_value, reason = "so that it fits map_err")]
pub(super) fn odd(why: impl ToString) -> Error {
    Error::Conversion(why.to_string().into())
}

pub(super) fn code(error: &StoreError) -> Option<u32> {
    let (StoreError::Unavailable { source, .. }
    | StoreError::Locked { source, .. }
    | StoreError::Unknown { source, .. }
    | StoreError::Broken { source, .. }) = error;
    source.as_ref()?.downcast_ref::<Driver>()?.0.code()
}

/// The server's message may quote values, so only its number, procedure and line are reported.
fn describe(error: &Error) -> String {
    match error {
        Error::Server(token) if token.code() == LOCK_WAIT_OVER => {
            format!("error {LOCK_WAIT_OVER}, line {}", token.line())
        }
        Error::Server(token) => {
            let (number, line) = (token.code(), token.line());
            match token.procedure() {
                "" => format!("SQL Server answered error {number}, line {line}"),
                procedure => format!("SQL Server answered error {number} in {procedure}, line {line}"),
            }
        }
        Error::Io { kind: IoErrorKind::TimedOut, .. } => "no answer came in time".to_owned(),
        Error::Io { kind, .. } => format!("the connection failed: {kind}"),
        Error::Tls(_) => {
            "no TLS connection could be made; a server's certificate must be one this machine trusts".to_owned()
        }
        Error::Protocol(_) | Error::Encoding(_) | Error::Utf8 | Error::Utf16 => {
            "the server's answer could not be understood".to_owned()
        }
        Error::Routing { .. } => "the server redirected us too often".to_owned(),
        Error::Conversion(_) | Error::ParseInt(_) | Error::BulkInput(_) => {
            "a value in the database is not what the schema promises".to_owned()
        }
    }
}
