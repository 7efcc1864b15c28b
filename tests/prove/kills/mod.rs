//! Real processes are killed, and what they need fails, while clients write: nothing that was acknowledged is lost.

pub mod broker;
pub mod callers;
mod clock;
mod disk;
mod faults;
mod files;
mod hosts;
mod limits;
pub mod mailbox;
mod random;
pub mod reckoning;
mod server;
pub mod site;
mod wal;

use crate::support::{backend::memory, host::QUICK, smtp_server, sql_server::Database};
use clap::ValueEnum;
use faults::Fault;
use mailbox::Mailbox;
use reckoning::{Counts, Reckoning};
use site::Site;
use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Instant};
use tokio::{
    sync::Semaphore,
    task::{JoinError, JoinSet},
};

#[derive(clap::Args)]
pub struct Arguments {
    /// Rounds of kills at random instants, each on a new folder
    #[arg(long, default_value_t = 20)]
    rounds: u64,
    /// The first round's seed; the next has the next number. A seed repeats what is done when, not how the system runs it
    #[arg(long, default_value_t = fastrand::u64(..1_000_000))]
    seed: u64,
    /// These faults, by commas, in place of the random kills
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Fault>,
    /// Every fault, in place of the random kills
    #[arg(long, conflicts_with = "only")]
    faults: bool,
    /// Rounds at once: mostly they wait for leases
    #[arg(long, default_value_t = 4)]
    at_once: u32,
    /// A SQL Server (an ADO connection string) on which databases are created; a SQLite file by default
    #[arg(long, value_name = "CONNECTION STRING")]
    sql: Option<String>,
    /// A staged app, whose handler is killed in place of this build's
    #[arg(long, value_name = "FOLDER")]
    app: Option<PathBuf>,
    /// What stops that SQL Server, starts it again and waits until it is up, for the fault `server-restart`
    #[arg(long, value_name = "SHELL COMMAND", requires = "sql")]
    sql_restart: Option<String>,
}

const SHOWN_EVERY: u32 = 10;

/// What all rounds have in common.
#[derive(Default)]
pub struct Setup {
    smtp: Option<Mailbox>,
    sql: Option<String>,
    app: Option<PathBuf>,
    sql_restart: Option<String>,
}

pub async fn prove(arguments: Arguments) {
    let Arguments { rounds, seed, only, faults, at_once, sql, app, sql_restart } = arguments;
    println!("kills --seed {seed}");
    let smtp = if smtp_server::made("done").exists() { Some(Mailbox::smtp().await) } else { None };
    if smtp.is_none() {
        println!("no SMTP server (tests/smtp/prepare): mails go to the folder only");
    }
    let setup = Arc::new(Setup { smtp, sql, app, sql_restart });
    let named = if faults { Fault::value_variants().to_vec() } else { only };
    let rounds: Vec<_> = if named.is_empty() {
        (seed..seed + rounds).map(|seed| (None, seed)).collect()
    } else {
        named.into_iter().map(|fault| (Some(fault), seed)).collect()
    };
    let began = Instant::now();
    let number = rounds.len();
    let counts = in_turn(rounds, at_once, &setup).await;
    println!("{number} rounds in {:.0} s: {counts}", began.elapsed().as_secs_f64());
}

/// Runs the rounds, so many at once, and adds up their counts.
async fn in_turn(rounds: Vec<(Option<Fault>, u64)>, at_once: u32, setup: &Arc<Setup>) -> Counts {
    let turns = Arc::new(Semaphore::new(at_once as usize));
    let (mut all, mut named) = (JoinSet::new(), HashMap::new());
    for (fault, seed) in rounds {
        let (turns, setup) = (turns.clone(), setup.clone());
        let task = all.spawn(async move {
            let all = fault.is_some_and(Fault::is_for_all);
            let _turns = turns.acquire_many(if all { at_once } else { 1 }).await.unwrap();
            match fault {
                None => Ok(random::round(setup, seed).await),
                Some(fault) => faults::round(setup, fault, seed).await,
            }
        });
        let value = fault.and_then(|fault| fault.to_possible_value());
        named.insert(task.id(), (value.map(|value| value.get_name().to_owned()), seed));
    }
    let (mut counts, mut broken, mut ended) = (Counts::default(), Vec::new(), 0);
    while let Some(done) = all.join_next_with_id().await {
        let id = done.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let (name, seed) = &named[&id];
        match (done, name) {
            (Ok((_, Ok(one))), name) => {
                counts.add(&one);
                ended += 1;
                match name {
                    Some(name) => println!("{name}: {one}"),
                    // Of a run that is stopped, something is known.
                    None if u32::is_multiple_of(ended, SHOWN_EVERY) => println!("{ended} rounds: {counts}"),
                    None => {}
                }
            }
            (Ok((_, Err(why))), name) => println!("{}: not tried: {why}", name.as_deref().unwrap_or_default()),
            (Err(error), Some(name)) => broken.push(format!("tests/run kills --only {name} --seed {seed} ({error})")),
            (Err(error), None) => broken.push(format!("tests/run kills --rounds 1 --seed {seed} ({error})")),
        }
    }
    assert!(broken.is_empty(), "repeat what failed:\n{}", broken.join("\n"));
    counts
}

impl Setup {
    /// Mails to a folder; the store is this SQL Server, or else a SQLite file.
    pub fn on(sql: Option<String>) -> Self {
        Self { sql, ..Self::default() }
    }

    /// A folder, a database, and a host that is not started yet. Every second seed mails to the SMTP server.
    pub async fn site(&self, seed: u64) -> (Ground, Site, Mailbox) {
        let folder = tempfile::tempdir_in(memory()).unwrap();
        let mailbox = self.smtp.clone().filter(|_| seed.is_multiple_of(2)).unwrap_or(Mailbox::Folder);
        let mut settings: Vec<_> = QUICK.map(|(name, value)| (name, value.to_owned())).to_vec();
        settings.extend(mailbox.settings());
        // High, so that no mail is held for having been in doubt often.
        settings.push(("Email__DoubtsMax", "100".to_owned()));
        // Short pauses after a destination failed, so that a round ends in seconds.
        settings.push(("Breaker__BaseMs", "200".to_owned()));
        settings.push(("Breaker__MaxMs", "1000".to_owned()));
        let database = match self.sql.as_deref() {
            None => None,
            Some(server) => Some(Database::create_on(server).await),
        };
        let mut site = Site::new(folder.path().join("data"), settings, database.as_ref().map(Database::connection));
        if let Some(app) = &self.app {
            site.root.clone_from(app);
        }
        (Ground { folder, database }, site, mailbox)
    }
}

/// What a round happens on; removed at its end.
pub struct Ground {
    folder: tempfile::TempDir,
    database: Option<Database>,
}

impl Ground {
    /// A connection string of its SQL Server with all rights.
    pub fn database(&self) -> String {
        self.database.as_ref().expect("the store is a SQL Server").connection()
    }
}
