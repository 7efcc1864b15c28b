//! Migrations of the database by refinery under a lock, and the check that refuses another schema.
//!
//! All missing migrations run in one transaction, so a failure leaves the previous version and the .NET system's table
//! as they were.

use super::{
    db::{SqlServerOptions, read},
    errors::{Intent, map, odd},
    migrate_foreign, migrate_legacy, rows,
    session::{Results, Session},
};
use crate::{
    adapters::{
        columns::Columns,
        schema_version::{self, Migrated, Plan},
    },
    ports::error::{StoreError, StoreResult},
};
use include_dir::{Dir, include_dir};
use refinery_core::{
    AsyncMigrate, Migration, Runner,
    traits::r#async::{AsyncQuery, AsyncTransaction},
};
use std::{error::Error as _, time::Duration};
use tiberius::{Row, error::Error};

pub(in crate::adapters) static MIGRATIONS: Dir<'_> =
    include_dir!("$CARGO_MANIFEST_DIR/src/adapters/sqlserver/migrations");

const STEP: &str = "migrate";

pub(super) const HISTORY: &str = "dbo.refinery_schema_history";
pub(super) const VERSION: &str = include_str!("sql/schema_version.sql");
const RIGHTS: &str = include_str!("sql/schema_rights.sql");
const LOCK: &str = include_str!("sql/migrate_lock.sql");
const TRIGGERS: &str = include_str!("sql/schema_triggers.sql");
const WHERE: &str = include_str!("sql/migrate_where.sql");
const APPLIED: &str = include_str!("sql/migrate_history.sql");

/// Long, because an index over millions of rows takes time.
pub(super) const MIGRATION_TIMEOUT: Duration = Duration::from_hours(1);

/// Error numbers that our migrations THROW: their texts are written for the person who migrates.
const OUR_WORDS: std::ops::RangeInclusive<u32> = 51_001..=51_099;

/// A permission on an object was denied.
const REFUSED_RIGHT: u32 = 229;

const MAKE_WAY: &str = include_str!("migrations/U0__make_way.sql");
const CHECKS_END: &str = "-- The checks end here";

fn runner() -> Runner {
    let mut runner = schema_version::runner(&MIGRATIONS);
    // Named in full: a login's default schema may be another.
    runner.set_migration_table_name(HISTORY);
    runner
}

/// In the order in which they are applied.
pub(super) fn ours() -> Vec<Migration> {
    schema_version::in_order(&runner())
}

/// The schema version that this build needs.
#[must_use]
pub fn wanted() -> u32 {
    schema_version::version_of(&ours())
}

/// Migrates an existing database to the wanted version. Several processes may do so at once: one migrates, the others
/// wait and find nothing to do.
///
/// # Errors
/// The database cannot be reached, a migration failed, or it would take tables that are not ours; nothing is changed.
pub async fn run(options: &SqlServerOptions) -> StoreResult<Migrated> {
    let mut session = connected(options).await?;
    let results = read(STEP, session.batch(LOCK, MIGRATION_TIMEOUT).await)?;
    let got = rows::having(&results, "Got").next().map(|row| row.number("Got"));
    if !matches!(got, Some(Ok(0..))) {
        let reason = "another process has been migrating for two minutes: check what it does, then retry".to_owned();
        return Err(StoreError::Unavailable { step: STEP, reason, source: None });
    }
    // Read under the lock, so that what another process has just created counts as ours.
    let found = read(STEP, look(&mut session, MIGRATION_TIMEOUT).await)?;
    found.refuse_an_old_level()?;
    if schema_version::pending(&found.database, &found.applied, &ours())?.is_empty() {
        let version = schema_version::version_of(&found.applied);
        return Ok(Migrated { database: found.database, version, applied: Vec::new() });
    }
    refuse_foreign(&mut session, &found.applied).await?;
    read(STEP, session.batch("SET XACT_ABORT ON; BEGIN TRAN;", MIGRATION_TIMEOUT).await)?;
    let mut migrating = Migrating(session);
    // On a failure the connection is dropped, which rolls the transaction back.
    let report = runner().run_async(&mut migrating).await.map_err(failed)?;
    let committed = migrating.0.batch("COMMIT TRAN;", MIGRATION_TIMEOUT).await;
    committed.map_err(|e| map(STEP, Intent::Write, e))?;
    let applied = report.applied_migrations().iter().map(ToString::to_string).collect();
    Ok(Migrated { database: found.database, version: wanted(), applied })
}

