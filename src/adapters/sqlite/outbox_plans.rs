//! The cost of being idle: with a table full of finished rows, no statement of the dispatcher scans them.

use super::super::{migrate, outbox_claim, outbox_route, outbox_settle};
use super::*;
use rusqlite::StatementStatus;

const FINISHED: i64 = 10_000;

/// Finished rows, and one waiting row for each kind of query.
fn full() -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    migrate::run(&path).unwrap();
    let connection = Connection::open(path).unwrap();
    let finished = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
        INSERT INTO OutboxMessages (Id, EventType, Destination, OrderingKey, Payload, State, ProcessedOnUtc)
        SELECT 'm' || i, 'E', 'queue:q', 'k' || (i % 100), '{}', 2, 1 FROM n";
    connection.execute(finished, named_params! {":rows": FINISHED}).unwrap();
    let waiting = "INSERT INTO OutboxMessages (Id, EventType, Destination, OrderingKey, Payload, Claims)
        VALUES ('new', 'E', 'queue:q', 'k1', '{}', 0), ('suspect', 'E', 'queue:q', 'k2', '{}', 2), ('plain', 'E', '', NULL, '{}', 0)";
    connection.execute(waiting, []).unwrap();
    (folder, connection)
}

/// All parameters of all these statements.
fn bind(statement: &mut rusqlite::Statement<'_>) {
    let numbers = [
        (":now", i64::MAX),
        (":claims_max", 1),
        (":rows_max", 500),
        (":seq", FINISHED),
        (":due_at", i64::MAX),
        (":before", i64::MAX),
        (":kept", 20),
    ];
    let texts = [
        (":destination", "queue:q"),
        (":event_type", "E"),
        (":types", "[\"E\",\"F\"]"),
        (":error", "why"),
        (":fingerprint", "f"),
    ];
    for (name, value) in numbers {
        if let Some(index) = statement.parameter_index(name).unwrap() {
            statement.raw_bind_parameter(index, value).unwrap();
        }
    }
    for (name, value) in texts {
        if let Some(index) = statement.parameter_index(name).unwrap() {
            statement.raw_bind_parameter(index, value).unwrap();
        }
    }
}

#[test]
fn no_query_of_the_dispatcher_scans_finished_rows() {
    let (_folder, connection) = full();
    for (sql, index) in [
        (DUE, "IX_Outbox_Due"),
        (DESTINATIONS_OF_ROWS, "IX_Outbox_"),
        (outbox_claim::EXPIRE, "IX_Outbox_Suspect"),
        (outbox_claim::HEADS, "IX_Outbox_Due"),
        (outbox_claim::SUSPECT.as_str(), "IX_Outbox_Suspect"),
        (outbox_settle::FOLLOWERS, "IX_Outbox_Key"),
        (outbox_route::UNROUTED, "IX_Outbox_Unrouted"),
        (DEAD_LETTER, "IX_Outbox_"),
        (include_str!("sql/outbox_attempts_trim.sql"), "IX_OutboxAttempts_Row"),
        (include_str!("sql/inbox_attempts_trim.sql"), "IX_InboxAttempts_Mail"),
        (include_str!("sql/prune_groups.sql"), "IX_Outbox_Fingerprint"),
        (include_str!("sql/prune_minutes.sql"), "PRIMARY KEY"),
    ] {
        let name = sql.lines().next().unwrap();
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        bind(&mut explain);
        let mut plan = String::new();
        let mut steps = explain.raw_query();
        while let Some(step) = steps.next().unwrap() {
            plan += &step.get::<_, String>("detail").unwrap();
            plan.push('\n');
        }
        assert!(plan.contains(index), "{name} does not use {index}:\n{plan}");
        assert!(!plan.contains("SCAN OutboxMessages\n"), "{name} reads the whole table:\n{plan}");

        let mut statement = connection.prepare(sql).unwrap();
        bind(&mut statement);
        let mut found = statement.raw_query();
        while found.next().unwrap().is_some() {}
        drop(found);
        let steps = i64::from(statement.get_status(StatementStatus::VmStep));
        assert!(steps < FINISHED / 10, "{name} took {steps} steps with three rows to look at");
    }
}

/// Each booking asks it, by the nudge, also while nothing can be sent.
#[test]
fn what_is_due_costs_the_same_for_any_backlog() {
    let (_folder, connection) = full();
    let steps = || {
        let mut statement = connection.prepare(DUE).unwrap();
        bind(&mut statement);
        let mut found = statement.raw_query();
        while found.next().unwrap().is_some() {}
        drop(found);
        statement.get_status(StatementStatus::VmStep)
    };
    let backlog = "INSERT INTO OutboxMessages (Id, EventType, Destination, OrderingKey, Payload, Claims)
        SELECT 'w' || Seq, 'E', 'queue:q', 'w' || Seq, '{}', Seq % 3 FROM OutboxMessages WHERE State = 2 LIMIT ?1";
    connection.execute(backlog, [100]).unwrap();
    let few = steps();
    connection.execute(&backlog.replace("'w'", "'x'"), [5_000]).unwrap();
    assert_eq!(steps(), few);
}
