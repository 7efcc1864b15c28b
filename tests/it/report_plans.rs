//! How SQLite runs each report, by EXPLAIN QUERY PLAN: none scans the outbox or the inbox, or sorts a history.

use client_organizer::adapters::sqlite::migrate;
use rusqlite::Connection;
use std::{fs, path::PathBuf};

/// Indexes that hold only what is unfinished, dead or unrouted: a report that counts these reads all of one.
const SMALL: [&str; 3] = ["IX_Outbox_Due", "IX_Outbox_Dead", "IX_Outbox_Unrouted"];
/// Statements that sort: the few rows of one message or of one id, or one line per destination.
const SORTING: [&str; 6] = [
    "report_attempts",
    "report_destinations",
    "report_find",
    "report_mails_of_id",
    "report_message",
    "report_messages_of_id",
];

fn migrated() -> (Connection, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    migrate::run(&path).unwrap();
    (Connection::open(&path).unwrap(), folder)
}

fn plan(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    statement.raw_query().mapped(|row| row.get("detail")).collect::<Result<_, _>>().unwrap()
}

/// Lines of a plan that read a whole history, or sort.
fn faults(name: &str, plan: &[String]) -> Vec<String> {
    let history = ["OutboxMessages", "InboxMessages", "o", "m", "r", "e"];
    let scans = |line: &&String| {
        let scanned = line.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
        scanned.is_some_and(|table| history.contains(&table)) && !SMALL.iter().any(|index| line.contains(index))
    };
    let sorts = |line: &&String| line.contains("TEMP B-TREE") && !SORTING.contains(&name);
    plan.iter().filter(|line| scans(line) || sorts(line)).cloned().collect()
}

#[test]
fn no_report_scans_or_sorts_the_history() {
    let (db, _folder) = migrated();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/adapters/sqlite/sql");
    let mut checked = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with("report_") {
            continue;
        }
        checked += 1;
        let plan = plan(&db, &fs::read_to_string(&path).unwrap());
        assert_eq!(faults(&name, &plan), <[String; 0]>::default(), "{name}: {plan:#?}");
        if name.starts_with("report_messages_of_") || name.starts_with("report_mails_of_") {
            // By the key, and not only by the time.
            assert!(plan.iter().any(|line| line.starts_with("SEARCH ") && line.contains("=?")), "{name}: {plan:#?}");
        }
    }
    assert!(checked > 30, "{checked}");
}

#[test]
fn a_scan_and_a_sort_of_the_history_are_found() {
    let (db, _folder) = migrated();
    for sql in [
        "SELECT * FROM OutboxMessages WHERE Payload = 'x'",
        "SELECT count(*) FROM OutboxMessages o WHERE o.EventType = 'E'",
        "SELECT Seq FROM OutboxMessages WHERE State < 2 ORDER BY LastAttemptOnUtc",
        "SELECT State, count(*) FROM InboxMessages m GROUP BY State",
    ] {
        assert_ne!(faults("report_x", &plan(&db, sql)), <[String; 0]>::default(), "{sql}");
    }
}
