//! The stored circuit breaker: what one process finds broken stops all processes, and one probe at a time tests it.
//!
//! Names are destinations (`queue:…`, `topic:…`) and mail providers (`mail:…`); all live in `Destinations`.

use super::{clock::ms_until, error::StoreResult, outbox::Breaker};
use crate::domain::{ids::LeaseToken, outbox::BreakerChange};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// What keeps a destination or provider from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerState {
    /// Whether it is open, by the database's clock.
    pub breaker: Breaker,
    /// An operator paused it.
    pub paused: bool,
    /// How often in a row it opened; 0 when closed.
    pub failures: u32,
    /// Mails wait for the provider's rate limit. None: none wait.
    pub rate_limited: Option<RateLimited>,
}

impl BreakerState {
    /// The state of a name that has no row yet.
    pub const CLOSED: Self = Self { breaker: Breaker::Closed, paused: false, failures: 0, rate_limited: None };
}

/// When the rate limit next allows a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimited {
    /// By the database's clock.
    pub until: DateTime<Utc>,
    /// Until then; never negative.
    pub in_ms: i64,
}

impl RateLimited {
    /// From the database's time. A time in the past counts as now: the limit may have room, and mails still wait.
    #[must_use]
    pub fn at(until: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self { until, in_ms: ms_until(until, now).max(0) }
    }
}

/// Breakers by name.
#[async_trait]
pub trait Breakers: Send + Sync {
    /// The state of a breaker. Inserts its row if it is missing.
    async fn breaker(&self, name: &str) -> StoreResult<BreakerState>;

    /// One UPDATE: if open, due and not paused, `ProbeToken = token`, `OpenUntil = now + lease`. True: the probe is
    /// ours.
    async fn take_probe(&self, name: &str, token: LeaseToken, lease_ms: i64) -> StoreResult<bool>;

    /// The probe found nothing to try: another process may take it at once. No effect unless the token holds it.
    async fn give_back_probe(&self, name: &str, token: LeaseToken) -> StoreResult<()>;

    /// `Open`: `OpenUntil` becomes now + for, or stays where another process set it later; failures + 1; the token's
    /// probe ends (its lease is no such later time). If another process opened it since (open, and not our probe),
    /// failures stay. `Close`: only by the probe's holder.
    async fn change(&self, name: &str, token: LeaseToken, change: &BreakerChange) -> StoreResult<()>;
}
