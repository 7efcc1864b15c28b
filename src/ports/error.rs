//! The error every store port answers with: the step that failed, whether trying again can help, and the source.

use std::error::Error;

/// Display says the step and what went wrong, never SQL text or values; `source` keeps the driver's own error.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was changed, and the same call may succeed later (busy, connection refused).
    #[error("{step}: the database is not available now ({reason})")]
    Unavailable { step: &'static str, reason: String, source: Option<Box<dyn Error + Send + Sync>> },
    /// What another's transaction held for longer than this call waits is as it was. The same call may succeed when that
    /// has ended.
    #[error("{step}: another transaction holds a lock for longer than is waited for ({reason})")]
    Locked { step: &'static str, reason: String, source: Option<Box<dyn Error + Send + Sync>> },
    /// The answer to a commit was lost: it may have happened. Only a key or a token tells.
    #[error("{step}: the database did not answer; whether it was done is not known ({reason})")]
    Unknown { step: &'static str, reason: String, source: Option<Box<dyn Error + Send + Sync>> },
    /// Trying again changes nothing: a wrong schema, a defect. A person must look.
    #[error("{step}: {reason}")]
    Broken { step: &'static str, reason: String, source: Option<Box<dyn Error + Send + Sync>> },
}

pub type StoreResult<T> = Result<T, StoreError>;
