//! The retention contract: rows are deleted in bounded steps, only finished ones, never pending or dead ones.

use super::outbox::number;
use crate::support::backend::Backend;
use client_organizer::ports::retention::Prunable;

const DAY_MS: i64 = 86_400_000;

async fn prune(backend: &impl Backend, what: Prunable, rows_max: u32) -> u32 {
    backend.retention().prune(what, rows_max).await.unwrap()
}

/// Just finished: 3 sent and 2 discarded; not finished: 1 pending, 1 leased and 1 dead.
fn outbox_rows(backend: &impl Backend) {
    let at = backend.at_ms(1);
    backend.execute(&format!(
        "INSERT INTO OutboxMessages (Id, EventType, Destination, Payload, State, LeaseToken, ProcessedOnUtc) VALUES
         ('s1', 'E', 'queue:q', '{{}}', 2, NULL, {at}), ('s2', 'E', 'queue:q', '{{}}', 2, NULL, {at}),
         ('s3', 'E', 'queue:q', '{{}}', 2, NULL, {at}), ('d1', 'E', '', '{{}}', 4, NULL, {at}),
         ('d2', 'E', '', '{{}}', 4, NULL, {at}), ('waiting', 'E', 'queue:q', '{{}}', 0, NULL, NULL),
         ('leased', 'E', 'queue:q', '{{}}', 1, 't', NULL), ('dead', 'E', 'queue:q', '{{}}', 3, NULL, {at})",
    ));
    backend.execute("UPDATE OutboxMessages SET ProcessedOnUtc = OccurredOnUtc WHERE State IN (2, 3, 4)");
}

async fn finished_rows_are_deleted_after_their_retention_in_bounded_steps(backend: &impl Backend) {
    outbox_rows(backend);
    let week = Prunable::FinishedRows { older_than_days: 7 };
    backend.advance_ms(6 * DAY_MS);
    assert_eq!(prune(backend, week, 100).await, 0, "too young");
    backend.advance_ms(DAY_MS);
    assert_eq!(prune(backend, week, 2).await, 2);
    assert_eq!(prune(backend, week, 2).await, 2);
    assert_eq!(prune(backend, week, 2).await, 1, "fewer than the limit: done");
    assert_eq!(prune(backend, week, 2).await, 0);
}

async fn pending_and_dead_rows_are_never_deleted(backend: &impl Backend) {
    outbox_rows(backend);
    backend.advance_ms(10_000 * DAY_MS);
    assert_eq!(prune(backend, Prunable::FinishedRows { older_than_days: 0 }, 100).await, 5);
    let left = "SELECT count(*) FROM OutboxMessages WHERE Id IN ('waiting', 'leased', 'dead')";
    assert_eq!(number(backend, left), 3);
}

async fn idempotency_keys_are_deleted_once_expired(backend: &impl Backend) {
    // The column's default is the only clock that another program has here.
    outbox_rows(backend);
    for (key, lives_ms) in [("k1", DAY_MS), ("k2", DAY_MS), ("k3", DAY_MS), ("alive", 2 * DAY_MS)] {
        let expiry = backend.plus_ms("OccurredOnUtc", lives_ms);
        backend.execute(&format!(
            "INSERT INTO IdempotencyKeys ([Key], Fingerprint, Answer, ExpiresOnUtc)
             SELECT '{key}', 'f', '{{}}', {expiry} FROM OutboxMessages WHERE Id = 's1'"
        ));
    }
    assert_eq!(prune(backend, Prunable::ExpiredKeys, 2).await, 0);
    backend.advance_ms(DAY_MS);
    assert_eq!(prune(backend, Prunable::ExpiredKeys, 2).await, 2);
    assert_eq!(prune(backend, Prunable::ExpiredKeys, 2).await, 1);
    assert_eq!(backend.query("SELECT [Key] FROM IdempotencyKeys").as_deref(), Some("alive"));
}

/// Sent, refused, and one of every unfinished state; a mail that an operator resent may still have its finish time.
fn inbox_rows(backend: &impl Backend) {
    for (id, state) in [
        ("sent", 2),
        ("refused 1", 5),
        ("refused 2", 5),
        ("accepted", 0),
        ("sending", 1),
        ("parked", 3),
        ("in doubt", 4),
    ] {
        let body = if state == 2 { "NULL".to_owned() } else { backend.hex("7b7d") };
        let at = backend.at_ms(1000);
        backend.execute(&format!(
            "INSERT INTO InboxMessages (Consumer, MessageId, Body, State, DueAt, LeaseToken, ReceivedOnUtc, FinishedOnUtc)
             VALUES ('SendEmail', '{id}', {body}, {state}, {at}, 't', {at}, {at})"
        ));
    }
}

