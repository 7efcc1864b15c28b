//! An independent parser reads every T-SQL file: sqlfluff, which tests/sql/prepare installs.

use crate::support::skip;
use client_organizer::adapters::sqlserver::migrate_script;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// `None`: sqlfluff is missing, and the skip was reported.
fn parse(files: &[PathBuf]) -> Option<Output> {
    let made = root().join("target/sql-tests");
    if !made.join("done").exists() {
        skip::missing("sqlfluff to read T-SQL with");
        return None;
    }
    let mut command = Command::new(made.join("python/bin/python"));
    Some(command.arg("-B").arg(root().join("tests/sql/parse.py")).args(files).output().unwrap())
}

fn sql_files(under: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(under).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sql_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "sql") {
            found.push(path);
        }
    }
}

#[test]
fn every_tsql_file_and_the_script_for_a_dba_can_be_parsed() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.sql");
    fs::write(&script, migrate_script::script()).unwrap();
    let mut files = vec![script];
    sql_files(&root().join("src/adapters/sqlserver"), &mut files);
    sql_files(&root().join("infra"), &mut files);
    assert!(files.len() > 70, "{}", files.len());
    let Some(output) = parse(&files) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// At the start every table is read that is granted, so that a login whose grants are older than the schema is refused with
/// the remedy, before anything is sent whose outcome it could not store.
#[test]
fn the_check_of_rights_reads_every_table_that_is_granted() {
    let read = |name: &str| fs::read_to_string(root().join("src/adapters/sqlserver").join(name)).unwrap();
    let (grants, rights) = (read("grants.sql"), read("sql/schema_rights.sql"));
    let granted: Vec<&str> = grants
        .lines()
        .filter(|line| line.starts_with("GRANT SELECT"))
        .filter_map(|line| line.split_once("ON ")?.1.split(' ').next())
        // It is read before, to find the version.
        .filter(|table| *table != "dbo.refinery_schema_history")
        .collect();
    assert!(granted.len() >= 17, "{granted:?}");
    for table in granted {
        assert!(rights.contains(&format!("FROM {table};")), "{table}");
    }
}

/// Shows that the test above can fail.
#[test]
fn a_typo_in_tsql_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let settle = fs::read_to_string(root().join("src/adapters/sqlserver/sql/outbox_settle.sql")).unwrap();
    for (name, from, to) in [("update.sql", "UPDATE t", "UPDTE t"), ("from.sql", "FROM @in", "FORM @in")] {
        assert!(settle.contains(from), "{from}");
        let file = folder.path().join(name);
        fs::write(&file, settle.replacen(from, to, 1)).unwrap();
        let Some(output) = parse(&[file]) else { return };
        assert_eq!(output.status.code(), Some(1), "{name}: {}", String::from_utf8_lossy(&output.stdout));
        assert!(String::from_utf8_lossy(&output.stdout).contains(name));
    }
}
