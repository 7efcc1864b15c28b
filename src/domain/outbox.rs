//! The states of an outbox row, and how a dispatcher claims and settles it.
//!
//! `pending → leased → sent`; `leased → pending` (retry, release, expiry by a new claim); `leased → dead`; `pending →
//! dead` (unsendable, duplicate id); `dead → pending` (requeue); `sent → pending` (replay); `pending | dead →
//! discarded`. A lease is a token and an end; only its holder settles.

use super::{ids::LeaseToken, route::Destination};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The state of an outbox row. The number is the column's value, and a CHECK repeats the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[repr(i64)]
pub enum RowState {
    /// Waits until it is due.
    Pending = 0,
    /// Claimed for publishing, until the lease ends.
    Leased = 1,
    /// Accepted by the bus.
    Sent = 2,
    /// Dead after its last retry, or because it can never be sent; a person decides.
    Dead = 3,
    /// Its event type goes nowhere, or a person gave it up.
    Discarded = 4,
}

impl RowState {
    /// Every state, by code.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Leased, Self::Sent, Self::Dead, Self::Discarded];

    /// The state of a stored number. None: the number is invalid.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as i64 == code)
    }

    /// The state's name in output and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Leased => "leased",
            Self::Sent => "sent",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
        }
    }
}

/// The stored outcome of a row's last publish. The number is the column's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[repr(i64)]
pub enum LastOutcome {
    /// Stored by the bus.
    Accepted = 0,
    /// Refused for now: certainly not stored by the bus.
    Refused = 1,
    /// Refused permanently: certainly not stored by the bus.
    Permanent = 2,
    /// Timed out: may or may not be stored.
    Unknown = 3,
    /// The link was cut with the delivery pending: may or may not be stored.
    Cut = 4,
    /// The destination itself failed and did not judge the message.
    Blocked = 5,
}

impl LastOutcome {
    /// Every outcome, by code.
    pub const ALL: [Self; 6] =
        [Self::Accepted, Self::Refused, Self::Permanent, Self::Unknown, Self::Cut, Self::Blocked];

    /// The outcome of a stored number. None: the number is invalid.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| *outcome as i64 == code)
    }

    /// The outcome's name in output; that of a failure is its class in failure groups.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Permanent => "permanent",
            Self::Unknown => "unknown",
            Self::Cut => "cut",
            Self::Blocked => "blocked",
        }
    }

    /// Whether the bus may hold a copy. If so, a replay inside its duplicate detection window would vanish silently.
    #[must_use]
    pub fn may_be_stored(self) -> bool {
        match self {
            Self::Accepted | Self::Unknown | Self::Cut => true,
            Self::Refused | Self::Permanent | Self::Blocked => false,
        }
    }
}

/// Which rows a claim leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimMode {
    /// Several rows, without suspects.
    Batch {
        /// Most rows.
        rows_max: u32,
        /// Most bytes of payload together. The first row is claimed whatever its size.
        bytes_max: u64,
    },
    /// One row that was claimed twice or more without a settle, or whose publish was cut: it is sent alone.
    Suspect,
    /// One row, suspect or not, through an open breaker whose probe the token holds.
    Probe,
}

impl ClaimMode {
    /// The bounds as a claim's statement takes them.
    #[must_use]
    pub fn bounds(self) -> ClaimBounds {
        match self {
            Self::Batch { rows_max, bytes_max } => {
                ClaimBounds { rows_max, bytes_max, claims_max: SUSPECT_CLAIMS - 1, suspects_only: false }
            }
            Self::Suspect => {
                ClaimBounds { rows_max: 1, bytes_max: u64::MAX, claims_max: i64::MAX, suspects_only: true }
            }
            Self::Probe => ClaimBounds { rows_max: 1, bytes_max: u64::MAX, claims_max: i64::MAX, suspects_only: false },
        }
    }
}

/// The bounds of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimBounds {
    /// Most rows.
    pub rows_max: u32,
    /// Most bytes of payload together. The first row is claimed whatever its size: if it were skipped, it would wait
    /// for ever.
    pub bytes_max: u64,
    /// Rows with more claims are skipped.
    pub claims_max: i64,
    /// Only rows with `SUSPECT_CLAIMS` claims or more.
    pub suspects_only: bool,
}