async fn tombstones_are_deleted_after_their_retention_and_unfinished_mails_never(backend: &impl Backend) {
    inbox_rows(backend);
    assert_eq!(prune(backend, Prunable::Tombstones { older_than_days: 1_000_000 }, 100).await, 0, "too young");
    assert_eq!(prune(backend, Prunable::Tombstones { older_than_days: 400 }, 2).await, 2);
    assert_eq!(prune(backend, Prunable::Tombstones { older_than_days: 400 }, 2).await, 1);
    assert_eq!(prune(backend, Prunable::Tombstones { older_than_days: 0 }, 100).await, 0);
    assert_eq!(number(backend, "SELECT count(*) FROM InboxMessages"), 4);
    // One that ends now: its retention is counted to the hour.
    backend.execute("INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('now', 'x', '{}')");
    backend.execute(
        "INSERT INTO InboxMessages (Consumer, MessageId, State, ReceivedOnUtc, FinishedOnUtc)
         SELECT 'SendEmail', Id, 2, OccurredOnUtc, OccurredOnUtc FROM OutboxMessages WHERE Id = 'now'",
    );
    backend.advance_ms(23 * 3_600_000);
    assert_eq!(prune(backend, Prunable::Tombstones { older_than_days: 1 }, 100).await, 0, "an hour too young");
    backend.advance_ms(2 * 3_600_000);
    assert_eq!(prune(backend, Prunable::Tombstones { older_than_days: 1 }, 100).await, 1);
}

async fn bodies_of_refused_mails_are_erased_and_their_tombstones_stay(backend: &impl Backend) {
    inbox_rows(backend);
    assert_eq!(prune(backend, Prunable::RefusedBodies { older_than_days: 1_000_000 }, 100).await, 0, "too young");
    let month = Prunable::RefusedBodies { older_than_days: 30 };
    assert_eq!(prune(backend, month, 1).await, 1);
    assert_eq!(prune(backend, month, 1).await, 1);
    assert_eq!(prune(backend, month, 1).await, 0);
    assert_eq!(number(backend, "SELECT count(*) FROM InboxMessages"), 7);
    assert_eq!(
        number(backend, "SELECT count(*) FROM InboxMessages WHERE Body IS NOT NULL"),
        4,
        "unfinished mail keeps its"
    );
}

/// A message in every state of client 1, who was just deleted, and of client 2, who was not.
fn messages_of_two_clients(backend: &impl Backend) {
    for client in [1, 2] {
        for (name, state) in [("waiting", 0), ("leased", 1), ("sent", 2), ("dead", 3), ("discarded", 4)] {
            let (token, done) = (if state == 1 { "'t'" } else { "NULL" }, state == 2 || state == 4);
            let at = if done { backend.at_ms(1) } else { "NULL".to_owned() };
            backend.execute(&format!(
                "INSERT INTO OutboxMessages (Id, EventType, Destination, Payload, Subject, State, LeaseToken, ProcessedOnUtc)
                 VALUES ('{name} {client}', 'E', 'queue:q', '{{}}', 'clients/{client}', {state}, {token}, {at})"
            ));
        }
    }
    // The column's default is the only clock that another program has here.
    let now = "SELECT 'clients/1', OccurredOnUtc FROM OutboxMessages WHERE Id = 'waiting 1'";
    backend.execute(&format!("INSERT INTO Erasures (Subject, OnUtc) {now}"));
}

/// Later than every clock of a test.
const YEAR_2100_MS: i64 = 4_102_444_800_000;

