//! Taking over the OutboxMessages table of the .NET system, by `migrate` and by the script: waiting rows are sent, sent
//! rows stay sent, and EF goes on inserting.

use super::{options, refusal, rows, run, run_script};
use crate::support::{
    backend::Backend,
    fakes::{FakeBus, FakeClock},
    sql_server::{Database, SqlServerBackend},
    world::{EMAILS, dispatcher, routes},
};
use client_organizer::{
    adapters::sqlserver::{migrate, migrate_script},
    flows::dispatch::{self, DispatchReport},
};
use std::sync::Arc;

/// The table as EF Core creates it.
const TABLE: &str = "CREATE TABLE [OutboxMessages] (
    [Id] uniqueidentifier NOT NULL, [EventType] nvarchar(max) NOT NULL, [Payload] nvarchar(max) NOT NULL,
    [OccurredOnUtc] datetime2 NOT NULL, [ProcessedOnUtc] datetime2 NULL, [RetryCount] int NOT NULL,
    [Error] nvarchar(max) NULL, CONSTRAINT [PK_OutboxMessages] PRIMARY KEY ([Id]));";

/// Ids in another order than their times: b, then a.
const A: &str = "0aaaaaaa-1111-4111-8111-aaaaaaaaaaaa";
const B: &str = "fbbbbbbb-2222-4222-8222-bbbbbbbbbbbb";
const SENT: &str = "5ccccccc-3333-4333-8333-cccccccccccc";
const BROKEN: &str = "1ddddddd-4444-4444-8444-dddddddddddd";
const NAMELESS: &str = "2eeeeeee-5555-4555-8555-eeeeeeeeeeee";
const LATER: &str = "3fffffff-6666-4666-8666-ffffffffffff";

async fn of_dotnet() -> Option<Database> {
    let database = Database::create().await?;
    run(&database, TABLE).await;
    run(
        &database,
        &format!(
            "INSERT [OutboxMessages] ([Id], [Error], [EventType], [OccurredOnUtc], [Payload], [ProcessedOnUtc], [RetryCount])
             VALUES ('{A}', NULL, N'Plain', '2026-01-02T10:00:00', N'{{\"n\": 2}}', NULL, 0),
                    ('{B}', N'timed out', N'Plain', '2026-01-01T10:00:00', N'{{\"n\": 1}}', NULL, 3),
                    ('{SENT}', NULL, N'Plain', '2026-01-01T09:00:00', N'{{}}', '2026-01-01T09:00:05', 0),
                    ('{BROKEN}', NULL, N'Plain', '2026-01-03T10:00:00', N'no JSON at all', NULL, 0),
                    ('{NAMELESS}', NULL, N'', '2026-01-04T10:00:00', N'{{}}', NULL, 0);"
        ),
    )
    .await;
    Some(database)
}

/// An insert as EF Core sends it: parameters of its own types, in a transaction.
fn ef_insert(id: &str) -> String {
    format!(
        "SET IMPLICIT_TRANSACTIONS OFF; SET NOCOUNT ON; EXEC sp_executesql
         N'INSERT INTO [OutboxMessages] ([Id], [Error], [EventType], [OccurredOnUtc], [Payload], [ProcessedOnUtc], [RetryCount])
           VALUES (@p0, @p1, @p2, @p3, @p4, @p5, @p6);',
         N'@p0 uniqueidentifier, @p1 nvarchar(4000), @p2 nvarchar(4000), @p3 datetime2(7), @p4 nvarchar(4000),
           @p5 datetime2(7), @p6 int',
         @p0 = '{id}', @p1 = NULL, @p2 = N'Plain', @p3 = '2026-01-05T10:00:00', @p4 = N'{{\"n\": 3}}', @p5 = NULL, @p6 = 0;"
    )
}

async fn dispatched(backend: &SqlServerBackend, bus: &Arc<FakeBus>) -> DispatchReport {
    let routes = routes(&[("Plain", &[EMAILS])]);
    dispatch::dispatch(&dispatcher(backend, bus.clone(), Arc::new(FakeClock::new()), routes, 1)).await
}

