//! The error of every store port: the step that failed, whether trying again can help, and the source.

use std::error::Error;

/// Display names the step and what went wrong, never SQL text or values; `source` keeps the driver's own error.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was changed, and the same call may succeed later (busy, connection refused).
    #[error("{step}: the database is not available now ({reason})")]
    Unavailable {
        /// The failed step, for a person.
        step: &'static str,
        /// What went wrong, for a person.
        reason: String,
        /// The driver's error.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// Another transaction locked a row for longer than this call waits. That row is unchanged, and the same call may
    /// succeed when the transaction has ended.
    #[error("{step}: another transaction has held a lock for too long ({reason})")]
    Locked {
        /// The failed step, for a person.
        step: &'static str,
        /// What went wrong, for a person.
        reason: String,
        /// The driver's error.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The answer to a commit was lost: it may have happened. Only a key or a token can settle that.
    #[error("{step}: the database did not answer; it is not known whether the change was made ({reason})")]
    Unknown {
        /// The failed step, for a person.
        step: &'static str,
        /// What went wrong, for a person.
        reason: String,
        /// The driver's error.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// Trying again cannot help: a wrong schema or a defect. A person must act.
    #[error("{step}: {reason}")]
    Broken {
        /// The failed step, for a person.
        step: &'static str,
        /// What went wrong, for a person.
        reason: String,
        /// The driver's error.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

/// The result of a call to a store.
pub type StoreResult<T> = Result<T, StoreError>;
