//! The named faults: each happens once under a storm of writes, and the same is compared afterwards as after a kill.

use super::{
    Counts, Reckoning, Setup, broker,
    callers::{Ledger, Storm},
    clock::Clock,
    disk::SmallDisk,
    files, hosts, limits,
    random::{CALLERS, PAUSE},
    server,
};
use std::{sync::Arc, time::Duration};

#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
pub enum Fault {
    /// The disk is full, the handler dies on it, and there is space again
    FullDisk,
    /// The handler starts again on a read-only file
    ReadOnlyFile,
    /// Another program holds the write lock for longer than a write waits
    LockedDatabase,
    /// The last frame of the WAL is torn
    TornWal,
    /// A second local host is started on the folder
    TwoHosts,
    /// No file, connection or pipe can be opened
    Descriptors,
    /// The handler gets no more memory
    Memory,
    /// The clock is set back an hour
    ClockBack,
    /// The broker is killed in mid-send with thousands of messages under way
    Broker,
    /// Sessions of the SQL Server are killed, in whatever statement they are
    Sessions,
    /// Another program holds rows of the SQL Server for longer than a statement takes
    HeldRows,
    /// The SQL Server stops and starts again
    ServerRestart,
}

impl Fault {
    /// `Err`: why it cannot be tried.
    fn can_be_tried(self, setup: &Setup) -> Result<(), String> {
        use Fault::{
            Broker, ClockBack, Descriptors, FullDisk, HeldRows, LockedDatabase, Memory, ReadOnlyFile, ServerRestart,
            Sessions, TornWal, TwoHosts,
        };
        let why = match self {
            FullDisk | ReadOnlyFile | LockedDatabase | TornWal | Broker if setup.sql.is_some() => {
                "it is about a SQLite file"
            }
            Sessions | HeldRows | ServerRestart if setup.sql.is_none() => "it is about a SQL Server (--sql)",
            ServerRestart if setup.sql_restart.is_none() => "no command restarts the server (--sql-restart)",
            FullDisk | ReadOnlyFile | LockedDatabase | TornWal | Broker | Sessions | HeldRows | ServerRestart
            | TwoHosts | Descriptors | Memory | ClockBack => return Ok(()),
        };
        Err(why.to_owned())
    }

    /// What it stops, all rounds need.
    pub(super) fn is_for_all(self) -> bool {
        self == Self::ServerRestart
    }
}

const BEFORE: Duration = Duration::from_millis(400);
const AFTER: Duration = Duration::from_millis(200);

/// `Err`: why it cannot be tried here.
pub(super) async fn round(setup: Arc<Setup>, fault: Fault, seed: u64) -> Result<Counts, String> {
    fault.can_be_tried(&setup)?;
    let (ground, mut site, mailbox) = setup.site(seed).await;
    if fault == Fault::Broker {
        return broker::round(site, ground.folder.path(), seed).await;
    }
    let disk = if fault == Fault::FullDisk { Some(SmallDisk::mount(&site.data)?) } else { None };
    let clock = if fault == Fault::ClockBack { Some(Clock::of(&mut site, ground.folder.path())?) } else { None };
    site.start();
    site.up().await;
    let storm = Storm::begin(&site.news(), 0, CALLERS, seed, PAUSE).await;
    tokio::time::sleep(BEFORE).await;
    let mut more = Ledger::default();
    match fault {
        Fault::FullDisk => disk.as_ref().expect("it is mounted").fill(&site).await,
        Fault::ReadOnlyFile => files::read_only(&site).await?,
        Fault::LockedDatabase => files::locked(&site).await,
        Fault::TornWal => files::torn_wal(&mut site).await,
        Fault::TwoHosts => hosts::second(&site),
        Fault::Descriptors => limits::descriptors(&site).await,
        Fault::Memory => limits::memory(&site).await,
        Fault::ClockBack => more = clock.as_ref().expect("it is faked").set_back(&site, seed).await,
        Fault::Sessions => server::kill_sessions(&ground.database(), fastrand::Rng::with_seed(seed)).await,
        Fault::HeldRows => server::hold_rows(&ground.database()).await,
        Fault::ServerRestart => server::restart(setup.sql_restart.as_deref().unwrap_or_default()),
        Fault::Broker => unreachable!("see above"),
    }
    tokio::time::sleep(AFTER).await;
    let mut ledger = storm.end().await;
    let felt = ledger.refused + ledger.unknown + ledger.repeats;
    // A few callers with open connections may pass by the others, which assert by themselves that they took effect.
    let noticed = [Fault::FullDisk, Fault::LockedDatabase, Fault::TornWal, Fault::ServerRestart];
    assert!(felt > 0 || !noticed.contains(&fault), "nobody noticed the fault");
    ledger.add(more);
    let counts = Reckoning::of(&site).settle(&ledger, &mailbox).await;
    site.stop();
    Ok(counts)
}
