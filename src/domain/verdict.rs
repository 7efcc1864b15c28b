//! What the outcomes of a publish mean: a failure of the message counts against the message, a failure of the
//! destination opens its breaker and counts against no message. Pure: a function of values, so every rule has a test
//! here.

use super::{
    backoff,
    outbox::{BreakerChange, ClaimMode, Claimed, ClaimedRow, LastOutcome, Settlement},
    retry_after,
};

/// The bus's answer for one message. There is no "failed": where the result is not known, the outcome states that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishOutcome {
    /// Stored by the bus.
    Accepted,
    /// This message was certainly not stored, and may be later.
    Retry {
        /// The pause that the answer requests.
        after_ms: Option<i64>,
        /// The answer, for a person.
        reason: String,
    },
    /// This message can never be stored (malformed, too large).
    Permanent {
        /// The answer, for a person.
        reason: String,
    },
    /// No answer in time: it may or may not be stored.
    TimedOut {
        /// What was waited for, for a person.
        reason: String,
    },
    /// The link was cut with the delivery pending: it may or may not be stored.
    Cut {
        /// What cut the link, for a person.
        reason: String,
    },
    /// The destination did not judge the message: unreachable, throttled, unauthorised, missing, disabled, full.
    Blocked {
        /// The pause that the answer requests.
        after_ms: Option<i64>,
        /// The answer or failure, for a person.
        reason: String,
    },
    /// Not sent: the publish deadline came first.
    NotTried,
}

impl PublishOutcome {
    /// The kind of a failure, from a small set. None: accepted, or not sent.
    #[must_use]
    pub fn error_type(&self) -> Option<&'static str> {
        match self {
            Self::Accepted | Self::NotTried => None,
            Self::Retry { .. } => Some("refused"),
            Self::Permanent { .. } => Some("permanent"),
            Self::TimedOut { .. } => Some("timeout"),
            Self::Cut { .. } => Some("cut"),
            Self::Blocked { .. } => Some("blocked"),
        }
    }

    /// The reason of a failure, for a person; otherwise empty.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Accepted | Self::NotTried => "",
            Self::Retry { reason, .. }
            | Self::Permanent { reason }
            | Self::TimedOut { reason }
            | Self::Cut { reason }
            | Self::Blocked { reason, .. } => reason,
        }
    }
}

/// The numbers of the policy, from settings.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Failures that count against a message until it is dead-lettered.
    pub retry_max: u32,
    /// The delay after a message's first failure; it doubles with each further one.
    pub retry_base_ms: i64,
    /// The longest delay between two attempts of a message.
    pub retry_delay_max_ms: i64,
    /// How long a breaker opens at first; it doubles with each further failure.
    pub breaker_base_ms: i64,
    /// The longest that a breaker opens by itself.
    pub breaker_max_ms: i64,
}

/// A probe is one message, so frequent probes do not burden a destination that is down, and one that has recovered is
/// found soon: with the sweep's 10 s within half a minute.
const PROBE_AFTER_MAX_MS: i64 = 20_000;

