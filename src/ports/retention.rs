//! Retention: what is finished is deleted after its time, in small steps. Dead rows are never deleted by time alone,
//! except a deleted client's.

use super::error::StoreResult;
use async_trait::async_trait;

/// What can be pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Prunable {
    /// Outbox rows that were sent or discarded, by `ProcessedOnUtc`.
    FinishedRows {
        /// Minimum age.
        older_than_days: i64,
    },
    /// Expired idempotency keys.
    ExpiredKeys,
    /// The tombstones: inbox rows that were sent or refused, by when they finished.
    Tombstones {
        /// Minimum age.
        older_than_days: i64,
    },
    /// Bodies of refused inbox rows: the content is erased, the tombstone stays.
    RefusedBodies {
        /// Minimum age.
        older_than_days: i64,
    },
    /// Outbox rows of deleted clients: sent and discarded ones at once, dead ones this long after the client was
    /// deleted.
    ErasedRows {
        /// Minimum time since the deletion, for dead rows.
        dead_older_than_days: i64,
    },
    /// Personal data in inbox rows of deleted clients: of sent mails at once, of refused ones this long after they were
    /// refused, of held ones this long after the client was deleted. The tombstone stays.
    ErasedMails {
        /// Minimum time, for refused and held mails.
        older_than_days: i64,
    },
    /// Counts of minutes that are older than a day and an hour: reports read 24 hours.
    Minutes,
    /// Heartbeats of instances that are gone: without one for a day.
    Heartbeats,
    /// What expired dry runs of remedies showed.
    PlanRows,
    /// Expired dry runs of remedies.
    Plans,
    /// Failure groups that no row and no mail is in, by when they were last seen.
    Groups {
        /// Minimum age.
        older_than_days: i64,
    },
    /// Records of deleted clients about whom nothing can arrive any more, by when they were deleted.
    Erasures {
        /// Minimum age.
        older_than_days: i64,
    },
}

impl Prunable {
    /// The minimum age in days; 0 where the rows contain their own expiry.
    #[must_use]
    pub fn older_than_days(self) -> i64 {
        match self {
            Self::ExpiredKeys | Self::Minutes | Self::Heartbeats | Self::PlanRows | Self::Plans => 0,
            Self::FinishedRows { older_than_days }
            | Self::Tombstones { older_than_days }
            | Self::RefusedBodies { older_than_days }
            | Self::ErasedMails { older_than_days }
            | Self::Groups { older_than_days }
            | Self::Erasures { older_than_days } => older_than_days,
            Self::ErasedRows { dead_older_than_days } => dead_older_than_days,
        }
    }
}

/// Deleting what is no longer needed.
#[async_trait]
pub trait Retention: Send + Sync {
    /// One step, in one short transaction, of at most `rows_max` rows. Returns how many; fewer than `rows_max` means
    /// done.
    async fn prune(&self, what: Prunable, rows_max: u32) -> StoreResult<u32>;
}