async fn taken_over_and_sent(database: Database) {
    let shape = "SELECT CONCAT(Id, N'|', State, N'|', RetryCount, N'|', LastError, N'|', Error, N'|',
                               DATEPART(day, OccurredOnUtc), N' ', DATEPART(hour, OccurredOnUtc)) FROM dbo.OutboxMessages ORDER BY Seq";
    assert_eq!(
        rows(&database, shape).await.unwrap()[..4],
        [
            format!("{SENT}|2|0|||1 9"),
            format!("{B}|0|3|timed out|timed out|1 10"),
            format!("{A}|0|0|||2 10"),
            format!("{BROKEN}|0|0|||3 10"),
        ]
    );
    let legacy = "SELECT CAST(COUNT(*) AS nvarchar(9)) FROM dbo.OutboxMessages_Legacy";
    assert_eq!(rows(&database, legacy).await.unwrap(), ["5"]);
    assert_eq!(migrate::run(&options(&database)).await.unwrap().applied, Vec::<String>::new(), "again");
    assert_eq!(run_script(&database, &migrate_script::script()).await, Vec::<String>::new(), "again");

    let by_the_old_processor = format!("UPDATE OutboxMessages SET ProcessedOnUtc = SYSUTCDATETIME() WHERE Id = '{A}'");
    assert!(rows(&database, &by_the_old_processor).await.is_err(), "it cannot mark what we send");
    run(&database, &ef_insert(LATER)).await;
    let backend = SqlServerBackend::on(database).await;
    let bus = Arc::new(FakeBus::accepting());
    let report = dispatched(&backend, &bus).await;
    assert_eq!(report.store_error, None);
    assert_eq!(bus.accepted(EMAILS), [B, A, &LATER.to_uppercase()], "in the order in which they occurred");
    let why = |id: &str| {
        let sql = format!("SELECT CONCAT(State, N' ', LastError) FROM dbo.OutboxMessages WHERE Id = '{id}'");
        backend.query(&sql).unwrap()
    };
    assert!(why(BROKEN).starts_with("3 ") && why(BROKEN).contains("JSON"), "{}", why(BROKEN));
    assert!(why(NAMELESS).starts_with("3 ") && why(NAMELESS).contains("EventType"), "{}", why(NAMELESS));
    assert_eq!(dispatched(&backend, &bus).await.claimed, 0, "what was sent stays sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_rows_are_sent_and_ef_goes_on_inserting() {
    let Some(database) = of_dotnet().await else { return };
    let plan = migrate::plan(&options(&database)).await.unwrap();
    for words in ["4 of its 5 rows wait", "the oldest of 2026-01-01 10:00", "(1 were tried before)", "Stop the old"] {
        assert!(plan.notes[0].contains(words), "{words}: {:?}", plan.notes);
    }
    migrate::run(&options(&database)).await.unwrap();
    taken_over_and_sent(database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_script_takes_the_old_table_over_too() {
    let Some(database) = of_dotnet().await else { return };
    assert_eq!(run_script(&database, &migrate_script::script()).await, Vec::<String>::new());
    taken_over_and_sent(database).await;
}

/// Their Ids, in text order, as the old processor would find them.
const WAITING: &str = "SELECT LOWER(CONVERT(nvarchar(36), Id)) FROM dbo.OutboxMessages WHERE ProcessedOnUtc IS NULL
    ORDER BY OccurredOnUtc";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn going_back_sends_nothing_twice_and_forgets_nothing() {
    let go_back = include_str!("../../../infra/go-back.sql");
    let Some(database) = of_dotnet().await else { return };
    let too_early = run_script(&database, go_back).await;
    assert!(!too_early.is_empty());
    untouched(&database).await;
    migrate::run(&options(&database)).await.unwrap();
    let backend = SqlServerBackend::on(database).await;
    dispatched(&backend, &Arc::new(FakeBus::accepting())).await;
    let database = &backend.database;
    run(database, &ef_insert(LATER)).await;
    assert_eq!(run_script(database, go_back).await, Vec::<String>::new());
    assert_eq!(rows(database, WAITING).await.unwrap(), [BROKEN, NAMELESS, LATER]);
    run(database, &ef_insert("4fffffff-7777-4777-8777-ffffffffffff")).await;
    assert!(refusal(database).await.contains("OutboxMessages can be taken over"), "{}", refusal(database).await);
}

/// Ids that the old table knows as GUIDs, still under its own name.
async fn untouched(database: &Database) {
    let old = "SELECT CAST(COUNT(*) AS nvarchar(9)) FROM dbo.OutboxMessages WHERE Id = CAST('0aaaaaaa-1111-4111-8111-aaaaaaaaaaaa' AS uniqueidentifier)";
    assert_eq!(rows(database, old).await.unwrap(), ["1"]);
    let ours = "SELECT CONCAT(name, N'') FROM sys.tables WHERE name IN (N'Clients', N'refinery_schema_history', N'OutboxMessages_Legacy')";
    assert_eq!(rows(database, ours).await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_half_way_leaves_the_old_table_as_it_was() {
    let guard = "IF NOT EXISTS (SELECT 1 FROM dbo.refinery_schema_history WHERE version = 4)";
    // A batch that fails, one that does not even compile, and one that is left out.
    for (part, broken) in [
        ("-- V4__legacy_rows\n", "THROW 51099, N'snipped', 1;\n"),
        ("-- V4__legacy_rows\n", "SELECT FROM snipped WHERE;\n"),
        (guard, "IF 1 = 0"),
    ] {
        let Some(database) = of_dotnet().await else { return };
        let cut = migrate_script::script().replacen(part, broken, 1);
        assert!(cut.contains(broken));
        let errors = run_script(&database, &cut).await;
        assert!(errors.last().unwrap().contains("nothing was changed"), "{errors:?}");
        untouched(&database).await;
        run(&database, &ef_insert(LATER)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_of_another_shape_is_refused_and_named() {
    for (change, words) in [
        ("ALTER TABLE dbo.OutboxMessages ADD CorrelationId nvarchar(50) NULL", "CorrelationId"),
        (
            "CREATE TABLE dbo.Notes (Id uniqueidentifier NOT NULL CONSTRAINT FK_Notes_Outbox REFERENCES dbo.OutboxMessages (Id))",
            "foreign keys",
        ),
    ] {
        let Some(database) = of_dotnet().await else { return };
        run(&database, change).await;
        let (planned, refused) =
            (migrate::plan(&options(&database)).await.unwrap_err().to_string(), refusal(&database).await);
        assert_eq!(planned, refused);
        assert!(
            refused.to_lowercase().contains(&words.to_lowercase()) && refused.contains("Nothing was changed"),
            "{refused}"
        );
        untouched(&database).await;
    }
}