/// A request to lease due rows of one destination.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Whose rows.
    pub destination: Destination,
    /// Which rows.
    pub mode: ClaimMode,
    /// Marks the leased rows, and names the probe where `mode` is `Probe`.
    pub token: LeaseToken,
    /// How long the lease lasts, by the database's clock.
    pub lease_ms: i64,
    /// Rows with an expired lease and Claims ≥ 2 + this are dead-lettered before the claim.
    pub claims_max: u32,
}

/// Rows with this many consecutive claims without a settle are suspects: publishing them may crash the process.
pub const SUSPECT_CLAIMS: i64 = 2;

/// A claimed row. Any program may have written its text columns, so they are checked before publishing, not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedRow {
    /// The row's number, in order of insertion.
    pub seq: i64,
    /// The message id.
    pub id: String,
    /// The event type.
    pub event_type: String,
    /// The ordering key, if it has one.
    pub ordering_key: Option<String>,
    /// The media type of the payload.
    pub content_type: String,
    /// The body. Bytes, because another program's insert may not be UTF-8.
    pub payload: Vec<u8>,
    /// JSON text; a flat object of strings in our own rows.
    pub headers: String,
    /// When the event happened, by its writer's clock.
    pub occurred_on: DateTime<Utc>,
    /// Consecutive claims without a settle, this one included.
    pub claims: i64,
    /// Failures that counted against the message.
    pub retry_count: i64,
    /// The outcome of the last publish. None: never published.
    pub last_outcome: Option<LastOutcome>,
    /// When the last publish ended. None: never published.
    pub last_attempt_on: Option<DateTime<Utc>>,
}

/// The result of a claim.
#[derive(Debug, Clone, Default)]
pub struct Claimed {
    /// The leased rows, by `DueAt`, then `Seq`.
    pub rows: Vec<ClaimedRow>,
    /// Rows that this call dead-lettered: claimed `2 + claims_max` times without a settle.
    pub set_dead: u32,
    /// When the destination last accepted anything, by the database's clock.
    pub last_accepted_on: Option<DateTime<Utc>>,
    /// How often in a row the destination's breaker opened; 0 when closed.
    pub breaker_failures: u32,
}

/// How one claimed row is settled. Every applied settlement sets `Claims` to 0, or to 2 for a suspect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The bus accepted it.
    Sent,
    /// The message failed: `RetryCount + 1`, due again after the delay; followers of its key move too, never earlier.
    Retry {
        /// Until the next attempt.
        delay_ms: i64,
        /// How the publish ended.
        outcome: LastOutcome,
        /// The reason, for a person.
        error: String,
        /// The next attempt is made with this row alone.
        suspect: bool,
    },
    /// The destination failed, or there was no time left: the row is put back and no retry is counted.
    Release {
        /// Until the next attempt.
        delay_ms: i64,
        /// How the publish ended. None: it was not tried.
        outcome: Option<LastOutcome>,
        /// The reason, for a person.
        error: Option<String>,
        /// The next attempt is made with this row alone.
        suspect: bool,
    },
    /// No further attempt is made unless a person requeues the row.
    Dead {
        /// How the publish ended.
        outcome: LastOutcome,
        /// The reason, for a person.
        error: String,
        /// Counts this attempt as a retry.
        count_retry: bool,
    },
}

/// What a settle does to the destination's breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BreakerChange {
    /// No change.
    Leave,
    /// Closes it; only the holder of the probe, recognised by its token, may.
    Close,
    /// Stops sending to the destination.
    Open {
        /// For at least this long.
        for_ms: i64,
        /// The destination's failure, for a person.
        reason: String,
    },
}

/// How the rows of one claim ended.
#[derive(Debug, Clone)]
pub struct Settle {
    /// The destination of the claim.
    pub destination: Destination,
    /// The token of the claim.
    pub token: LeaseToken,
    /// `Seq` of each row and how it ended.
    pub rows: Vec<(i64, Settlement)>,
    /// Applied in the same transaction.
    pub breaker: BreakerChange,
}

