//! The migrations as a script that a DBA reviews and runs. It writes refinery's history, so `migrate` knows it ran.

use super::{
    migrate::{HISTORY, history_table, ours},
    migrate_foreign,
};
use refinery_core::Migration;
use std::fmt::Write;

/// The grants of the role that the program runs under.
pub const GRANTS: &str = include_str!("grants.sql");

/// The time as refinery writes it, RFC 3339. (Babelfish replaces the T of style 126 by a space.)
const NOW: &str = "REPLACE(CONVERT(nvarchar(19), SYSUTCDATETIME(), 126), N' ', N'T') + N'Z'";

/// Migrates an empty database, or one of any earlier version, to this build's version. Batches end with GO.
#[must_use]
pub fn script() -> String {
    let ours = ours();
    let mut script = opening(&ours);
    for migration in &ours {
        script.push_str(&guarded(migration));
    }
    script.push_str(&closing(&ours));
    let _ = write!(
        script,
        "-- The role for the program. Only where the rest was done.\nIF OBJECT_ID(N'{HISTORY}', N'U') IS NOT NULL\n\
         BEGIN\n{}\nEND;\nGO\n",
        GRANTS.trim_end()
    );
    script
}

fn opening(ours: &[Migration]) -> String {
    let names: Vec<String> = ours.iter().map(ToString::to_string).collect();
    let known: Vec<String> = ours
        .iter()
        .map(|one| {
            format!("(version = {} AND name = N'{}' AND checksum = N'{}')", one.version(), one.name(), one.checksum())
        })
        .collect();
    format!(
        "-- ClientOrganizer {version}: {names}.\n\
         -- Connect to the database that is meant (this script makes none) as one who may make tables and roles, and run it\n\
         -- whole: `sqlcmd -b -I -i <file>`, or SSMS. It is one transaction: an error undoes all of it, and later batches\n\
         -- then do nothing. What was applied before is left out, so a second run changes nothing. `client-organizer\n\
         -- migrate` finds nothing to do afterwards.\n\
         SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER ON;\n\
         SET NUMERIC_ROUNDABORT OFF;\n\
         SET IMPLICIT_TRANSACTIONS OFF;\n\
         SET NOCOUNT, XACT_ABORT ON;\n\
         -- A table that others use is waited for, but not for ever.\n\
         SET LOCK_TIMEOUT 60000;\n\
         GO\n\
         \n\
         BEGIN TRANSACTION;\n\
         DECLARE @got int;\n\
         EXEC @got = sp_getapplock @Resource = N'client-organizer migrate', @LockMode = 'Exclusive',\n  \
           @LockOwner = 'Transaction', @LockTimeout = 120000;\n\
         IF @got < 0\n\
         BEGIN\n  \
           ROLLBACK TRANSACTION;\n  \
           THROW 51002, N'another process is migrating this database: nothing was changed', 1;\n\
         END;\n\
         {table}\n\
         GO\n\
         \n\
         IF @@TRANCOUNT > 0\n\
         BEGIN\n  \
           IF EXISTS (SELECT 1 FROM {HISTORY}\n              \
             WHERE NOT ({known}))\n  \
           BEGIN\n    \
             ROLLBACK TRANSACTION;\n    \
             THROW 51002, N'this database was migrated by a newer build or by another program: nothing was changed', 1;\n  \
           END;\n\
         END;\n\
         GO\n\
         \n\
         IF @@TRANCOUNT > 0 AND SERVERPROPERTY('BabelfishVersion') IS NULL\n   \
            AND (SELECT compatibility_level FROM sys.databases WHERE database_id = DB_ID()) < 130\n\
         BEGIN\n  \
           ROLLBACK TRANSACTION;\n  \
           THROW 51002, N'the compatibility level of this database is below 130: nothing was changed; run ALTER DATABASE CURRENT SET COMPATIBILITY_LEVEL = 160', 1;\n\
         END;\n\
         IF @@TRANCOUNT > 0\n\
         BEGIN\n\
         {foreign}\n\
         END;\n\
         GO\n\n",
        version = env!("CARGO_PKG_VERSION"),
        names = names.join(", "),
        foreign = migrate_foreign::check(ours, true),
        table = history_table(HISTORY),
        known = known.join("\n                     OR "),
    )
}

