//! What operators see of the past, on SQL Server: attempts, failure groups and counts by minute, within another batch.

use super::statement::Statement;
use crate::domain::{fingerprint::Failure, outbox_failures::ATTEMPTS_KEPT};
use serde_json::{Value, json};

/// After `@tried` is filled.
pub(super) const ATTEMPT: &str = include_str!("sql/outbox_attempt.sql");
/// Begins a batch of the inbox: its statements fill `@tried` and `@counted`.
pub(super) const TRIED: &str = include_str!("sql/inbox_tried.sql");
/// After `@tried` is filled.
pub(super) const MAIL_ATTEMPT: &str = include_str!("sql/inbox_attempt.sql");
/// After `@tried` is filled.
pub(super) const GROUP: &str = include_str!("sql/failure_group.sql");
/// After `@counted` is filled.
pub(super) const COUNT: &str = include_str!("sql/minute_count.sql");

const DIED: &str = include_str!("sql/outbox_died.sql");

/// The part of a batch that stores what the rows of `@seqs`, dead without a settle, add; `rows` is their count.
pub(super) fn of_dead(rows: &str) -> String {
    [&format!("IF {rows} > 0\nBEGIN"), DIED, ATTEMPT, GROUP, COUNT, "END;"].join("\n")
}

/// The parameters of these parts. `at`: the destination or mail provider.
pub(super) fn with<'a>(
    statement: Statement,
    instance: &str,
    at: &str,
    failures: impl IntoIterator<Item = &'a Failure>,
) -> Statement {
    let line = |failure: &Failure| json!({"f": failure.fingerprint, "c": failure.class, "e": failure.error});
    let failures: Vec<Value> = failures.into_iter().map(line).collect();
    statement
        .with("instance", instance.to_owned())
        .with("at", at.to_owned())
        .with("kept", ATTEMPTS_KEPT)
        .with("failures", Value::from(failures).to_string())
}