async fn messages_of_a_deleted_client_are_deleted_once_sent_and_dead_ones_after_their_retention(
    backend: &impl Backend,
) {
    messages_of_two_clients(backend);
    let what = Prunable::ErasedRows { dead_older_than_days: 7 };
    assert_eq!(prune(backend, what, 1).await, 1);
    assert_eq!(prune(backend, what, 1).await, 1);
    assert_eq!(prune(backend, what, 1).await, 0, "sent and discarded: at once, in bounded steps");
    backend.advance_ms(7 * DAY_MS);
    let tried = |when: &str| {
        backend.execute(&format!("UPDATE OutboxMessages SET LastAttemptOnUtc = {when} WHERE Id = 'dead 1'"));
    };
    tried(&backend.at_ms(YEAR_2100_MS));
    assert_eq!(prune(backend, what, 10).await, 0, "it went out late, and died unseen");
    tried("NULL");
    assert_eq!(prune(backend, what, 10).await, 1, "the dead one, for which a person had its time");
    let left = |which: &str| number(backend, &format!("SELECT count(*) FROM OutboxMessages WHERE {which}"));
    assert_eq!(left("Id IN ('waiting 1', 'leased 1')"), 2, "what was promised goes out first");
    assert_eq!(left("Subject = 'clients/2'"), 5);
    backend.execute(&format!(
        "UPDATE OutboxMessages SET State = 2, LeaseToken = NULL, ProcessedOnUtc = {} WHERE Id = 'waiting 1'",
        backend.at_ms(1)
    ));
    assert_eq!(prune(backend, what, 10).await, 1, "and then sooner than others");
    assert_eq!(prune(backend, Prunable::Erasures { older_than_days: 8 }, 10).await, 0);
    assert_eq!(prune(backend, Prunable::Erasures { older_than_days: 7 }, 10).await, 1);
    assert_eq!(prune(backend, what, 10).await, 0);
}

async fn mails_of_a_deleted_client_become_tombstones_without_a_client(backend: &impl Backend) {
    messages_of_two_clients(backend);
    let states = [
        ("accepted", 0, true),
        ("sending", 1, true),
        ("sent", 2, false),
        ("parked", 3, true),
        ("asked", 4, true),
        ("held", 4, false),
        ("refused", 5, false),
    ];
    for client in [1, 2] {
        for (name, state, due) in states {
            let (body, due) = (backend.hex("7b7d"), if due { "OccurredOnUtc" } else { "NULL" });
            backend.execute(&format!(
                "INSERT INTO InboxMessages (Consumer, MessageId, Body, Subject, RecipientHash, Reference, LastError, State,
                                            DueAt, LeaseToken, ReceivedOnUtc, FinishedOnUtc)
                 SELECT 'SendEmail', '{name} {client}', {body}, 'clients/{client}', 'h', 'r', 'e', {state},
                        {due}, 't', OccurredOnUtc, OccurredOnUtc FROM OutboxMessages WHERE Id = 'waiting 1'"
            ));
        }
    }
    let what = Prunable::ErasedMails { older_than_days: 30 };
    let erased = |backend: &_| {
        let reported = "Body IS NULL AND Subject IS NULL AND RecipientHash IS NULL AND Reference IS NULL";
        number(
            backend,
            &format!("SELECT count(*) FROM InboxMessages WHERE {reported} AND COALESCE(LastError, '') <> 'e'"),
        )
    };
    assert_eq!(prune(backend, what, 10).await, 1, "the sent one");
    assert_eq!((prune(backend, what, 10).await, erased(backend)), (0, 1));
    backend.advance_ms(30 * DAY_MS);
    let doubted = |when: &str| {
        backend.execute(&format!("UPDATE InboxMessages SET DoubtedOnUtc = {when} WHERE MessageId = 'held 1'"));
    };
    doubted(&backend.at_ms(YEAR_2100_MS));
    assert_eq!(prune(backend, what, 1).await, 1);
    assert_eq!(prune(backend, what, 1).await, 0, "what came into doubt late is for a person still");
    doubted("NULL");
    assert_eq!(prune(backend, what, 1).await, 1);
    assert_eq!((prune(backend, what, 1).await, erased(backend)), (0, 3), "refused and held, for which there was time");
    assert_eq!(number(backend, "SELECT count(*) FROM InboxMessages WHERE Body IS NOT NULL AND LastError = 'e'"), 11);
    let why = "SELECT LastError FROM InboxMessages WHERE MessageId = 'held 1'";
    assert_eq!(backend.query(why).as_deref(), Some("erased: its client was deleted"));
    let held =
        "SELECT count(*) FROM InboxMessages WHERE MessageId = 'held 1' AND State = 5 AND FinishedOnUtc IS NOT NULL";
    assert_eq!(number(backend, held), 1, "no decision is pending, and its tombstone is deleted in time");
    let repeats = "SELECT count(*) FROM InboxMessages WHERE MessageId IN ('sent 1', 'held 1', 'refused 1')";
    assert_eq!(number(backend, repeats), 3, "a repeat is recognised all the same");
}

