//! Migrations of the database by refinery under a lock, and the check that refuses another schema.

use super::{
    db::{SqlServerOptions, read},
    errors::{self, Intent, odd},
    rows,
    session::{Results, Session},
};
use crate::ports::error::{StoreError, StoreResult};
use refinery::{AsyncMigrate, Migration};
use refinery_core::traits::r#async::{AsyncQuery, AsyncTransaction};
use std::time::Duration;
use tiberius::error::Error;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

mod embedded {
    refinery::embed_migrations!("src/adapters/sqlserver/migrations");
}

const STEP: &str = "migrate";

/// An index over millions of rows takes its time.
const MIGRATION_TIMEOUT: Duration = Duration::from_hours(1);

/// The schema version this build speaks.
#[must_use]
pub fn wanted() -> u32 {
    let runner = embedded::migrations::runner();
    runner.get_migrations().iter().map(|m| u32::try_from(m.version()).unwrap_or(0)).max().unwrap_or(0)
}

/// Brings the database, which must be there, to the wanted version; answers the names of what was applied. Several
/// processes may do so at once: one goes, the others wait and find nothing to do.
///
/// # Errors
/// It cannot be reached, or a migration failed; nothing of that one is left.
pub async fn run(options: &SqlServerOptions) -> StoreResult<Vec<String>> {
    let mut session = options.connector()?.session().await.map_err(|e| e.into_store_error(STEP))?;
    // The lock is the session's, and goes with it. -1 and below (Babelfish: -999): not granted.
    let lock = "DECLARE @got int; EXEC @got = sp_getapplock @Resource = N'client-organizer migrate', \
                @LockMode = 'Exclusive', @LockOwner = 'Session', @LockTimeout = 120000; SELECT @got AS Got;";
    let results = read(STEP, session.batch(lock, MIGRATION_TIMEOUT).await)?;
    let got = rows::having(&results, "Got").next().map(|row| rows::number(row, "Got"));
    if !matches!(got, Some(Ok(0..))) {
        let reason = "another process has been migrating for two minutes: look what it does, then try again".to_owned();
        return Err(StoreError::Unavailable { step: STEP, reason, source: None });
    }
    let mut migrating = Migrating(session);
    let report = embedded::migrations::runner().run_async(&mut migrating).await.map_err(|e| {
        // Number and line say enough to find it; the server's text is for the one who runs this command.
        StoreError::Broken { step: STEP, reason: format!("a migration failed: {e}"), source: Some(Box::new(e)) }
    })?;
    Ok(report.applied_migrations().iter().map(ToString::to_string).collect())
}

pub(super) async fn check(session: &mut Session, limit: Duration) -> StoreResult<u32> {
    let step = "check schema";
    let found = version(session, limit).await.map_err(|e| errors::map(step, Intent::Read, e))?;
    let wanted = wanted();
    let mend = match found {
        v if v == wanted => return Ok(v),
        v if v < wanted => "run `client-organizer migrate`",
        _ => "it was migrated by a newer build: run that one",
    };
    let reason = format!("the database has schema version {found}, this build needs {wanted}: {mend}");
    Err(StoreError::Broken { step, reason, source: None })
}

/// 0: never migrated.
async fn version(session: &mut Session, limit: Duration) -> Result<u32, Error> {
    let known = "SELECT COUNT(*) AS Known FROM sys.tables WHERE name = N'refinery_schema_history'";
    if rows::only_count(&session.batch(known, limit).await?, "Known")? == 0 {
        return Ok(0);
    }
    rows::only_count(&session.batch(VERSION, limit).await?, "Version")
}

pub(super) const VERSION: &str = include_str!("sql/schema_version.sql");

/// refinery's own driver drops answers unread, so a migration that failed after its first statement would be recorded
/// as applied. This one reads each to its end and stops at the first error; the connection, and with it the
/// transaction, is then dropped.
struct Migrating(Session);

impl AsyncTransaction for Migrating {
    type Error = Error;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(&'a mut self, queries: T) -> Result<usize, Error> {
        let mut count = 0;
        self.0.batch("SET XACT_ABORT ON; BEGIN TRAN;", MIGRATION_TIMEOUT).await?;
        for query in queries {
            self.0.batch(query, MIGRATION_TIMEOUT).await?;
            count += 1;
        }
        self.0.batch("COMMIT TRAN;", MIGRATION_TIMEOUT).await?;
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
        format!(
            "IF NOT EXISTS (SELECT 1 FROM sys.tables WHERE name = N'{table}') \
             CREATE TABLE {table} (version int NOT NULL PRIMARY KEY, name nvarchar(255) NOT NULL, \
             applied_on nvarchar(255) NOT NULL, checksum nvarchar(255) NOT NULL);"
        )
    }
}

fn applied(results: &Results) -> Result<Vec<Migration>, Error> {
    let one = |row| {
        let on = OffsetDateTime::parse(&rows::text(row, "applied_on")?, &Rfc3339).map_err(odd)?;
        let version = i32::try_from(rows::number(row, "version")?).map_err(odd)?;
        let checksum = rows::text(row, "checksum")?.parse().map_err(odd)?;
        Ok(Migration::applied(version, rows::text(row, "name")?, on, checksum))
    };
    rows::having(results, "checksum").map(one).collect()
}
