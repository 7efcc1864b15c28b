//! The rows that a remedy changes.

use super::{Columns, outbox::last_outcome};
use crate::{
    domain::{
        delivery::MailState,
        operations::{Action, Judged},
        outbox::RowState,
        remedy::{Remedy, RowFacts},
    },
    ports::operations::RemedyRules,
};
use chrono::{DateTime, Utc};

fn row_state<R: Columns>(row: &R) -> Result<RowState, R::Error> {
    RowState::from_code(row.number("State")?).ok_or_else(|| R::broken("no such row state"))
}

/// A row as the remedy sees it.
pub(in crate::adapters) fn judged<R: Columns>(
    row: &R,
    now: DateTime<Utc>,
    remedy: Remedy,
    action: &Action,
    rules: &RemedyRules,
) -> Result<Judged, R::Error> {
    let facts = facts(row, now)?;
    let destination = row.text("Destination")?;
    Ok(Judged {
        why_not: remedy.may(&facts, action.out_of_order(), rules.windows.of(&destination)).err(),
        target: row.number("Seq")?.to_string(),
        id: row.text("Id")?,
        destination,
        state: facts.state.name().to_owned(),
        stamp: row.text("Stamp")?,
    })
}

/// The facts that decide whether a remedy may change a row.
fn facts<R: Columns>(row: &R, now: DateTime<Utc>) -> Result<RowFacts, R::Error> {
    let ms = |column: &str| Ok(row.time_opt(column)?.map(|time| time.timestamp_millis()));
    Ok(RowFacts {
        now_ms: now.timestamp_millis(),
        state: row_state(row)?,
        last_outcome: last_outcome(row)?,
        last_attempt_ms: ms("LastAttemptOnUtc")?,
        processed_ms: ms("ProcessedOnUtc")?,
        leased_of_key: row.text_opt("LeasedOfKey")?,
        later_sent: row.text_opt("LaterSent")?,
        later_waiting: row.text_opt("LaterWaiting")?,
        mail: row.number_opt("MailState")?.and_then(MailState::from_code),
        goes_there: row.text("GoesTo")? == row.text("Destination")?,
        is_there: row.flag("IdThere")?,
    })
}
