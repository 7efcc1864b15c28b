//! `migrate` as operators and deployments use it: twice, from an earlier version, in parallel, dry, as a script; and the
//! refusal to start on another schema. SQLite is here, SQL Server in migrate_sqlserver.rs.

use crate::support::{backend::memory, host::executable};
use client_organizer::adapters::sqlite::{Sqlite, SqliteOptions, migrate};
use refinery_core::Migration;
use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir_in(memory()).unwrap())
    }

    fn db(&self) -> PathBuf {
        self.0.path().join("app.db")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(executable());
        command.args(arguments).env_clear().env("Store__Path", self.db());
        command
    }
}

fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn count(db: &Path, sql: &str) -> i64 {
    rusqlite::Connection::open(db).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn processes_that_migrate_at_once_do_not_collide() {
    let folder = Folder::new();
    let start = |_| {
        let mut command = folder.command(&["migrate"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = (0..6).map(start).collect();
    let outputs: Vec<Output> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    for output in &outputs {
        assert!(output.status.success(), "{}", printed(output));
    }
    let applied = outputs.iter().filter(|output| printed(output).contains("applied V1__tables")).count();
    assert_eq!(applied, 1, "{:?}", outputs.iter().map(printed).collect::<Vec<_>>());
    let version = count(&folder.db(), "SELECT max(version) FROM refinery_schema_history");
    assert_eq!(version, i64::from(migrate::wanted()));
    assert_eq!(count(&folder.db(), "SELECT count(*) - count(DISTINCT version) FROM refinery_schema_history"), 0);
}

/// A database as the `migrate` of an earlier build left it.
fn at_version<'a>(connection: &rusqlite::Connection, migrations: impl Iterator<Item = &'a Migration>) {
    let history = "CREATE TABLE refinery_schema_history
        (version INT4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255))";
    connection.execute_batch(history).unwrap();
    let row = "INSERT INTO refinery_schema_history VALUES (?1, ?2, '2030-01-01T00:00:00Z', ?3)";
    for one in migrations {
        connection.execute_batch(one.sql().unwrap()).unwrap();
        connection.execute(row, (one.version(), one.name(), one.checksum().to_string())).unwrap();
    }
}

#[test]
fn a_database_of_any_earlier_version_keeps_its_rows() {
    let all =
        refinery_core::load_sql_migrations(concat!(env!("CARGO_MANIFEST_DIR"), "/src/adapters/sqlite/migrations"));
    let all = all.unwrap();
    for version in 1..i32::try_from(migrate::wanted()).unwrap() {
        let folder = Folder::new();
        let connection = rusqlite::Connection::open(folder.db()).unwrap();
        at_version(&connection, all.iter().filter(|one| one.version() <= version));
        let rows = "INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('m-1', 'E', '{}');
            INSERT INTO InboxMessages (Consumer, MessageId, Body, State, DueAt, ReceivedOnUtc)
            VALUES ('email', 'm-1', x'7b7d', 3, 0, 0);";
        connection.execute_batch(rows).unwrap();
        drop(connection);
        migrate::run(&folder.db()).unwrap();
        let outbox = "SELECT count(*) FROM OutboxMessages WHERE Id = 'm-1' AND State = 0";
        let inbox = "SELECT count(*) FROM InboxMessages WHERE MessageId = 'm-1' AND State = 3 AND NotFound = 0";
        assert_eq!((count(&folder.db(), outbox), count(&folder.db(), inbox)), (1, 1), "{version}");
        Sqlite::open(SqliteOptions::at(folder.db())).unwrap();
    }
}

#[test]
fn a_migration_that_fails_leaves_the_file_as_it_was() {
    let folder = Folder::new();
    let connection = rusqlite::Connection::open(folder.db()).unwrap();
    // One of our tables comes after others, and cannot be created.
    connection.execute_batch("CREATE TABLE OperatorActions (Note TEXT)").unwrap();
    drop(connection);
    let output = folder.command(&["migrate"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    assert!(printed(&output).contains("nothing was changed"), "{}", printed(&output));
    assert_eq!(count(&folder.db(), "SELECT count(*) FROM sqlite_master WHERE type = 'table'"), 1);
}

#[test]
fn a_dry_run_prints_what_would_be_applied_and_creates_nothing() {
    let folder = Folder::new();
    let dry = || printed(&folder.command(&["migrate", "--dry-run"]).output().unwrap());
    let before = dry();
    for words in ["app.db", "schema version 0", "would apply V1__tables", "nothing was changed"] {
        assert!(before.contains(words), "{words}: {before}");
    }
    assert!(!folder.db().exists());
    migrate::run(&folder.db()).unwrap();
    let after = dry();
    assert!(after.contains("nothing to do") && !after.contains("would apply"), "{after}");
}

#[test]
fn a_script_needs_no_connection_and_is_refused_for_sqlite() {
    let folder = Folder::new();
    for flag in ["--script", "--grants"] {
        let output = folder.command(&["migrate", flag]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(printed(&output).contains("Store__Kind=sqlserver"), "{}", printed(&output));
        let output = folder.command(&["migrate", flag]).env("Store__Kind", "sqlserver").output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{}", printed(&output));
        assert!(printed(&output).contains("ON dbo.OutboxMessages TO client_organizer"), "{flag}");
        assert_eq!(printed(&output).contains("CREATE TABLE dbo.OutboxMessages"), flag == "--script");
    }
    let user = "office-identity=1b671a64-40d5-491e-99b0-da01ff1f3341";
    let output = folder.command(&["migrate", "--app-user", user]).output().unwrap();
    assert!(printed(&output).contains("--app-user is for Azure SQL"), "{}", printed(&output));
    let output = folder.command(&["migrate", "--app-user", "office"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", printed(&output));
    let both = folder.command(&["migrate", "--script", "--dry-run"]).output().unwrap();
    assert_eq!(both.status.code(), Some(2));
}

/// As while a release is rolled out, and after it was taken back.
#[test]
fn a_schema_that_a_later_build_expanded_is_gone_on_with() {
    for (from, goes_on) in [(migrate::wanted(), true), (migrate::wanted() + 1, false)] {
        let folder = Folder::new();
        migrate::run(&folder.db()).unwrap();
        let expand = format!(
            "ALTER TABLE OutboxMessages ADD COLUMN Colour TEXT;
             INSERT INTO refinery_schema_history VALUES (99, 'colours__from_{from}', '2030-01-01T00:00:00Z', '1')"
        );
        rusqlite::Connection::open(folder.db()).unwrap().execute_batch(&expand).unwrap();
        for arguments in [&["migrate"][..], &["migrate", "--dry-run"], &["ops", "status"]] {
            let output = folder.command(arguments).output().unwrap();
            assert_eq!(output.status.success(), goes_on, "{arguments:?}: {}", printed(&output));
            assert_eq!(printed(&output).contains("newer build"), !goes_on, "{}", printed(&output));
        }
        assert_eq!(count(&folder.db(), "SELECT max(version) FROM refinery_schema_history"), 99);
    }
}

#[test]
fn another_schema_is_refused_with_the_remedy() {
    for (change, words) in [
        ("DELETE FROM refinery_schema_history", "run `client-organizer migrate`"),
        (
            "INSERT INTO refinery_schema_history VALUES (99, 'later', '2030-01-01T00:00:00Z', '1')",
            "schema version 99, made by a newer build",
        ),
        ("UPDATE refinery_schema_history SET checksum = '1'", "this build does not know"),
        ("UPDATE refinery_schema_history SET name = 'theirs'", "V1__theirs"),
    ] {
        let folder = Folder::new();
        migrate::run(&folder.db()).unwrap();
        rusqlite::Connection::open(folder.db()).unwrap().execute_batch(change).unwrap();
        let refusal = Sqlite::open(SqliteOptions::at(folder.db())).err().unwrap().to_string();
        assert!(refusal.contains(words), "{change}: {refusal}");
        let output = folder.command(&["ops", "status"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(printed(&output).contains(words), "{change}: {}", printed(&output));
    }
}
