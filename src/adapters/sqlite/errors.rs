//! What an error of SQLite means to a port.

use crate::ports::error::StoreError;
use rusqlite::{Error, ErrorCode};

/// An error before the commit: nothing was changed.
pub(super) fn map(step: &'static str, error: Error) -> StoreError {
    let code = error.sqlite_error_code();
    let reason = describe(code);
    match code {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory,
        ) => StoreError::Unavailable { step, reason, source: Some(Box::new(error)) },
        _ => StoreError::Broken { step, reason, source: Some(Box::new(error)) },
    }
}

/// An error of the commit itself: after an I/O error nobody knows whether it is on the disk.
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

/// No SQL text and no values: they may be somebody's data.
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
