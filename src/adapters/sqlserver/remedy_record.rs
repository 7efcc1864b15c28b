//! The record of what operators did.

use super::statement::Statement;
use crate::domain::operations::Signature;

/// Adds who acts, and why. The batch records it only for rows that it changed, in the same transaction.
pub(super) fn signed(statement: Statement, action: &'static str, by: &Signature) -> Statement {
    statement.with("action", action.to_owned()).with("actor", by.actor.clone()).with("reason", by.reason.clone())
}
