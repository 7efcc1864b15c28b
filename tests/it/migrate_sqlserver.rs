//! `migrate` on SQL Server: the script, earlier versions, parallel runs, other schemas, the least rights. Needs a server
//! in TEST_SQL_CONNECTION_STRING.

mod legacy;

use crate::support::sql_server::{Connection, Database, connect};
use client_organizer::adapters::sqlserver::{SqlServer, SqlServerOptions, migrate, migrate_script};
use futures::future::join_all;

const HISTORY: &str = "SELECT CONCAT(version, N' ', name, N' ', checksum) AS Value FROM dbo.refinery_schema_history
    ORDER BY version";

/// The server may return its first error at once, or after the rows.
async fn query(connection: &mut Connection, sql: &str) -> Result<Vec<Vec<tiberius::Row>>, String> {
    let stream = connection.simple_query(sql).await.map_err(|error| error.to_string())?;
    stream.into_results().await.map_err(|error| error.to_string())
}

/// One text per row.
async fn rows(database: &Database, sql: &str) -> Result<Vec<String>, String> {
    let results = query(&mut connect(&database.connection()).await, sql).await?;
    let text = |row: &tiberius::Row| row.try_get::<&str, _>(0).ok().flatten().unwrap_or_default().to_owned();
    Ok(results.iter().flatten().map(text).collect())
}