/// Reports what `run` would do, without changing anything or waiting for another process.
///
/// # Errors
/// The database cannot be reached, or `run` would refuse it.
pub async fn plan(options: &SqlServerOptions) -> StoreResult<Plan> {
    let mut session = connected(options).await?;
    let found = read(STEP, look(&mut session, MIGRATION_TIMEOUT).await)?;
    found.refuse_an_old_level()?;
    let Found { database, applied, .. } = found;
    let pending = schema_version::pending(&database, &applied, &ours())?;
    let mut notes = Vec::new();
    if pending.is_empty() {
        notes.extend(triggers(&mut session).await?);
    } else {
        refuse_foreign(&mut session, &applied).await?;
    }
    if applied.is_empty() {
        session
            .batch(checks(), MIGRATION_TIMEOUT)
            .await
            .map_err(|e| thrown(&e).unwrap_or_else(|| map(STEP, Intent::Read, e)))?;
        notes.extend(migrate_legacy::reported(&mut session, MIGRATION_TIMEOUT).await?);
    }
    Ok(Plan { database, version: schema_version::version_of(&applied), wanted: wanted(), pending, notes })
}

pub(super) async fn check(session: &mut Session, limit: Duration) -> StoreResult<u32> {
    let Found { database, applied, .. } = read("check schema", look(session, limit).await)?;
    let version = schema_version::check(&database, &applied, &ours())?;
    may_read(session, &database, limit).await.map(|()| version)
}

/// A migration creates tables that the role's earlier grants do not cover. Without this check the first sign would be a
/// mail that was sent and whose outcome could not be stored.
async fn may_read(session: &mut Session, database: &str, limit: Duration) -> StoreResult<()> {
    match session.batch(RIGHTS, limit).await {
        Err(error) if error.code() == Some(REFUSED_RIGHT) => Err(StoreError::Broken {
            step: "check rights",
            reason: format!(
                "the login may not read every table of {database}: run what `client-organizer migrate --grants` prints \
                 again, as after each `migrate`, and look whether the login is a member of the role client_organizer"
            ),
            source: None,
        }),
        answer => read("check rights", answer).map(drop),
    }
}

/// The connection's own time-out is raised too, since the driver bounds each part of an answer.
pub(super) async fn connected(options: &SqlServerOptions) -> StoreResult<Session> {
    let mut patient = options.clone();
    patient.pool.command_timeout = MIGRATION_TIMEOUT;
    patient.connector()?.session().await.map_err(|e| e.into_store_error(STEP))
}

struct Found {
    /// The database and its server, as messages name them.
    database: String,
    applied: Vec<Migration>,
    /// `None`: the server has no compatibility level.
    level: Option<i64>,
}

/// The level of SQL Server 2016, the first with OPENJSON.
const LEVEL_MIN: i64 = 130;

impl Found {
    fn refuse_an_old_level(&self) -> StoreResult<()> {
        match self.level {
            Some(level) if level < LEVEL_MIN => Err(StoreError::Broken {
                step: STEP,
                reason: schema_version::old_level(&self.database, level, LEVEL_MIN),
                source: None,
            }),
            _ => Ok(()),
        }
    }
}

