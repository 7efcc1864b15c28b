//! Migrations of the SQLite file, and the check that refuses a file with another schema.

use super::{db, errors};
use crate::{
    adapters::schema_version::{self, Migrated, Plan},
    ports::error::{StoreError, StoreResult},
    private,
};
use include_dir::{Dir, include_dir};
use refinery_core::{
    Migrate, Migration, Runner,
    traits::sync::{Query, Transaction as Execute},
};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};
use std::{path::Path, time::Duration};

pub(in crate::adapters) static MIGRATIONS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/adapters/sqlite/migrations");

const STEP: &str = "migrate";
const HISTORY: &str = "refinery_schema_history";

/// How long one process waits for another's migrations.
const TURN_WAIT: Duration = Duration::from_mins(1);

fn runner() -> Runner {
    schema_version::runner(&MIGRATIONS)
}

fn ours() -> Vec<Migration> {
    schema_version::in_order(&runner())
}

/// The schema version that this build needs.
#[must_use]
pub fn wanted() -> u32 {
    schema_version::version_of(&ours())
}

/// Migrates the file (created if missing, with its folder) to the wanted version. Several processes may do so at once:
/// each takes the write lock before it looks for missing migrations, so one migrates and the others find nothing to do.
///
/// # Errors
/// The file cannot be created or is not a database, or a migration failed; nothing is changed.
pub fn run(path: &Path) -> StoreResult<Migrated> {
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        private::folder(folder).map_err(|e| StoreError::Unavailable {
            step: STEP,
            reason: format!("the folder {} cannot be created", folder.display()),
            source: Some(Box::new(e)),
        })?;
    }
    // SQLite reports why a file cannot be created; its journals take the mode of the file.
    let _ = private::make(path);
    let mut connection = Connection::open(path).map_err(|e| errors::map(STEP, e))?;
    let transaction = begin(&mut connection).map_err(|e| errors::map(STEP, e))?;
    let applied = applied(&transaction).map_err(|e| errors::map(STEP, e))?;
    let database = path.display().to_string();
    if schema_version::pending(&database, &applied, &ours())?.is_empty() {
        return Ok(Migrated { database, version: schema_version::version_of(&applied), applied: Vec::new() });
    }
    let mut migrating = Migrating(transaction);
    let report = runner().run(&mut migrating).map_err(|e| StoreError::Broken {
        step: STEP,
        reason: format!("a migration failed, and nothing was changed: {e}"),
        source: Some(Box::new(e)),
    })?;
    migrating.0.commit().map_err(|e| errors::map_commit(STEP, e))?;
    let applied = report.applied_migrations().iter().map(ToString::to_string).collect();
    Ok(Migrated { database, version: wanted(), applied })
}

fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.busy_timeout(TURN_WAIT)?;
    db::prepare(connection)?;
    connection.busy_timeout(TURN_WAIT)?;
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

/// Reports what `run` would do, without changing anything or creating a file.
///
/// # Errors
/// The file is not a database, or `run` would refuse it.
pub fn plan(path: &Path) -> StoreResult<Plan> {
    let mut notes = Vec::new();
    let applied = if path.exists() {
        let read_only = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
        read_only.and_then(|connection| applied(&connection)).map_err(|e| errors::map(STEP, e))?
    } else {
        notes.push("the file would be created".to_owned());
        Vec::new()
    };
    let pending = schema_version::pending(&path.display().to_string(), &applied, &ours())?;
    let (version, wanted) = (schema_version::version_of(&applied), wanted());
    Ok(Plan { database: path.display().to_string(), version, wanted, pending, notes })
}

pub(super) fn check(connection: &Connection, path: &Path) -> StoreResult<u32> {
    let applied = applied(connection).map_err(|e| errors::map("check schema", e))?;
    schema_version::check(&path.display().to_string(), &applied, &ours())
}

/// 0: never migrated.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    Ok(schema_version::version_of(&applied(connection)?))
}

fn applied(connection: &Connection) -> rusqlite::Result<Vec<Migration>> {
    let known = "SELECT 1 FROM sqlite_master WHERE name = ?1";
    if connection.query_row(known, [HISTORY], |_| Ok(())).optional()?.is_none() {
        return Ok(Vec::new());
    }
    history(connection, "SELECT version, name, applied_on, checksum FROM refinery_schema_history ORDER BY version")
}

fn history(connection: &Connection, query: &str) -> rusqlite::Result<Vec<Migration>> {
    connection.prepare(query)?.query_map([], |row| schema_version::applied(row))?.collect()
}

/// refinery's own driver begins a transaction for each step, so that two processes could both find a step missing.
struct Migrating<'a>(Transaction<'a>);

impl Execute for Migrating<'_> {
    type Error = rusqlite::Error;

    fn execute<'a, T: Iterator<Item = &'a str>>(&mut self, queries: T) -> Result<usize, rusqlite::Error> {
        let mut count = 0;
        for query in queries {
            self.0.execute_batch(query)?;
            count += 1;
        }
        Ok(count)
    }
}

impl Query<Vec<Migration>> for Migrating<'_> {
    fn query(&mut self, query: &str) -> Result<Vec<Migration>, rusqlite::Error> {
        history(&self.0, query)
    }
}

impl Migrate for Migrating<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_migrations_have_one_version() {
        let versions: std::collections::BTreeSet<i32> = ours().iter().map(Migration::version).collect();
        assert_eq!(versions.len(), ours().len(), "{versions:?}");
    }
}
