//! Retention: what is finished goes after its time, in small steps. Dead rows never go without a person.

use super::error::StoreResult;
use async_trait::async_trait;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Prunable {
    /// Outbox rows sent or discarded (by ProcessedOnUtc).
    FinishedRows { older_than_days: i64 },
    /// Idempotency keys past their expiry.
    ExpiredKeys,
    /// Inbox rows sent or refused (by when they finished): the tombstones.
    Tombstones { older_than_days: i64 },
    /// Bodies of refused inbox rows: content erased, the tombstone stays.
    RefusedBodies { older_than_days: i64 },
    /// Outbox rows of deleted clients: sent and discarded ones now, dead ones so long after the client was deleted.
    ErasedRows { dead_older_than_days: i64 },
    /// Inbox rows of deleted clients: all that tells of a person, of sent mails now, of refused ones so long after
    /// they were refused, of held ones so long after the client was deleted. The tombstone stays.
    ErasedMails { older_than_days: i64 },
    /// Deleted clients of which nothing can arrive any more (by when they were deleted).
    Erasures { older_than_days: i64 },
}

impl Prunable {
    /// 0 where the rows themselves hold when they end.
    #[must_use]
    pub fn older_than_days(self) -> i64 {
        match self {
            Self::ExpiredKeys => 0,
            Self::FinishedRows { older_than_days }
            | Self::Tombstones { older_than_days }
            | Self::RefusedBodies { older_than_days }
            | Self::ErasedMails { older_than_days }
            | Self::Erasures { older_than_days } => older_than_days,
            Self::ErasedRows { dead_older_than_days } => dead_older_than_days,
        }
    }
}

#[async_trait]
pub trait Retention: Send + Sync {
    /// One step, one short transaction: at most `rows_max` rows. Answers how many; fewer than asked means done.
    async fn prune(&self, what: Prunable, rows_max: u32) -> StoreResult<u32>;
}