async fn refuse_foreign(session: &mut Session, applied: &[Migration]) -> StoreResult<()> {
    let ours = ours();
    let pending = ours.iter().filter(|one| !applied.iter().any(|known| known.version() == one.version()));
    let check = migrate_foreign::check(pending, false);
    let answer = session.batch(&check, MIGRATION_TIMEOUT).await;
    answer.map(drop).map_err(|e| thrown(&e).unwrap_or_else(|| map(STEP, Intent::Read, e)))
}

/// One sentence per enabled trigger: on a table with a trigger, SQL Server refuses every statement with OUTPUT (error
/// 334).
async fn triggers(session: &mut Session) -> StoreResult<Vec<String>> {
    let step = "look for triggers";
    let results = read(step, session.batch(TRIGGERS, MIGRATION_TIMEOUT).await)?;
    let one = |row: &Row| Ok(schema_version::trigger(&row.text("TableName")?, row.text_opt("TriggerName")?.as_deref()));
    read(step, rows::having(&results, "TriggerName").map(one).collect())
}

async fn look(session: &mut Session, limit: Duration) -> Result<Found, Error> {
    let results = session.batch(WHERE, limit).await?;
    let row = rows::having(&results, "Known").next().ok_or_else(|| odd("the server did not return its name"))?;
    let (name, server) = (row.text("DatabaseName")?, row.text_opt("ServerName")?);
    let database = format!("the database {name} on {}", server.unwrap_or_else(|| "the server".to_owned()));
    let known = row.flag("Known")?;
    let applied = if known { applied(&session.batch(APPLIED, limit).await?)? } else { Vec::new() };
    Ok(Found { database, applied, level: row.number_opt("CompatibilityLevel")? })
}

/// The part of U0 that refuses a database, without the part that changes it.
fn checks() -> &'static str {
    MAKE_WAY.split_once(CHECKS_END).map_or("", |(checks, _)| checks)
}

/// Includes the server's text, for the person who runs the command.
fn failed(error: refinery_core::Error) -> StoreError {
    let cause = error.source().and_then(|source| source.downcast_ref::<Error>());
    cause.and_then(thrown).unwrap_or_else(|| StoreError::Broken {
        step: STEP,
        reason: format!("a migration failed, and nothing was changed: {error}"),
        source: Some(Box::new(error)),
    })
}

/// A THROW of our own needs no other text.
fn thrown(error: &Error) -> Option<StoreError> {
    match error {
        Error::Server(token) if OUR_WORDS.contains(&token.code()) => {
            Some(StoreError::Broken { step: STEP, reason: token.message().to_owned(), source: None })
        }
        _ => None,
    }
}

/// refinery's own driver drops answers unread, so a migration that failed after its first statement would be recorded
/// as applied. This driver reads each answer to its end and stops at the first error.
struct Migrating(Session);

impl AsyncTransaction for Migrating {
    type Error = Error;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(&'a mut self, queries: T) -> Result<usize, Error> {
        let mut count = 0;
        for query in queries {
            self.0.batch(query, MIGRATION_TIMEOUT).await?;
            count += 1;
        }
        Ok(count)
    }
}

impl AsyncQuery<Vec<Migration>> for Migrating {
    async fn query<'a>(&'a mut self, query: &'a str) -> Result<Vec<Migration>, Error> {
        applied(&self.0.batch(query, MIGRATION_TIMEOUT).await?)
    }
}

impl AsyncMigrate for Migrating {
    fn assert_migrations_table_query(table: &str) -> String {
        history_table(table)
    }
}

pub(super) fn history_table(table: &str) -> String {
    format!(
        "IF OBJECT_ID(N'{table}', N'U') IS NULL\n  CREATE TABLE {table} (version int NOT NULL PRIMARY KEY, \
         name nvarchar(255) NOT NULL, applied_on nvarchar(255) NOT NULL, checksum nvarchar(255) NOT NULL);"
    )
}

fn applied(results: &Results) -> Result<Vec<Migration>, Error> {
    rows::having(results, "checksum").map(schema_version::applied).collect()
}