/// Judges one publish. `outcomes` has one entry per row, in order; `dice` returns random numbers in 0.0..1.0.
pub fn judge(
    mode: ClaimMode,
    claimed: &Claimed,
    outcomes: &[PublishOutcome],
    policy: &Policy,
    mut dice: impl FnMut() -> f64,
) -> (Vec<(i64, Settlement)>, BreakerChange) {
    debug_assert_eq!(claimed.rows.len(), outcomes.len());
    let accepted_any = outcomes.iter().any(|o| matches!(o, PublishOutcome::Accepted));
    let open_ms = |after: Option<i64>, dice: f64| {
        let longest_ms = policy.breaker_max_ms.min(PROBE_AFTER_MAX_MS);
        let own = backoff::delay_ms(claimed.breaker_failures + 1, policy.breaker_base_ms, longest_ms, dice);
        // The pause that the destination requests is the minimum.
        own.max(after.unwrap_or(0).min(retry_after::WAIT_MAX_MS))
    };
    let mut breaker: Option<(i64, String)> = None;
    let mut open = |after: Option<i64>, reason: &str, dice: f64| {
        let for_ms = open_ms(after, dice);
        if breaker.as_ref().is_none_or(|(longest, _)| for_ms > *longest) {
            breaker = Some((for_ms, reason.to_owned()));
        }
        // A failed probe moves its row behind the others, so that the next probe tries another.
        if mode == ClaimMode::Probe { for_ms + 1 } else { 0 }
    };
    let mut settlements = Vec::with_capacity(outcomes.len());
    let mut judged_message = accepted_any;
    let blocked_alone =
        accepted_any && outcomes.iter().filter(|o| matches!(o, PublishOutcome::Blocked { .. })).count() == 1;
    for (row, outcome) in claimed.rows.iter().zip(outcomes) {
        let settlement = match outcome {
            PublishOutcome::Accepted => Settlement::Sent,
            PublishOutcome::NotTried => {
                Settlement::Release { delay_ms: 0, outcome: None, error: None, suspect: came_as_suspect(row) }
            }
            PublishOutcome::Permanent { reason } => {
                judged_message = true;
                Settlement::Dead { outcome: LastOutcome::Permanent, error: reason.clone(), count_retry: true }
            }
            PublishOutcome::Retry { after_ms, reason } => {
                judged_message = true;
                retry(row, LastOutcome::Refused, reason, *after_ms, false, policy, dice())
            }
            // A gateway in between may refuse one message's headers, or a body that it takes for an attack.
            PublishOutcome::Blocked { after_ms: None, reason } if is_poison(claimed, row, &[LastOutcome::Blocked]) => {
                retry(row, LastOutcome::Blocked, reason, None, true, policy, dice())
            }
            PublishOutcome::Blocked { after_ms, reason } => {
                // A requested pause comes from the destination itself, whatever else it accepted.
                let lone = blocked_alone && after_ms.is_none();
                let delay_ms = if lone { 0 } else { open(*after_ms, reason, dice()) };
                let again = after_ms.is_none() && fails_again(claimed, row, &[LastOutcome::Blocked]);
                let suspect = lone || again || came_as_suspect(row);
                Settlement::Release {
                    delay_ms,
                    outcome: Some(LastOutcome::Blocked),
                    error: Some(reason.clone()),
                    suspect,
                }
            }
            PublishOutcome::TimedOut { reason } if accepted_any => {
                retry(row, LastOutcome::Unknown, reason, None, false, policy, dice())
            }
            PublishOutcome::TimedOut { reason } | PublishOutcome::Cut { reason } => {
                let kind = match outcome {
                    PublishOutcome::Cut { .. } => LastOutcome::Cut,
                    _ => LastOutcome::Unknown,
                };
                if is_poison(claimed, row, &[LastOutcome::Cut, LastOutcome::Unknown]) {
                    retry(row, kind, reason, None, true, policy, dice())
                } else {
                    // A neighbour was accepted in this same publish, so the destination works: no breaker opens, and
                    // the row is sent alone next.
                    let delay_ms = if accepted_any { 0 } else { open(None, reason, dice()) };
                    Settlement::Release { delay_ms, outcome: Some(kind), error: Some(reason.clone()), suspect: true }
                }
            }
        };
        settlements.push((row.seq, settlement));
    }
    let breaker = match breaker {
        Some((for_ms, reason)) => BreakerChange::Open { for_ms, reason },
        None if mode == ClaimMode::Probe && judged_message => BreakerChange::Close,
        None => BreakerChange::Leave,
    };
    (settlements, breaker)
}

/// A claim counts itself, so a row that was a suspect before this claim has more than two.
fn came_as_suspect(row: &ClaimedRow) -> bool {
    row.claims > super::outbox::SUSPECT_CLAIMS
}

/// The row was sent alone, failed as it did the time before, and the destination accepted others since: the cause lies
/// in this message.
fn is_poison(claimed: &Claimed, row: &ClaimedRow, before: &[LastOutcome]) -> bool {
    claimed.rows.len() == 1 && fails_again(claimed, row, before)
}

fn fails_again(claimed: &Claimed, row: &ClaimedRow, before: &[LastOutcome]) -> bool {
    let failed_before = row.last_outcome.is_some_and(|outcome| before.contains(&outcome));
    let accepted_since = match (claimed.last_accepted_on, row.last_attempt_on) {
        (Some(accepted), Some(attempt)) => accepted > attempt,
        _ => false,
    };
    failed_before && accepted_since
}

fn retry(
    row: &ClaimedRow,
    outcome: LastOutcome,
    reason: &str,
    after_ms: Option<i64>,
    suspect: bool,
    policy: &Policy,
    dice: f64,
) -> Settlement {
    let failures = u32::try_from(row.retry_count + 1).unwrap_or(u32::MAX);
    if failures >= policy.retry_max {
        return Settlement::Dead { outcome, error: reason.to_owned(), count_retry: true };
    }
    let own = backoff::delay_ms(failures, policy.retry_base_ms, policy.retry_delay_max_ms, dice);
    let delay_ms = own.max(after_ms.unwrap_or(0)).min(policy.retry_delay_max_ms);
    Settlement::Retry { delay_ms, outcome, error: reason.to_owned(), suspect }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
