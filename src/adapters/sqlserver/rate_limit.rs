//! The provider's rate limit on SQL Server: leases lock its row in Destinations, so their counts are exact.

use super::{db::millis, errors::odd, rows, session::Results, statement::Statement};
use crate::{
    adapters::columns::Columns,
    domain::rate_limit::{HOUR_MS, LEASE_MS_MAX, MINUTE_MS},
    ports::{breaker::RateLimited, inbox::Lease},
};
use tiberius::error::Error;

/// Begins a lease's transaction and declares `@room`.
pub(super) const ROOM: &str = include_str!("sql/rate_limit_room.sql");
/// Leases a status query, and ends its batch.
pub(super) const QUERY: &str = include_str!("sql/rate_limit_query.sql");
/// Stores whether mails wait for the rate limit; `@some_wait` is declared before it.
pub(super) const WAITS: &str = include_str!("sql/rate_limit_waits.sql");
/// Begins the transaction of a settlement.
pub(super) const SETTLE: &str = include_str!("sql/rate_limit_settle.sql");

pub(super) fn with_rate_limit(statement: Statement, lease: &Lease) -> Statement {
    let limit = |mails: u32| i32::try_from(mails).unwrap_or(i32::MAX);
    statement
        .with("per_minute", limit(lease.rate_limit.per_minute))
        .with("per_hour", limit(lease.rate_limit.per_hour))
        .with("minute_ms", millis(MINUTE_MS))
        .with("hour_ms", millis(HOUR_MS))
        .with("lease_max_ms", millis(LEASE_MS_MAX))
}

/// `None`: the status query may be sent. Otherwise the milliseconds until one may be.
pub(super) fn room_in_ms(results: &Results) -> Result<Option<i64>, Error> {
    let row = rows::having(results, "MayQuery").next().ok_or_else(|| odd("the rate limit is missing"))?;
    if row.flag("MayQuery")? {
        return Ok(None);
    }
    Ok(Some(RateLimited::at(row.time("RoomOnUtc")?, row.time("CurrentUtc")?).in_ms))
}
