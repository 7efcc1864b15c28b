//! The stored circuit breaker: what one process finds broken stops them all, and one probe at a time finds out.
//!
//! Names are destinations (`queue:…`, `topic:…`) and mail providers (`mail:…`); all live in `Destinations`.

use super::{clock::ms_until, error::StoreResult, outbox::Breaker};
use crate::domain::{ids::LeaseToken, outbox::BreakerChange};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerState {
    pub breaker: Breaker,
    pub paused: bool,
    pub failures: u32,
    /// Mails wait for the provider's pace.
    pub rate_limited: Option<RateLimited>,
}

impl BreakerState {
    /// Of a name that has no row yet.
    pub const CLOSED: Self = Self { breaker: Breaker::Closed, paused: false, failures: 0, rate_limited: None };
}

/// When a mail may go again, by the database's clock, and in how long that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimited {
    pub until: DateTime<Utc>,
    pub in_ms: i64,
}

impl RateLimited {
    /// A time that is over: there may be room again, and some wait all the same.
    #[must_use]
    pub fn at(until: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self { until, in_ms: ms_until(until, now).max(0) }
    }
}

#[async_trait]
pub trait Breakers: Send + Sync {
    /// Inserts the row when it is missing.
    async fn breaker(&self, name: &str) -> StoreResult<BreakerState>;

    /// One UPDATE: where open, due and not paused, `ProbeToken = token`, `OpenUntil = now + lease`. True: it is ours.
    async fn take_probe(&self, name: &str, token: LeaseToken, lease_ms: i64) -> StoreResult<bool>;

    /// The probe found nothing to try: another may take it at once. No effect unless the token holds it.
    async fn give_back_probe(&self, name: &str, token: LeaseToken) -> StoreResult<()>;

    /// `Open`: `OpenUntil` becomes now + for, or stays where another set it later; failures + 1; the token's probe
    /// ends (its lease is no such later time).
    /// When another opened it since (open, and not our probe) failures stay. `Close`: only by the probe's holder.
    async fn change(&self, name: &str, token: LeaseToken, change: &BreakerChange) -> StoreResult<()>;
}
