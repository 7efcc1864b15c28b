//! Compares a database's migration history with this build: it fits, is older, is newer, or is another program's.
//!
//! Builds of two versions share a database while a new one is rolled out or taken back: first the schema is expanded,
//! then the builds change, and a later release contracts it. A migration that expands is named for the oldest schema
//! version whose builds go on with it, `V9__names__from_8`: what those builds read and write stays, and rows that they
//! insert stay valid. Builds before that refuse the database, and after a migration without such a name all do.

use super::columns::Columns;
use crate::ports::error::{StoreError, StoreResult};
use include_dir::Dir;
use refinery_core::{Migration, Runner};
use std::num::ParseIntError;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// What `migrate --dry-run` reports of one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The database's name as it is shown to a person.
    pub database: String,
    /// Schema version found; 0: no migration was applied yet.
    pub version: u32,
    /// Schema version that this build needs.
    pub wanted: u32,
    /// Names of the migrations that would be applied, in order.
    pub pending: Vec<String>,
    /// What else would happen, one sentence each.
    pub notes: Vec<String>,
}

/// What was done to a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The database's name as it is shown to a person.
    pub database: String,
    /// Schema version after the migration.
    pub version: u32,
    /// Names of the applied migrations, in order; empty: there was nothing to do.
    pub applied: Vec<String>,
}

const NEWER_REMEDY: &str = "deploy that build again, or a later one; `client-organizer migrate` cannot go back";
const STRANGE_REMEDY: &str = "name another database, or find out who made it with `client-organizer migrate --dry-run` of the build that runs \
     there";

const LEVEL_REMEDY: &str = "run ALTER DATABASE CURRENT SET COMPATIBILITY_LEVEL = 160 in it (SQL Server 2022 and Azure SQL; 150 on 2019, 140 on 2017)";
const TRIGGER_REMEDY: &str = "drop it, or disable it with DISABLE TRIGGER";

/// The runner of the migrations in a dialect's folder, which is compiled into the program.
pub(super) fn runner(folder: &Dir<'_>) -> Runner {
    let migration = |file: &include_dir::File<'_>| {
        Migration::unapplied(file.path().file_stem()?.to_str()?, file.contents_utf8()?).ok()
    };
    Runner::new(&folder.files().filter_map(migration).collect::<Vec<_>>())
}

/// Why a SQL Server database with an old compatibility level is refused.
pub(super) fn old_level(database: &str, level: i64, wanted: i64) -> String {
    format!("{database} has compatibility level {level}, and OPENJSON needs {wanted} at least: {LEVEL_REMEDY}")
}

/// Why a trigger on one of our tables is refused.
pub(super) fn trigger(table: &str, name: Option<&str>) -> String {
    let which =
        name.map_or("a trigger whose name this login may not see".to_owned(), |name| format!("the trigger {name}"));
    format!("dbo.{table} has {which}, and SQL Server then refuses our statements (error 334): {TRIGGER_REMEDY}")
}

/// Splits a refusal by this module into the finding and the remedy; None: `why` is another error.
#[must_use]
pub fn remedy_in(why: &str) -> Option<(&str, &str)> {
    [NEWER_REMEDY, STRANGE_REMEDY, LEVEL_REMEDY, TRIGGER_REMEDY]
        .into_iter()
        .find_map(|todo| Some((why.strip_suffix(todo)?.strip_suffix(": ")?, todo)))
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    Fits,
    /// What is missing, in order.
    Older(Vec<String>),
    /// Changed by a newer build so that this one must not go on.
    Newer,
    /// The database has a migration that is not ours: its name.
    Strange(String),
}

/// `applied` and `ours` in any order.
fn standing(applied: &[Migration], ours: &[Migration]) -> Standing {
    let last = version_of(ours);
    let unknown = |one: &&Migration| !ours.iter().any(|known| known == *one);
    let strange = applied.iter().filter(unknown).find(|one| one.version() <= i32::try_from(last).unwrap_or(i32::MAX));
    if let Some(one) = strange {
        return Standing::Strange(one.to_string());
    }
    let expands = |one: &Migration| expands_from(one).is_some_and(|from| from <= last);
    if applied.iter().filter(unknown).any(|one| !expands(one)) {
        return Standing::Newer;
    }
    let mut missing: Vec<&Migration> =
        ours.iter().filter(|one| !applied.iter().any(|known| known.version() == one.version())).collect();
    if missing.is_empty() {
        return Standing::Fits;
    }
    missing.sort();
    Standing::Older(missing.iter().map(ToString::to_string).collect())
}

/// The oldest schema version whose builds go on with a migration, by its name.
fn expands_from(one: &Migration) -> Option<u32> {
    one.name().rsplit_once("__from_")?.1.parse().ok()
}

/// An applied migration, from a row of refinery's history.
pub(super) fn applied<R: Columns>(row: &R) -> Result<Migration, R::Error> {
    let on = OffsetDateTime::parse(&row.own_text("applied_on")?, &Rfc3339).map_err(R::broken)?;
    let version = i32::try_from(row.number("version")?).map_err(R::broken)?;
    let checksum = row.own_text("checksum")?.parse().map_err(|e: ParseIntError| R::broken(e))?;
    Ok(Migration::applied(version, row.own_text("name")?, on, checksum))
}

/// The migrations of this build, in the order in which they are applied.
pub(super) fn in_order(runner: &Runner) -> Vec<Migration> {
    let mut all = runner.get_migrations().clone();
    all.sort();
    all
}