async fn run(database: &Database, sql: &str) {
    rows(database, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// Runs a script as sqlcmd does: batch by batch on one connection, going on after an error. Returns the errors.
async fn run_script(database: &Database, script: &str) -> Vec<String> {
    let mut connection = connect(&database.connection()).await;
    let mut errors = Vec::new();
    for batch in script.split("\nGO\n").filter(|batch| !batch.trim().is_empty()) {
        errors.extend(query(&mut connection, batch).await.err());
    }
    errors
}

fn options(database: &Database) -> SqlServerOptions {
    SqlServerOptions::at(database.connection())
}

/// The refusal as the person who runs `migrate` reads it.
async fn refusal(database: &Database) -> String {
    migrate::run(&options(database)).await.unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_script_migrate_finds_nothing_to_do() {
    let (Some(scripted), Some(migrated)) = (Database::create().await, Database::create().await) else { return };
    assert_eq!(run_script(&scripted, &migrate_script::script()).await, Vec::<String>::new());
    run(&scripted, "INSERT dbo.OutboxMessages (Id, EventType, Payload) VALUES (N'm-1', N'E', N'{}')").await;
    assert_eq!(run_script(&scripted, &migrate_script::script()).await, Vec::<String>::new(), "a second time");
    migrate::run(&options(&migrated)).await.unwrap();
    assert_eq!(rows(&scripted, HISTORY).await, rows(&migrated, HISTORY).await);
    assert_eq!(migrate::run(&options(&scripted)).await.unwrap().applied, Vec::<String>::new());
    SqlServer::open(&options(&scripted)).await.unwrap();
    assert_eq!(rows(&scripted, "SELECT Id FROM dbo.OutboxMessages").await.unwrap(), ["m-1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrating_twice_is_a_no_op_and_a_dry_run_says_so() {
    let Some(database) = Database::create().await else { return };
    let before = migrate::plan(&options(&database)).await.unwrap();
    assert_eq!((before.version, before.wanted), (0, migrate::wanted()));
    let first = migrate::run(&options(&database)).await.unwrap();
    assert_eq!(before.pending, first.applied);
    assert!(first.database.contains("the database co_"), "{}", first.database);
    assert_eq!(migrate::run(&options(&database)).await.unwrap().applied, Vec::<String>::new());
    let after = migrate::plan(&options(&database)).await.unwrap();
    assert_eq!((after.version, after.pending, after.notes), (migrate::wanted(), vec![], vec![]));
}

/// Building an index over millions of rows takes longer than any everyday command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_a_command_is_not_that_of_a_migration() {
    let Some(database) = Database::create().await else { return };
    let mut options = options(&database);
    options.pool.command_timeout = std::time::Duration::from_millis(1);
    migrate::run(&options).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_migrate_at_once_do_not_collide() {
    let Some(database) = Database::create().await else { return };
    let options = options(&database);
    let done = join_all((0..4).map(|_| migrate::run(&options))).await;
    let applied: Vec<usize> = done.into_iter().map(|done| done.unwrap().applied.len()).collect();
    assert_eq!(applied.iter().filter(|count| **count > 0).count(), 1, "{applied:?}");
}

/// A database as an earlier build left it, with rows of that time. U0 came with version 3.
async fn of_version(version: i32) -> Option<Database> {
    let database = Database::create().await?;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/adapters/sqlserver/migrations");
    let mut earlier = refinery_core::load_sql_migrations(folder).unwrap();
    earlier.retain(|one| (i32::from(version < 3)..=version).contains(&one.version()));
    earlier.sort();
    let history =
        "CREATE TABLE dbo.refinery_schema_history (version int NOT NULL PRIMARY KEY, name nvarchar(255) NOT NULL,
        applied_on nvarchar(255) NOT NULL, checksum nvarchar(255) NOT NULL)";
    run(&database, history).await;
    for one in earlier {
        run(&database, one.sql().unwrap()).await;
        let (version, name, checksum) = (one.version(), one.name(), one.checksum());
        let row = format!("({version}, N'{name}', N'2026-11-01T10:00:00Z', N'{checksum}')");
        run(&database, &format!("INSERT dbo.refinery_schema_history VALUES {row}")).await;
    }
    let rows = "INSERT dbo.OutboxMessages (Id, EventType, Payload, RetryCount) VALUES (N'm-1', N'E', N'{}', 2);
        INSERT dbo.InboxMessages (Consumer, MessageId, Body, State, DueAt, ReceivedOnUtc)
        VALUES (N'email', N'm-1', 0x7b7d, 3, SYSUTCDATETIME(), SYSUTCDATETIME());";
    run(&database, rows).await;
    Some(database)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_any_earlier_version_keeps_its_rows() {
    let wanted = i32::try_from(migrate::wanted()).unwrap();
    for version in 1..wanted {
        let (Some(migrated), Some(scripted)) = (of_version(version).await, of_version(version).await) else { return };
        let refused = SqlServer::open(&options(&migrated)).await.err().unwrap().to_string();
        let reported = format!("schema version {version},");
        assert!(refused.contains(&reported) && refused.contains("`client-organizer migrate`"), "{refused}");
        migrate::run(&options(&migrated)).await.unwrap();
        assert_eq!(run_script(&scripted, &migrate_script::script()).await, Vec::<String>::new(), "{version}");
        for database in [&migrated, &scripted] {
            let outbox = "SELECT CONCAT(Id, N' ', RetryCount, N' ', State, Error) FROM dbo.OutboxMessages";
            assert_eq!(rows(database, outbox).await.unwrap(), ["m-1 2 0"], "{version}");
            let inbox =
                "SELECT CONCAT(MessageId, N' ', DATALENGTH(Body), N' ', State, N' ', NotFound) FROM dbo.InboxMessages";
            assert_eq!(rows(database, inbox).await.unwrap(), ["m-1 2 3 0"], "{version}");
            SqlServer::open(&options(database)).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_schema_is_refused_with_the_remedy() {
    let Some(database) = Database::create().await else { return };
    let open = async || SqlServer::open(&options(&database)).await.err().unwrap().to_string();
    let never = open().await;
    assert!(never.contains("no tables of this program") && never.contains("`client-organizer migrate`"), "{never}");
    migrate::run(&options(&database)).await.unwrap();
    let later = "INSERT dbo.refinery_schema_history VALUES (99, N'later', N'2030-01-01T00:00:00Z', N'1')";
    run(&database, later).await;
    let (later_one, migrating) = (open().await, migrate::plan(&options(&database)).await.unwrap_err().to_string());
    assert!(later_one.contains("schema version 99, made by a newer build"), "{later_one}");
    assert_eq!(later_one, migrating);
    let scripted = run_script(&database, &migrate_script::script()).await;
    assert!(scripted[0].contains("by a newer build"), "{scripted:?}");
    run(&database, "DELETE dbo.refinery_schema_history WHERE version = 99").await;
    run(&database, "UPDATE dbo.refinery_schema_history SET checksum = N'1' WHERE version = 2").await;
    assert!(open().await.contains("V2__engine, which this build does not know"), "{}", open().await);
    assert!(migrate::run(&options(&database)).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_our_names_are_refused_by_name_and_stay() {
    for name in ["Clients", "MailAttempts", "Erasures"] {
        refused_by_name_and_stays(name).await;
    }
}

async fn refused_by_name_and_stays(name: &str) {
    let Some(database) = Database::create().await else { return };
    run(&database, &format!("CREATE TABLE dbo.{name} (Id int NOT NULL PRIMARY KEY); INSERT dbo.{name} VALUES (7);"))
        .await;
    let planned = migrate::plan(&options(&database)).await.unwrap_err().to_string();
    for reported in
        [planned, refusal(&database).await, run_script(&database, &migrate_script::script()).await.remove(0)]
    {
        assert!(
            reported.to_lowercase().contains(&format!("(dbo: {})", name.to_lowercase()))
                && reported.contains("Nothing was changed"),
            "{reported}"
        );
    }
    let left = "SELECT CONCAT(name, N'') FROM sys.tables WHERE schema_id = SCHEMA_ID(N'dbo')";
    assert_eq!(rows(&database, left).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_role_may_change_rows_and_nothing_else() {
    let Some(database) = Database::create().await else { return };
    migrate::run(&options(&database)).await.unwrap();
    // Every contract runs under this login, which shows that the role is sufficient.
    let role = database.as_the_role().await;
    let mut connection = connect(&role).await;
    for forbidden in [
        "CREATE TABLE dbo.Mine (Id int)",
        "ALTER TABLE dbo.OutboxMessages ADD Mine int NULL",
        "DROP TABLE dbo.IdempotencyKeys",
        "DELETE dbo.Destinations",
        "UPDATE dbo.OperatorActions SET Reason = N''",
        "DELETE dbo.refinery_schema_history",
    ] {
        let answer = query(&mut connection, forbidden).await;
        assert!(answer.is_err(), "{forbidden}");
    }
    assert_eq!(migrate::run(&SqlServerOptions::at(role)).await.unwrap().applied, Vec::<String>::new());
}
