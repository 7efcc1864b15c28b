//! The outbox on SQL Server: each call of the port is one batch; larger ones have their own files.

use super::{
    db::{SqlServer, read},
    error_numbers::{DEADLOCK, NO_DATABASE_STATE, NO_RIGHT, NO_SERVER_STATE},
    errors, history, outbox_claim, outbox_route, outbox_settle, rows,
    session::Results,
    statement::Statement,
};
use crate::{
    adapters::columns::{self, Columns},
    domain::{
        outbox::{Claim, Claimed, Settle, Settled, bounded},
        outbox_failures::unsendable,
        route::Routes,
    },
    ports::{
        error::{StoreError, StoreResult},
        outbox::{HELD_ROWS_MAX, Outbox, Routed, Waiting},
    },
};
use async_trait::async_trait;
use serde_json::{Value, json};
use tiberius::{Row, error::Error};

pub(super) const NOW: &str = include_str!("sql/now.sql");
const DUE: &str = include_str!("sql/outbox_due.sql");
const DESTINATIONS_OF_ROWS: &str = include_str!("sql/outbox_destinations_of_rows.sql");
pub(super) const DESTINATION_ADD: &str = include_str!("sql/outbox_destination_add.sql");
const DEAD_LETTER: &str = include_str!("sql/outbox_dead_letter.sql");
const DEAD_LETTERED: &str = "COMMIT TRAN;\nSELECT @done AS Done;";
pub(super) const HELD: &str = include_str!("sql/outbox_locked.sql");
const HOLDERS: &str = include_str!("sql/outbox_holders.sql");

/// A transaction that locks a due row for this long is not ours, nor that of a writer at work.
pub(super) const HELD_MS: i32 = 60_000;

#[async_trait]
impl Outbox for SqlServer {
    async fn ensure_destinations(&self, names: &[String]) -> StoreResult<()> {
        // There are few destinations, and this runs once at start.
        for name in names {
            self.execute("add destinations", Statement::new(DESTINATION_ADD).with("name", name.clone()).repeatable())
                .await?;
        }
        Ok(())
    }

    async fn route(&self, routes: &Routes, rows_max: u32) -> StoreResult<Routed> {
        let step = "route";
        let Some(statement) = outbox_route::statement(routes, rows_max, self.instance()) else {
            return Ok(Routed::default());
        };
        read(step, outbox_route::routed(&self.execute(step, statement.repeatable()).await?))
    }

    async fn waiting(&self, routes: &Routes) -> StoreResult<Waiting> {
        let step = "read what is due";
        let types: Vec<Value> = routes.0.keys().map(|event_type| json!({"t": event_type})).collect();
        let statement = Statement::of(&[NOW, DUE, HELD])
            .with("types", Value::from(types).to_string())
            .with("held_ms", HELD_MS)
            .with("held_max", i64::from(HELD_ROWS_MAX));
        let (waiting, missing) = read(step, waiting(&self.query(step, statement).await?))?;
        if missing {
            self.execute("add destinations", Statement::new(DESTINATIONS_OF_ROWS).repeatable()).await?;
        }
        Ok(waiting)
    }

    async fn holders(&self) -> Vec<String> {
        holders(self).await
    }

    async fn claim(&self, claim: &Claim) -> StoreResult<Claimed> {
        let step = "claim";
        match self.execute(step, outbox_claim::statement(claim, self.instance()).repeatable()).await {
            Ok(results) => read(step, outbox_claim::claimed(&results)),
            // The deadlock victim several times: other dispatchers claim here, so nothing is left for us just now.
            Err(error) if errors::code(&error) == Some(DEADLOCK) => Ok(Claimed::default()),
            Err(error) => Err(error),
        }
    }

    async fn settle(&self, settle: &Settle) -> StoreResult<Vec<Settled>> {
        let step = "settle";
        let statement = outbox_settle::statement(settle, self.instance()).repeatable();
        let results = self.once_more(step, statement).await?;
        let reason = "rows of this claim; the others are settled".to_owned();
        read(step, outbox_settle::settled(&results))?.ok_or(StoreError::Locked { step, reason, source: None })
    }

    async fn dead_letter(&self, destination: &str, reason: &str, rows_max: u32) -> StoreResult<u32> {
        let step = "dead-letter";
        let failure = unsendable(destination, reason);
        let statement = Statement::of(&[NOW, DEAD_LETTER, &history::of_dead("@done"), DEAD_LETTERED])
            .with("destination", destination.to_owned())
            .with("error", bounded(reason))
            .with("fingerprint", failure.fingerprint.clone())
            .with("rows_max", i64::from(rows_max));
        let statement = history::with(statement, self.instance(), destination, [&failure]).repeatable();
        read(step, rows::only_count(&self.execute(step, statement).await?, "Done"))
    }
}

/// The sessions that lock rows of the outbox, or why they cannot be seen.
pub(super) async fn holders(db: &SqlServer) -> Vec<String> {
    let step = "find who locks rows";
    let found = match db.query(step, Statement::new(HOLDERS)).await {
        Ok(results) => read(step, rows::having(&results, "SessionId").map(holder).collect::<Result<Vec<_>, _>>()),
        Err(error) => Err(error),
    };
    found.unwrap_or_else(|error| match errors::code(&error) {
        Some(NO_SERVER_STATE | NO_DATABASE_STATE | NO_RIGHT) => vec![
            "a session that this login may not see (it needs VIEW SERVER STATE, from SQL Server 2022 on VIEW SERVER \
             PERFORMANCE STATE, in Azure SQL VIEW DATABASE STATE)"
                .to_owned(),
        ],
        _ => vec![format!("a session that could not be looked up ({error})")],
    })
}

fn holder(row: &Row) -> Result<String, Error> {
    let (session, seconds) = (row.number("SessionId")?, row.number("OpenSeconds")?);
    let [login, program, host] = ["LoginName", "ProgramName", "HostName"].map(|name| row.text(name));
    Ok(format!("session {session} of {} ({}, {}), its transaction open for {seconds} s", login?, program?, host?))
}

pub(super) fn held(results: &Results) -> Result<u32, Error> {
    rows::having(results, "HeldRows").next().map_or(Ok(0), |row| row.count("HeldRows"))
}

/// `true`: a destination has no row in Destinations yet.
fn waiting(results: &Results) -> Result<(Waiting, bool), Error> {
    let (mut waiting, mut missing) = (Waiting { held: held(results)?, ..Waiting::default() }, false);
    for row in rows::having(results, "Waiting") {
        missing |= columns::outbox::due(row, row.time("CurrentUtc")?, &mut waiting)?;
    }
    Ok((waiting, missing))
}
