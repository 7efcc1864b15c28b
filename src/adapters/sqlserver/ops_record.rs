//! The record of what operators did.

use super::statement::Statement;
use crate::ports::ops::Signature;

/// Who did what, and why; the batch records it only for what was done, in its own transaction.
pub(super) fn signed(statement: Statement, action: &'static str, by: &Signature) -> Statement {
    statement.with("action", action.to_owned()).with("actor", by.actor.clone()).with("reason", by.reason.clone())
}
