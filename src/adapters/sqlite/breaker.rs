//! The stored breaker on SQLite.

use super::{db::Sqlite, outbox::add_destination, rows};
use crate::{
    adapters::columns,
    domain::{
        ids::LeaseToken,
        outbox::{BreakerChange, bounded},
    },
    ports::{
        breaker::{BreakerState, Breakers},
        error::StoreResult,
    },
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, named_params};

const READ: &str = include_str!("sql/breaker_read.sql");
const TAKE_PROBE: &str = include_str!("sql/breaker_take_probe.sql");
const GIVE_BACK: &str = include_str!("sql/breaker_give_back.sql");
const OPEN: &str = include_str!("sql/breaker_open.sql");
const CLOSE: &str = include_str!("sql/breaker_close.sql");

#[async_trait]
impl Breakers for Sqlite {
    async fn breaker(&self, name: &str) -> StoreResult<BreakerState> {
        let wanted = name.to_owned();
        if let Some(state) = self.read("read breaker", move |read, now| state(read, now, &wanted)).await? {
            return Ok(state);
        }
        let missing = name.to_owned();
        self.write("add breaker", move |transaction, now| {
            add_destination(transaction, &missing)?;
            Ok(state(transaction, now, &missing)?.unwrap_or(BreakerState::CLOSED))
        })
        .await
    }

    async fn take_probe(&self, name: &str, token: LeaseToken, lease_ms: i64) -> StoreResult<bool> {
        let name = name.to_owned();
        self.write("take probe", move |transaction, now| {
            let until = now.saturating_add(lease_ms);
            let params = named_params! {":name": name, ":token": token.to_string(), ":now": now, ":until": until};
            Ok(transaction.prepare_cached(TAKE_PROBE)?.execute(params)? == 1)
        })
        .await
    }

    async fn give_back_probe(&self, name: &str, token: LeaseToken) -> StoreResult<()> {
        let name = name.to_owned();
        self.write("give back probe", move |transaction, now| {
            let params = named_params! {":name": name, ":token": token.to_string(), ":now": now};
            transaction.prepare_cached(GIVE_BACK)?.execute(params).map(drop)
        })
        .await
    }

    async fn change(&self, name: &str, token: LeaseToken, change: &BreakerChange) -> StoreResult<()> {
        let (name, change) = (name.to_owned(), change.clone());
        self.write("change breaker", move |transaction, now| {
            self::change(transaction, now, &name, &token.to_string(), &change)
        })
        .await
    }
}

/// Also used inside the transaction of a settle.
pub(super) fn change(
    connection: &Connection,
    now: i64,
    name: &str,
    token: &str,
    change: &BreakerChange,
) -> rusqlite::Result<()> {
    match change {
        BreakerChange::Leave => Ok(()),
        BreakerChange::Close => {
            let params = named_params! {":name": name, ":token": token};
            connection.prepare_cached(CLOSE)?.execute(params).map(drop)
        }
        BreakerChange::Open { for_ms, reason } => {
            add_destination(connection, name)?;
            let until = now.saturating_add((*for_ms).max(0));
            let params = named_params! {":name": name, ":token": token, ":until": until, ":reason": bounded(reason), ":now": now};
            connection.prepare_cached(OPEN)?.execute(params).map(drop)
        }
    }
}

fn state(connection: &Connection, now: i64, name: &str) -> rusqlite::Result<Option<BreakerState>> {
    let read = |row: &Row<'_>| columns::outbox::breaker(row, rows::time_of(now));
    connection.prepare_cached(READ)?.query_row(named_params! {":name": name, ":now": now}, read).optional()
}