/// The columns that a settlement writes, the same for every database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledColumns {
    /// When a row that is put back is due again; never negative.
    pub delay_ms: i64,
    /// The new value of `Claims`.
    pub claims: i64,
    /// Added to `RetryCount`.
    pub retries: i64,
    /// The new `LastOutcome`. None: unchanged.
    pub outcome: Option<LastOutcome>,
    /// The new `LastError`, at most 2,000 characters.
    pub error: Option<String>,
}

impl Settlement {
    /// The columns for this settlement.
    #[must_use]
    pub fn columns(&self) -> SettledColumns {
        let row = |outcome: Option<LastOutcome>, error: Option<&str>| SettledColumns {
            delay_ms: 0,
            claims: 0,
            retries: 0,
            outcome,
            error: error.map(bounded),
        };
        let claims = |suspect| if suspect { SUSPECT_CLAIMS } else { 0 };
        match self {
            Self::Sent => row(Some(LastOutcome::Accepted), None),
            Self::Retry { delay_ms, outcome, error, suspect } => SettledColumns {
                delay_ms: (*delay_ms).max(0),
                claims: claims(*suspect),
                retries: 1,
                ..row(Some(*outcome), Some(error))
            },
            Self::Release { delay_ms, outcome, error, suspect } => SettledColumns {
                delay_ms: (*delay_ms).max(0),
                claims: claims(*suspect),
                ..row(*outcome, error.as_deref())
            },
            Self::Dead { outcome, error, count_retry } => {
                SettledColumns { retries: i64::from(*count_retry), ..row(Some(*outcome), Some(error)) }
            }
        }
    }
}

/// As much of an error as a person reads, and a bound on what a verbose broker can store in every row.
const ERROR_CHARS_MAX: usize = 2_000;

/// The part of an error that is stored: its first 2,000 characters.
#[must_use]
pub fn bounded(error: &str) -> String {
    error.chars().take(ERROR_CHARS_MAX).collect()
}

/// Whether the settle of one row was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Applied now, or by an earlier attempt of this same settle whose answer was lost.
    Applied,
    /// Another claim has leased or finished the row: nothing was changed.
    LeaseLost,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_number_is_one_state_or_outcome_and_its_name_is_that_of_the_api() {
        for state in RowState::ALL {
            assert_eq!(RowState::from_code(state as i64), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
        for outcome in LastOutcome::ALL {
            assert_eq!(LastOutcome::from_code(outcome as i64), Some(outcome));
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.name());
        }
        let may_be_stored = [true, false, false, true, true, false];
        assert_eq!(LastOutcome::ALL.map(LastOutcome::may_be_stored), may_be_stored);
        for code in [-1, 6] {
            assert_eq!((RowState::from_code(code), LastOutcome::from_code(code)), (None, None));
        }
    }

    #[test]
    fn a_settlement_has_its_delay_its_claims_and_its_retry() {
        let columns = |settlement: Settlement| {
            let SettledColumns { delay_ms, claims, retries, outcome, .. } = settlement.columns();
            (delay_ms, claims, retries, outcome)
        };
        let (outcome, refused) = (LastOutcome::Refused, Some(LastOutcome::Refused));
        for (suspect, claims) in [(true, SUSPECT_CLAIMS), (false, 0)] {
            let retry = Settlement::Retry { delay_ms: 5, outcome, error: String::new(), suspect };
            assert_eq!(columns(retry), (5, claims, 1, refused));
            let release = |delay_ms| Settlement::Release { delay_ms, outcome: None, error: None, suspect };
            assert_eq!(columns(release(7)), (7, claims, 0, None));
            assert_eq!(columns(release(-1)), (0, claims, 0, None));
        }
        for (count_retry, retries) in [(true, 1), (false, 0)] {
            let dead = Settlement::Dead { outcome, error: String::new(), count_retry };
            assert_eq!(columns(dead), (0, 0, retries, refused));
        }
        assert_eq!(columns(Settlement::Sent), (0, 0, 0, Some(LastOutcome::Accepted)));
    }
}
