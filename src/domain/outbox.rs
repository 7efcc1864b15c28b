//! The states of an outbox row, and what a dispatcher may ask and say of it.
//!
//! `pending → leased → sent`; `leased → pending` (retry, release, expiry by a new claim); `leased → dead`;
//! `pending → dead` (unsendable, duplicate id); `dead → pending` (requeue); `sent → pending` (replay);
//! `pending | dead → discarded`. A lease is a token and an end; only its holder settles.

use super::{ids::LeaseToken, route::Destination};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// As stored: the number is the column's value, and a CHECK repeats the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(i64)]
pub enum RowState {
    Pending = 0,
    Leased = 1,
    Sent = 2,
    Dead = 3,
    Discarded = 4,
}

impl RowState {
    pub const ALL: [Self; 5] = [Self::Pending, Self::Leased, Self::Sent, Self::Dead, Self::Discarded];

    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as i64 == code)
    }

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

/// What the last publish of a row came to, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(i64)]
pub enum LastOutcome {
    Accepted = 0,
    /// Refused for now: definitely not stored by the bus.
    Refused = 1,
    /// Refused for good.
    Permanent = 2,
    /// Timed out: may or may not be stored.
    Unknown = 3,
    /// The link was cut with the delivery pending: may or may not be stored.
    Cut = 4,
    /// The destination itself failed; the message was not judged.
    Blocked = 5,
}

impl LastOutcome {
    pub const ALL: [Self; 6] =
        [Self::Accepted, Self::Refused, Self::Permanent, Self::Unknown, Self::Cut, Self::Blocked];

    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| *outcome as i64 == code)
    }

    /// May the bus hold a copy? Then a replay inside its duplicate detection window would vanish silently.
    #[must_use]
    pub fn may_be_stored(self) -> bool {
        match self {
            Self::Accepted | Self::Unknown | Self::Cut => true,
            Self::Refused | Self::Permanent | Self::Blocked => false,
        }
    }
}

/// Which rows a claim takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimMode {
    /// Up to so many rows and bytes, none of them a suspect. The first row is taken whatever its size.
    Batch { rows_max: u32, bytes_max: u64 },
    /// One row that was claimed twice or more without a settle, or was cut: it goes alone.
    Suspect,
    /// One row of either kind, through an open breaker whose probe the token holds.
    Probe,
}

impl ClaimMode {
    /// The bounds of what a claim takes.
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimBounds {
    pub rows_max: u32,
    /// The first row goes whatever its size: were it skipped, it would wait for ever.
    pub bytes_max: u64,
    /// Rows with more claims stay.
    pub claims_max: i64,
    /// Only rows with `SUSPECT_CLAIMS` or more.
    pub suspects_only: bool,
}

#[derive(Debug, Clone)]
pub struct Claim {
    pub destination: Destination,
    pub mode: ClaimMode,
    pub token: LeaseToken,
    pub lease_ms: i64,
    /// Expired leases with Claims ≥ 2 + this are set dead before claiming.
    pub claims_max: u32,
}

/// Rows with so many consecutive claims without a settle are suspects.
pub const SUSPECT_CLAIMS: i64 = 2;

/// A row as claimed. Text columns were written by anyone, so they are checked before publishing, not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedRow {
    pub seq: i64,
    pub id: String,
    pub event_type: String,
    pub ordering_key: Option<String>,
    pub content_type: String,
    /// Bytes, since another program's insert may hold what is not UTF-8.
    pub payload: Vec<u8>,
    /// JSON text, a flat object of strings when it is ours.
    pub headers: String,
    pub occurred_on: DateTime<Utc>,
    pub claims: i64,
    pub retry_count: i64,
    pub last_outcome: Option<LastOutcome>,
    pub last_attempt_on: Option<DateTime<Utc>>,
}

/// What one claim brought.
#[derive(Debug, Clone, Default)]
pub struct Claimed {
    /// By `DueAt`, then `Seq`.
    pub rows: Vec<ClaimedRow>,
    /// Rows found dead on the way: claimed `2 + claims_max` times without any settle.
    pub set_dead: u32,
    /// When the destination last accepted anything, by the database's clock.
    pub last_accepted_on: Option<DateTime<Utc>>,
    /// How often in a row its breaker opened; 0 when closed.
    pub breaker_failures: u32,
}

/// What becomes of one claimed row. Every applied settlement sets `Claims` to 0, or to 2 where it says suspect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    Sent,
    /// The message failed: `RetryCount + 1`, due again after the delay; followers of its key move too, never earlier.
    Retry {
        delay_ms: i64,
        outcome: LastOutcome,
        error: String,
        suspect: bool,
    },
    /// The destination failed, or we ran out of time: no retry burnt. `outcome` None: it was not tried at all.
    Release {
        delay_ms: i64,
        outcome: Option<LastOutcome>,
        error: Option<String>,
        suspect: bool,
    },
    Dead {
        outcome: LastOutcome,
        error: String,
        count_retry: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BreakerChange {
    Leave,
    /// By the probe's holder only, who is told by the token.
    Close,
    Open {
        for_ms: i64,
        reason: String,
    },
}

#[derive(Debug, Clone)]
pub struct Settle {
    pub destination: Destination,
    pub token: LeaseToken,
    pub rows: Vec<(i64, Settlement)>,
    pub breaker: BreakerChange,
}

/// What a settlement writes to its row, whatever the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledColumns {
    /// Of a row that is put back: never negative.
    pub delay_ms: i64,
    pub claims: i64,
    /// Added to `RetryCount`.
    pub retries: i64,
    pub outcome: Option<LastOutcome>,
    pub error: Option<String>,
}

impl Settlement {
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

/// What a person can read of an error, and a bound on what a chatty broker can store in every row.
const ERROR_CHARS_MAX: usize = 2_000;

/// The part of an error that is stored.
#[must_use]
pub fn bounded(error: &str) -> String {
    error.chars().take(ERROR_CHARS_MAX).collect()
}

/// The answer for one row of a settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Now, or by an earlier try of this same settle whose answer was lost.
    Applied,
    /// Another claim holds or finished the row: nothing was changed.
    LeaseLost,
}
