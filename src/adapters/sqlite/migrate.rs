//! Migrations of the SQLite file, and the check that refuses a file with another schema.

use super::{db, errors};
use crate::ports::error::{StoreError, StoreResult};
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;

mod embedded {
    refinery::embed_migrations!("src/adapters/sqlite/migrations");
}

/// The schema version this build speaks.
#[must_use]
pub fn wanted() -> u32 {
    let runner = embedded::migrations::runner();
    runner.get_migrations().iter().map(|m| u32::try_from(m.version()).unwrap_or(0)).max().unwrap_or(0)
}

/// Brings the file (made if missing, its folder too) to the wanted version; answers the names of what was applied.
/// Several processes may do so at once.
///
/// # Errors
/// The file cannot be made or is no database, or a migration failed; nothing is left half-applied.
pub fn run(path: &Path) -> StoreResult<Vec<String>> {
    let step = "migrate";
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|e| StoreError::Unavailable {
            step,
            reason: format!("the folder {} cannot be made", folder.display()),
            source: Some(Box::new(e)),
        })?;
    }
    let mut connection = Connection::open(path).map_err(|e| errors::map(step, e))?;
    db::prepare(&connection).map_err(|e| errors::map(step, e))?;
    let report = embedded::migrations::runner().run(&mut connection).map_err(|e| StoreError::Broken {
        step,
        reason: format!("a migration failed: {e}"),
        source: Some(Box::new(e)),
    })?;
    Ok(report.applied_migrations().iter().map(ToString::to_string).collect())
}

pub(super) fn check(connection: &Connection, path: &Path) -> StoreResult<u32> {
    let found = version(connection).map_err(|e| errors::map("check schema", e))?;
    let wanted = wanted();
    let mend = match found {
        v if v == wanted => return Ok(v),
        v if v < wanted => "run `client-organizer migrate`",
        _ => "it was migrated by a newer build: run that one",
    };
    Err(StoreError::Broken {
        step: "check schema",
        reason: format!("{} has schema version {found}, this build needs {wanted}: {mend}", path.display()),
        source: None,
    })
}

/// 0: never migrated.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    let table = "SELECT 1 FROM sqlite_master WHERE name = 'refinery_schema_history'";
    if connection.query_row(table, [], |_| Ok(())).optional()?.is_none() {
        return Ok(0);
    }
    connection.query_row("SELECT coalesce(max(version), 0) FROM refinery_schema_history", [], |row| row.get(0))
}
