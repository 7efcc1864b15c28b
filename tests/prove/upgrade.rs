//! Two versions on one database while a release is rolled out and taken back: clients write all the time, nothing is lost.

use crate::{
    breakages::Copy,
    handler::Handler,
    kills::{Setup, callers::Storm, reckoning::Reckoning, site::News},
    support::host::executable,
};
use client_organizer::adapters::{sqlite, sqlserver};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tokio::sync::watch;

#[derive(clap::Args)]
pub struct Arguments {
    /// The program of the version before; this one by default
    #[arg(long, value_name = "PROGRAM")]
    before: Option<PathBuf>,
    /// The program of the version after; by default this one with one more migration, built in a copy of the sources
    #[arg(long, value_name = "PROGRAM")]
    after: Option<PathBuf>,
    /// A SQL Server (an ADO connection string) on which a database is created; a SQLite file by default
    #[arg(long, value_name = "CONNECTION STRING")]
    sql: Option<String>,
}

const CALLERS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(3);
/// Of each phase, in which some hundreds of writes are made.
const PHASE: Duration = Duration::from_secs(2);

pub async fn prove(arguments: Arguments) {
    let before = arguments.before.unwrap_or_else(|| executable().into());
    let after = arguments.after.unwrap_or_else(next_version);
    let (ground, mut site, mailbox) = Setup::on(arguments.sql).site(1).await;
    site.program.clone_from(&before);
    let database = if site.is_sql {
        vec![("Store__Kind", "sqlserver".to_owned()), ("SqlConnectionString", ground.database())]
    } else {
        vec![("Store__Path", site.data.join("app.db").to_string_lossy().into_owned())]
    };
    site.start();
    site.up().await;
    let storm = Storm::begin(&site.news(), 0, CALLERS, 1, PAUSE).await;
    tokio::time::sleep(PHASE).await;

    println!("the later build migrates while the earlier one works: {}", migrated(&after, &database));
    tokio::time::sleep(PHASE).await;
    site.kill_handler().await;
    println!("the earlier build starts on the later schema");
    site.up().await;

    let (beside, newer) = beside(&after, site.up().await, 1).await;
    tokio::time::sleep(PHASE).await;
    let mut ledger = newer.end().await;
    drop(beside);
    println!("both have booked, the earlier one has mailed: {} writes to the later", ledger.done);

    site.stop();
    site.program.clone_from(&after);
    site.start();
    site.up().await;
    let (beside, older) = self::beside(&before, site.up().await, 2).await;
    tokio::time::sleep(PHASE).await;
    let older = older.end().await;
    drop(beside);
    println!("both have booked, the later one has mailed: {} writes to the earlier", older.done);
    ledger.add(older);

    site.stop();
    let again = migrated(&before, &database);
    assert!(again.contains("nothing to do"), "{again}");
    site.program = before;
    site.start();
    site.up().await;
    println!("taken back: {again}");
    tokio::time::sleep(PHASE).await;

    ledger.add(storm.end().await);
    let counts = Reckoning::of(&site).settle(&ledger, &mailbox).await;
    println!("{counts}");
}

/// A second instance, of another build, with the settings of the one that runs; and clients that write to it.
async fn beside(program: &Path, running: u32, seed: u32) -> (Handler, Storm) {
    let environment = fs::read_to_string(format!("/proc/{running}/environ")).unwrap();
    let settings: Vec<_> = environment.split('\0').filter_map(|setting| setting.split_once('=')).collect();
    let settings = settings
        .into_iter()
        .filter(|(name, _)| name.contains("__") || ["ServiceBusConnection", "SqlConnectionString"].contains(name));
    let settings: Vec<_> = settings.map(|(name, value)| (name, value.to_owned())).collect();
    let handler = Handler::start_of(program, &settings).await;
    let news = watch::Sender::new(News::default());
    news.send_modify(|news| news.port = Some(handler.port));
    let storm = Storm::begin(&news.subscribe(), seed * 100, CALLERS, seed.into(), PAUSE).await;
    (handler, storm)
}

fn migrated(program: &Path, database: &[(&str, String)]) -> String {
    let output = Command::new(program).arg("migrate").envs(database.iter().cloned()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    printed
}

/// This version with a migration that expands the schema, as the next release may have.
fn next_version() -> PathBuf {
    let copy = Copy::of("upgrade");
    for (dialect, wanted, expands) in [
        (
            "sqlite",
            sqlite::migrate::wanted(),
            "ALTER TABLE OutboxMessages ADD COLUMN Colour TEXT;\nCREATE INDEX IX_Outbox_Colour ON OutboxMessages (Colour);\n",
        ),
        (
            "sqlserver",
            sqlserver::migrate::wanted(),
            "ALTER TABLE dbo.OutboxMessages ADD Colour nvarchar(20) NULL;\n\
             EXEC sp_executesql N'CREATE INDEX IX_Outbox_Colour ON dbo.OutboxMessages (Colour)';\n",
        ),
    ] {
        let adapter = copy.tree.join("src/adapters").join(dialect);
        let migrations = adapter.join("migrations");
        let stale = fs::read_dir(&migrations).unwrap().map(|file| file.unwrap().path());
        stale
            .filter(|file| file.to_string_lossy().contains("__next__"))
            .for_each(|file| fs::remove_file(file).unwrap());
        fs::write(migrations.join(format!("V{}__next__from_{wanted}.sql", wanted + 1)), expands).unwrap();
        // Cargo does not see new files of an embedded folder, but that this one is newer.
        let embeds = adapter.join("migrate.rs");
        fs::write(&embeds, fs::read(&embeds).unwrap()).unwrap();
    }
    copy.program()
}
