//! The provider's pace on SQL Server: leases lock its row in Destinations, so what they count is what there is.

use super::{db::millis, errors::odd, rows, session::Results, statement::Statement};
use crate::{
    adapters::columns::Columns,
    domain::rate_limit::{HOUR_MS, LEASE_MS_MAX, MINUTE_MS},
    ports::{breaker::RateLimited, inbox::Lease},
};
use tiberius::error::Error;

/// Begins a lease's transaction; `@room` after it.
pub(super) const ROOM: &str = include_str!("sql/rate_limit_room.sql");
/// Ends the batch of a query.
pub(super) const ASK: &str = include_str!("sql/rate_limit_query.sql");
/// Tells whether mails wait for room, after `@some_wait` is known.
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

/// `None`: the provider may be asked.
pub(super) fn room_in_ms(results: &Results) -> Result<Option<i64>, Error> {
    let row = rows::having(results, "MayAsk").next().ok_or_else(|| odd("the room is missing"))?;
    if row.flag("MayAsk")? {
        return Ok(None);
    }
    Ok(Some(RateLimited::at(row.time("RoomOnUtc")?, row.time("CurrentUtc")?).in_ms))
}