async fn what_operators_saw_is_deleted_when_no_report_reads_it(backend: &impl Backend) {
    outbox_rows(backend);
    let now = "SELECT OccurredOnUtc FROM OutboxMessages WHERE Id = 'waiting'";
    for bucket in 0..3 {
        backend.execute(&format!(
            "INSERT INTO MinuteCounts (MinuteUtc, Name, Bucket, Instance, Count) SELECT t.OccurredOnUtc, 'q', {bucket}, 'i', 1 FROM ({now}) t"
        ));
    }
    let heartbeats = backend.stores().heartbeats;
    heartbeats.beat("daily", DAY_MS, None).await.unwrap();
    backend.execute("UPDATE Heartbeats SET Instance = 'gone'");
    backend.advance_ms(1_000);
    heartbeats.beat("daily", DAY_MS, None).await.unwrap();
    heartbeats.beat("dispatch", 60_000, None).await.unwrap();
    heartbeats.beat("weekly", 7 * DAY_MS, None).await.unwrap();
    for token in ["a", "b"] {
        backend.execute(&format!(
            "INSERT INTO RemedyPlans (Token, Remedy, ExpiresOnUtc) SELECT '{token}', '{{}}', t.OccurredOnUtc FROM ({now}) t"
        ));
        let row = "INSERT INTO RemedyPlanRows (Token, Place, Target, Stamp)";
        backend.execute(&format!("{row} VALUES ('{token}', 1, '1', ''), ('{token}', 2, '2', '')"));
    }
    for group in ["gone", "of a dead row", "of a mail"] {
        let columns = "Fingerprint, Name, Class, Error, SampleId, FirstSeenUtc, LastSeenUtc";
        backend.execute(&format!(
            "INSERT INTO FailureGroups ({columns}) SELECT '{group}', 'q', 'refused', 'e', 'x', t.OccurredOnUtc, t.OccurredOnUtc FROM ({now}) t"
        ));
    }
    backend.execute("UPDATE OutboxMessages SET Fingerprint = 'of a dead row' WHERE Id = 'dead'");
    inbox_rows(backend);
    backend.execute("UPDATE InboxMessages SET Fingerprint = 'of a mail' WHERE MessageId = 'parked'");

    let groups = Prunable::Groups { older_than_days: 3 };
    backend.advance_ms(DAY_MS + 3_500_000);
    assert_eq!(prune(backend, Prunable::Heartbeats, 10).await, 1, "a dispatcher of its own may be gone for good");
    for what in [Prunable::Minutes, Prunable::Heartbeats, groups] {
        assert_eq!(prune(backend, what, 10).await, 0, "{what:?}: too young");
    }
    assert_eq!(prune(backend, Prunable::PlanRows, 3).await, 3);
    assert_eq!(prune(backend, Prunable::PlanRows, 3).await, 1);
    assert_eq!(prune(backend, Prunable::Plans, 1).await, 1);
    assert_eq!(prune(backend, Prunable::Plans, 10).await, 1);
    backend.advance_ms(2 * DAY_MS);
    assert_eq!(prune(backend, Prunable::Minutes, 2).await, 2);
    assert_eq!(prune(backend, Prunable::Minutes, 2).await, 1);
    assert_eq!(prune(backend, Prunable::Heartbeats, 10).await, 1, "the daily one's first instance");
    let left = "SELECT COUNT(*) FROM Heartbeats WHERE Instance = 'here' AND [Function]";
    assert_eq!(number(backend, &format!("{left} IN ('daily', 'weekly')")), 2, "a timer's newest stays");
    assert_eq!(prune(backend, groups, 10).await, 1);
    assert_eq!(number(backend, "SELECT COUNT(*) FROM FailureGroups WHERE Fingerprint LIKE 'of a %'"), 2, "in use");
}

contract!(
    finished_rows_are_deleted_after_their_retention_in_bounded_steps,
    pending_and_dead_rows_are_never_deleted,
    idempotency_keys_are_deleted_once_expired,
    tombstones_are_deleted_after_their_retention_and_unfinished_mails_never,
    bodies_of_refused_mails_are_erased_and_their_tombstones_stay,
    messages_of_a_deleted_client_are_deleted_once_sent_and_dead_ones_after_their_retention,
    mails_of_a_deleted_client_become_tombstones_without_a_client,
    what_operators_saw_is_deleted_when_no_report_reads_it,
);
