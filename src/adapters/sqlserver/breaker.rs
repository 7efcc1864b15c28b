//! The stored breaker on SQL Server.

use super::{
    db::{SqlServer, millis, read},
    outbox::{DESTINATION_ADD, NOW},
    rows,
    session::Results,
    statement::Statement,
};
use crate::{
    adapters::columns::{self, Columns},
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
use tiberius::{Row, error::Error};

const READ: &str = include_str!("sql/breaker_read.sql");
const TAKE_PROBE: &str = include_str!("sql/breaker_take_probe.sql");
const GIVE_BACK: &str = include_str!("sql/breaker_give_back.sql");
const OPEN: &str = include_str!("sql/breaker_open.sql");
const CLOSE: &str = include_str!("sql/breaker_close.sql");

/// A change on its own always counts; within a settle, the batch decides whether it does.
const NEWS: &str = "BEGIN TRAN; DECLARE @news int = 1;";
const END: &str = "COMMIT TRAN;";

#[async_trait]
impl Breakers for SqlServer {
    async fn breaker(&self, name: &str) -> StoreResult<BreakerState> {
        let step = "read breaker";
        let statement = Statement::of(&[NOW, READ]).with("name", name.to_owned());
        if let Some(state) = read(step, state(&self.query(step, statement).await?))? {
            return Ok(state);
        }
        let add = Statement::of(&[NOW, DESTINATION_ADD, READ]).with("name", name.to_owned()).repeatable();
        Ok(read(step, state(&self.execute("add breaker", add).await?))?.unwrap_or(BreakerState::CLOSED))
    }

    async fn take_probe(&self, name: &str, token: LeaseToken, lease_ms: i64) -> StoreResult<bool> {
        let step = "take probe";
        let statement = Statement::of(&[NOW, TAKE_PROBE])
            .with("name", name.to_owned())
            .with("token", token.to_string())
            .with("lease_ms", millis(lease_ms))
            .repeatable();
        read(step, rows::only_count(&self.execute(step, statement).await?, "Done")).map(|done| done == 1)
    }

    async fn give_back_probe(&self, name: &str, token: LeaseToken) -> StoreResult<()> {
        let statement = Statement::of(&[NOW, GIVE_BACK])
            .with("name", name.to_owned())
            .with("token", token.to_string())
            .repeatable();
        self.execute("give back probe", statement).await.map(drop)
    }

    async fn change(&self, name: &str, token: LeaseToken, change: &BreakerChange) -> StoreResult<()> {
        if *change == BreakerChange::Leave {
            return Ok(());
        }
        let statement = Statement::of(&[NOW, NEWS, sql_of(change), END]).with("token", token.to_string()).repeatable();
        self.execute("change breaker", with_change(statement, name, change)).await.map(drop)
    }
}

/// The part of a batch that makes the change; `@news`, `@now` and `@token` are declared before it.
pub(super) fn sql_of(change: &BreakerChange) -> &'static str {
    match change {
        BreakerChange::Leave => "",
        BreakerChange::Close => CLOSE,
        BreakerChange::Open { .. } => OPEN,
    }
}

pub(super) fn with_change(statement: Statement, name: &str, change: &BreakerChange) -> Statement {
    match change {
        BreakerChange::Leave => statement,
        BreakerChange::Close => statement.with("name", name.to_owned()),
        BreakerChange::Open { for_ms, reason } => {
            statement.with("name", name.to_owned()).with("for_ms", millis(*for_ms)).with("reason", bounded(reason))
        }
    }
}

fn state(results: &Results) -> Result<Option<BreakerState>, Error> {
    let state = |row: &Row| columns::outbox::breaker(row, row.time("CurrentUtc")?);
    rows::having(results, "Failures").next().map(state).transpose()
}
