//! What an error of SQLite means to a port.

use crate::ports::error::StoreError;
use rusqlite::{Error, ErrorCode, ffi};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// An error before the commit: nothing was changed.
pub(super) fn map(step: &'static str, error: Error) -> StoreError {
    let code = error.sqlite_error_code();
    let reason = describe(code);
    let source: Option<Source> = Some(Box::new(error));
    if code.is_none_or(is_final) {
        StoreError::Broken { step, reason, source }
    } else {
        StoreError::Unavailable { step, reason, source }
    }
}

/// Permanent errors: a repeat gets the same answer. Others may pass.
fn is_final(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::Unknown // SQL that cannot be parsed, a table that is missing
            | ErrorCode::InternalMalfunction
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotFound
            | ErrorCode::TooBig
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::ApiMisuse
            | ErrorCode::NoLargeFileSupport
            | ErrorCode::AuthorizationForStatementDenied
            | ErrorCode::ParameterOutOfRange
            | ErrorCode::NotADatabase
    )
}

/// An error of the commit itself: after an I/O error it is unknown whether the commit is on the disk.
pub(super) fn map_commit(step: &'static str, error: Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure) => StoreError::Unknown {
            step,
            reason: "the commit met an I/O error".to_owned(),
            source: Some(Box::new(error)),
        },
        _ => map(step, error),
    }
}

/// An error of BEGIN or COMMIT, again: it is the answer to every write of the transaction.
pub(super) fn same(error: &Error) -> Error {
    match error {
        Error::SqliteFailure(failure, message) => Error::SqliteFailure(*failure, message.clone()),
        other => Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_INTERNAL), Some(other.to_string())),
    }
}

/// What SQLite answers when another connection holds the lock for too long.
pub(super) fn busy() -> Error {
    Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None)
}

/// SQLite itself rolled back the whole transaction, as it does when the disk is full.
pub(super) fn rolled_back() -> Error {
    Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_ABORT_ROLLBACK), None)
}

/// The work itself panicked; nothing was changed.
pub(super) fn panicked(step: &'static str, source: Option<Source>) -> StoreError {
    StoreError::Broken { step, reason: "the database task panicked".to_owned(), source }
}

/// Without SQL text and values, which may be personal data.
fn describe(code: Option<ErrorCode>) -> String {
    match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another process is writing".to_owned(),
        Some(ErrorCode::DiskFull) => "the disk is full".to_owned(),
        Some(ErrorCode::CannotOpen) => "the file cannot be opened".to_owned(),
        Some(ErrorCode::NotADatabase) => "the file is not an SQLite database".to_owned(),
        Some(ErrorCode::ReadOnly) => "the file is read-only".to_owned(),
        Some(code) => format!("SQLite answered {code:?}"),
        None => "a value in the database is not what the schema promises".to_owned(),
    }
}
