//! Which failure groups the rows of the outbox belong to.

use super::{
    fingerprint::Failure,
    outbox::{LastOutcome, Settle, Settlement},
};
use std::collections::HashMap;

/// Attempts that are stored of a row or mail; older ones are deleted.
pub const ATTEMPTS_KEPT: i64 = 20;

/// In place of a destination, the name of what fails before it has one.
pub const UNROUTED: &str = "unrouted";

/// The error of a row whose Id was routed before.
pub const DUPLICATE_ID: &str = "duplicate id: another row with this Id has a destination already. Discard it, or insert \
                                it again with an Id of its own";

impl Settle {
    /// The group of each row's failure. None: the row was sent, or not tried.
    #[must_use]
    pub fn failures(&self) -> Vec<Option<Failure>> {
        let name = self.destination.to_string();
        // The rows of a batch often fail alike: each text is looked at once.
        let mut known: HashMap<(LastOutcome, &str), Failure> = HashMap::new();
        self.rows
            .iter()
            .map(|(_, settlement)| {
                let (outcome, error) = failure(settlement)?;
                let of = || Failure::of(&name, outcome.name(), error);
                Some(known.entry((outcome, error)).or_insert_with(of).clone())
            })
            .collect()
    }
}

fn failure(settlement: &Settlement) -> Option<(LastOutcome, &str)> {
    match settlement {
        Settlement::Sent => None,
        Settlement::Retry { outcome, error, .. } | Settlement::Dead { outcome, error, .. } => Some((*outcome, error)),
        Settlement::Release { outcome, error, .. } => Some(((*outcome)?, error.as_deref().unwrap_or_default())),
    }
}

/// The group of rows whose leases ran out too often.
#[must_use]
pub fn never_settled(destination: &str) -> Failure {
    // As the claim stores it, but for the number, which a group leaves out.
    let error = "claimed 5 times and never settled: whoever publishes it dies or hangs. Look at it with `ops show`, \
                 then requeue or discard it";
    Failure::of(destination, LastOutcome::Unknown.name(), error)
}

/// The group of rows that can never be sent.
#[must_use]
pub fn unsendable(destination: &str, reason: &str) -> Failure {
    Failure::of(destination, LastOutcome::Permanent.name(), reason)
}
