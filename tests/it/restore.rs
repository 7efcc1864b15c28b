//! An older database comes back: what it forgot goes out again under its old id, and nothing that it remembers.

use crate::support::{
    backend::Backend,
    operator::{NO_RULES, pause, remedied, resume},
    world::{EMAILS, World},
};
use client_organizer::{domain::operations::Action, flows::mailing::NotifyReport, ports::mailer::Mailer};
use std::path::Path;

/// A copy of the store at this moment.
fn back_up(world: &World, to: &Path) {
    world.backend.execute(&format!("VACUUM INTO '{}'", to.display()));
}

/// Puts every table back to what the copy has.
fn restore(world: &World, from: &Path) {
    let store = rusqlite::Connection::open(&world.backend.options.path).unwrap();
    store
        .execute_batch(&format!("PRAGMA foreign_keys = OFF; ATTACH '{}' AS older; BEGIN IMMEDIATE", from.display()))
        .unwrap();
    let sql = "SELECT name FROM older.sqlite_master WHERE type = 'table' AND (name NOT LIKE 'sqlite_%' OR name = 'sqlite_sequence')";
    let tables: Vec<String> =
        store.prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert!(tables.len() > 10, "{tables:?}");
    for table in tables {
        store
            .execute_batch(&format!("DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM older.{table}"))
            .unwrap();
    }
    store.execute_batch("COMMIT").unwrap();
}

#[tokio::test]
async fn a_restored_database_sends_again_what_it_forgot_and_nothing_else() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("backup.db");
    let client = world.client(1).await;
    let mailed = world.book_month(client, 1, 100).await;
    world.run_dispatch().await;
    assert_eq!(world.deliver_from(0).await, [NotifyReport::Sent]);
    let waiting = world.book_month(client, 2, 100).await;
    back_up(&world, &copy);
    world.run_dispatch().await;
    let late = world.book_month(client, 3, 100).await;
    world.run_dispatch().await;
    assert_eq!(world.deliver_from(1).await, [NotifyReport::Sent, NotifyReport::Sent]);
    assert_eq!(world.mailer.sent(), [mailed.clone(), waiting.clone(), late.clone()]);

    restore(&world, &copy);
    assert_eq!(world.run_dispatch().await.sent, 1, "only what waited then");
    assert_eq!(world.bus.accepted(EMAILS), [mailed.clone(), waiting.clone(), late.clone(), waiting.clone()]);
    assert_eq!(world.count("SELECT count(*) FROM FinancialRecords WHERE Month = 3"), 0, "a later booking is gone");
    // All that the queue still has, and what was published again.
    let delivered = world.deliver_from(0).await;
    let again = |report: &NotifyReport| matches!(report, NotifyReport::Duplicate { .. });
    let reports: Vec<bool> = delivered.iter().map(again).collect();
    assert_eq!(reports, [true, false, false, true], "{delivered:?}");
    assert_eq!(world.mailer.sent(), [mailed, waiting.clone(), late.clone(), waiting, late]);
}

/// Where an operator first holds everything and compares with the provider's log (`infra/README.md`).
#[tokio::test]
async fn what_an_operator_sets_aside_after_a_restore_does_not_go_twice() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("backup.db");
    let remedies = world.backend.remedies();
    let provider = world.mailer.provider();
    let client = world.client(1).await;
    // As the program does when it starts.
    world.backend.outbox().ensure_destinations(&[provider.to_owned()]).await.unwrap();
    let stored = world.book_month(client, 1, 100).await;
    world.run_dispatch().await;
    pause(&*remedies, provider).await;
    assert!(!world.deliver_from(0).await.contains(&NotifyReport::Sent), "it is stored");
    resume(&*remedies, provider).await;
    let waiting = world.book_month(client, 2, 100).await;
    back_up(&world, &copy);
    world.run_retry().await;
    world.run_dispatch().await;
    assert_eq!(world.deliver_from(1).await, [NotifyReport::Sent]);
    let sent = world.mailer.sent();
    assert_eq!(sent, [stored.clone(), waiting.clone()]);

    restore(&world, &copy);
    pause(&*remedies, EMAILS).await;
    pause(&*remedies, provider).await;
    world.run_dispatch().await;
    world.run_retry().await;
    assert_eq!(world.mailer.sent(), sent, "held");
    for (action, id) in [(Action::AssumeMailSent, &stored), (Action::Discard, &waiting)] {
        let done = remedied(&*remedies, action, id, &NO_RULES).await;
        assert!(done[0].done, "{done:?}");
    }
    resume(&*remedies, EMAILS).await;
    resume(&*remedies, provider).await;
    world.advance_ms(3_600_000);
    world.run_dispatch().await;
    world.run_retry().await;
    world.deliver_from(2).await;
    assert_eq!(world.mailer.sent(), sent, "nothing went twice");
}
