//! The provider's rate limit on SQLite: there is one write transaction at a time, so a lease's count is exact.

use super::outbox::add_destination;
use crate::{
    adapters::columns::Columns,
    domain::rate_limit::{HOUR_MS, LEASE_MS_MAX, MINUTE_MS},
    ports::inbox::Lease,
};
use rusqlite::{Connection, named_params};

/// How many more mails may be leased for sending now, and if none, when the next one may be.
#[derive(Clone, Copy)]
pub(super) struct Room {
    pub(super) mails: u32,
    next_on: i64,
}

/// `None`: the provider has no rate limit.
pub(super) fn room(db: &Connection, now: i64, lease: &Lease) -> rusqlite::Result<Option<Room>> {
    if !lease.rate_limit.is_limited() {
        return Ok(None);
    }
    add_destination(db, &lease.provider)?;
    let forget = named_params! { ":provider": lease.provider, ":before": now.saturating_sub(HOUR_MS) };
    db.prepare_cached(include_str!("sql/rate_limit_forget.sql"))?.execute(forget)?;
    let repair = named_params! { ":provider": lease.provider, ":latest": now.saturating_add(LEASE_MS_MAX) };
    db.prepare_cached(include_str!("sql/rate_limit_repair.sql"))?.execute(repair)?;
    let which = named_params! {
        ":provider": lease.provider,
        ":now": now,
        ":per_minute": lease.rate_limit.per_minute,
        ":per_hour": lease.rate_limit.per_hour,
        ":minute_ms": MINUTE_MS,
        ":hour_ms": HOUR_MS,
    };
    db.prepare_cached(include_str!("sql/rate_limit_room.sql"))?
        .query_row(which, |row| Ok(Some(Room { mails: row.count("Room")?, next_on: row.number("RoomOnUtc")? })))
}

/// Stores whether mails wait for the rate limit, and until when.
pub(super) fn report(db: &Connection, lease: &Lease, room: Room, some_wait: bool) -> rusqlite::Result<()> {
    let until = (room.mails == 0 && some_wait).then_some(room.next_on);
    let report = named_params! { ":provider": lease.provider, ":until": until };
    db.prepare_cached(include_str!("sql/rate_limit_waits.sql"))?.execute(report).map(drop)
}

pub(super) fn lease_one(db: &Connection, now: i64, lease: &Lease, message_id: &str) -> rusqlite::Result<()> {
    let leased = named_params! {
        ":token": lease.token.to_string(),
        ":id": message_id,
        ":provider": lease.provider,
        ":lease_ends": now.saturating_add(lease.lease_ms),
    };
    db.prepare_cached(include_str!("sql/rate_limit_lease.sql"))?.execute(leased).map(drop)
}

/// `None`: the status query may be sent. Otherwise the milliseconds until one may be.
pub(super) fn query(db: &Connection, now: i64, lease: &Lease, message_id: &str) -> rusqlite::Result<Option<i64>> {
    let Some(room) = room(db, now, lease)? else { return Ok(None) };
    let query_lease = named_params! {
        ":token": lease.token.to_string(),
        ":id": message_id,
        ":provider": lease.provider,
        ":lease_ends": now.saturating_add(lease.lease_ms),
        ":room": room.mails,
    };
    let leased = db.prepare_cached(include_str!("sql/rate_limit_query.sql"))?.execute(query_lease)?;
    Ok((leased == 0).then(|| (room.next_on - now).max(0)))
}

/// `handed_over`: the mail reached the provider, with any outcome; else it does not count.
pub(super) fn settle(
    db: &Connection,
    now: i64,
    token: &str,
    message_id: &str,
    handed_over: bool,
) -> rusqlite::Result<()> {
    if handed_over {
        let settled = named_params! { ":token": token, ":id": message_id, ":now": now };
        return db.prepare_cached(include_str!("sql/rate_limit_settle.sql"))?.execute(settled).map(drop);
    }
    let given_back = named_params! { ":token": token, ":id": message_id };
    db.prepare_cached(include_str!("sql/rate_limit_give_back.sql"))?.execute(given_back).map(drop)
}