/// The names of the migrations that `migrate` would apply.
///
/// # Errors
/// The database was made by a newer build, or is another program's.
pub(super) fn pending(database: &str, applied: &[Migration], ours: &[Migration]) -> StoreResult<Vec<String>> {
    if let Standing::Older(names) = standing(applied, ours) {
        return Ok(names);
    }
    check(database, applied, ours).map(|_| Vec::new())
}

/// # Errors
/// This build does not start on such a database: the reason, and the command that helps.
pub(super) fn check(database: &str, applied: &[Migration], ours: &[Migration]) -> StoreResult<u32> {
    match refusal(database, applied, ours) {
        None => Ok(version_of(applied)),
        Some(reason) => Err(StoreError::Broken { step: "check schema", reason, source: None }),
    }
}

pub(super) fn version_of(migrations: &[Migration]) -> u32 {
    migrations.iter().filter_map(|one| u32::try_from(one.version()).ok()).max().unwrap_or(0)
}

/// Why this build does not start on such a database, and the command that repairs it; None: it starts.
fn refusal(database: &str, applied: &[Migration], ours: &[Migration]) -> Option<String> {
    let (found, wanted) = (version_of(applied), version_of(ours));
    Some(match standing(applied, ours) {
        Standing::Fits => return None,
        Standing::Older(_) if applied.is_empty() => format!(
            "{database} has no tables of this program that this login can see: run `client-organizer migrate` \
             (with `--dry-run` it only reports what it would do)"
        ),
        Standing::Older(_) => format!(
            "{database} has schema version {found}, this build needs {wanted}: run `client-organizer migrate` \
             (with `--dry-run` it only reports what it would do)"
        ),
        Standing::Newer => format!(
            "{database} has schema version {found}, made by a newer build than this one, which knows {wanted}: \
             {NEWER_REMEDY}"
        ),
        Standing::Strange(name) => {
            format!("{database} has the migration {name}, which this build does not know: {STRANGE_REMEDY}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::{sqlite, sqlserver};
    use regex::Regex;

    #[test]
    fn every_file_of_a_dialects_migrations_is_one() {
        for folder in [&sqlite::migrate::MIGRATIONS, &sqlserver::migrate::MIGRATIONS] {
            let files = folder.files().count();
            assert!(files > 5 && runner(folder).get_migrations().len() == files, "{files}");
        }
    }

    fn ours() -> Vec<Migration> {
        ["U0__make_way", "V1__tables", "V2__engine"].map(|name| one(name, "SELECT 1")).to_vec()
    }

    fn one(name: &str, sql: &str) -> Migration {
        Migration::unapplied(name, sql).unwrap()
    }

    fn with(later: &[&str]) -> Vec<Migration> {
        ours().into_iter().chain(later.iter().map(|name| one(name, "SELECT 1"))).collect()
    }

    /// What earlier builds use by name, or would no longer be allowed to insert.
    #[test]
    fn a_migration_that_earlier_builds_go_on_with_only_expands() {
        let contracts = Regex::new(
            r"(?i)\b(DROP\s+(TABLE|COLUMN|VIEW|PROCEDURE|CONSTRAINT)|RENAME|sp_rename|ALTER\s+COLUMN|CHECK\s*\(|REVOKE|DENY)",
        );
        let contracts = contracts.unwrap();
        let required = Regex::new(r"(?is)\bADD\b[^;]*\bNOT\s+NULL\b").unwrap();
        for (folder, hints) in [(&sqlite::migrate::MIGRATIONS, false), (&sqlserver::migrate::MIGRATIONS, true)] {
            for file in folder.files().filter(|file| file.path().to_string_lossy().contains("__from_")) {
                let text = file.contents_utf8().unwrap();
                let code: String = text.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
                let at = file.path().display();
                assert!(!contracts.is_match(&code), "{at} takes something away: contract in a later release");
                assert!(
                    !required.is_match(&code) || code.to_uppercase().contains("DEFAULT"),
                    "{at} requires a column that earlier builds do not write"
                );
                // Statements of the SQL Server store name their indexes.
                assert!(!hints || !code.to_uppercase().contains("DROP INDEX"), "{at} drops an index that hints name");
            }
        }
    }

    #[test]
    fn each_history_has_its_own_refusal() {
        let strange = vec![one("V1__tables", "SELECT 2")];
        let mut newer = ours();
        newer.push(one("V3__later", "SELECT 1"));
        let without_the_first = ours()[1..].to_vec();
        for (applied, standing_, expected) in [
            (ours(), Standing::Fits, None),
            (
                vec![],
                Standing::Older(["U0__make_way", "V1__tables", "V2__engine"].map(Into::into).to_vec()),
                Some("no tables"),
            ),
            (
                ours()[..2].to_vec(),
                Standing::Older(vec!["V2__engine".into()]),
                Some("schema version 1, this build needs 2"),
            ),
            (without_the_first, Standing::Older(vec!["U0__make_way".into()]), Some("`client-organizer migrate`")),
            (newer, Standing::Newer, Some("newer build")),
            (with(&["V3__names__from_2", "V4__more__from_1"]), Standing::Fits, None),
            (with(&["V3__names__from_2", "V4__more__from_3"]), Standing::Newer, Some("newer build")),
            (with(&["V3__names__from_2", "V4__gone"]), Standing::Newer, Some("newer build")),
            (strange, Standing::Strange("V1__tables".into()), Some("this build does not know")),
        ] {
            assert_eq!(standing(&applied, &ours()), standing_);
            let refusal = refusal("app.db", &applied, &ours());
            match expected {
                None => assert_eq!(refusal, None),
                Some(expected) => assert!(refusal.clone().unwrap().contains(expected), "{expected}: {refusal:?}"),
            }
        }
    }
}