/// A migration's unchanged text and its history row, executed only if the history does not have it yet.
fn guarded(migration: &Migration) -> String {
    let (version, name, checksum) = (migration.version(), migration.name(), migration.checksum());
    format!(
        "IF @@TRANCOUNT > 0\n\
         BEGIN\n  \
           IF NOT EXISTS (SELECT 1 FROM {HISTORY} WHERE version = {version})\n  \
           BEGIN\n\
         -- {migration}\n\
         {}\n    \
             INSERT INTO {HISTORY} (version, name, applied_on, checksum)\n    \
             VALUES ({version}, N'{name}', {NOW}, N'{checksum}');\n  \
           END;\n\
         END;\n\
         GO\n\n",
        migration.sql().unwrap_or_default().trim_end(),
    )
}

/// Some errors leave the transaction open (a batch that does not compile, for example); it must not be committed half
/// done.
fn closing(ours: &[Migration]) -> String {
    format!(
        "IF @@TRANCOUNT > 0\n\
         BEGIN\n  \
           IF (SELECT COUNT(*) FROM {HISTORY}) = {}\n    \
             COMMIT TRANSACTION;\n  \
           ELSE\n  \
           BEGIN\n    \
             ROLLBACK TRANSACTION;\n    \
             THROW 51002, N'a part of this script failed: nothing was changed, and the first error above states why', 1;\n  \
           END;\n\
         END\n\
         ELSE\n  \
           RAISERROR(N'this script failed: nothing was changed, and the first error above states why', 16, 1);\n\
         GO\n\n",
        ours.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Compared with how refinery reads the files, since a later `migrate` does the same.
    fn of_the_files() -> BTreeMap<String, Migration> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/adapters/sqlserver/migrations");
        let one = |entry: std::io::Result<std::fs::DirEntry>| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let migration = Migration::unapplied(&name, &std::fs::read_to_string(&path).unwrap()).unwrap();
            (name, migration)
        };
        std::fs::read_dir(folder).unwrap().map(one).collect()
    }

    #[test]
    fn the_history_rows_are_what_refinery_would_write() {
        let script = script();
        let files = of_the_files();
        for (file, migration) in &files {
            let (version, name, checksum) = (migration.version(), migration.name(), migration.checksum());
            let row = format!("VALUES ({version}, N'{name}', {NOW}, N'{checksum}')");
            assert_eq!(script.matches(&row).count(), 1, "{file}: {row}");
            assert!(script.contains(migration.sql().unwrap().trim_end()), "{file} is not in the script as it is");
        }
        assert_eq!(script.matches("    VALUES (").count(), files.len());
    }

    #[test]
    fn no_two_migrations_have_one_version() {
        let versions: std::collections::BTreeSet<i32> = ours().iter().map(Migration::version).collect();
        assert_eq!(versions.len(), ours().len(), "{versions:?}");
    }

    #[test]
    fn a_migration_is_one_batch() {
        for (file, migration) in of_the_files() {
            let batches =
                migration.sql().unwrap().lines().filter(|line| line.trim().eq_ignore_ascii_case("GO")).count();
            assert_eq!(batches, 0, "{file} has a GO, which refinery would send as text");
        }
    }

    #[test]
    fn the_script_sets_what_filtered_indexes_need_before_anything_else() {
        let script = script();
        let first = script.split("\nGO\n").next().unwrap();
        assert!(first.contains("QUOTED_IDENTIFIER ON"), "{first}");
        assert!(!first.contains("CREATE"), "{first}");
    }
}
