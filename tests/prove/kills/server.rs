//! A SQL Server under a storm of writes: its sessions are killed, another program holds rows, and it stops and starts again.

use crate::support::sql_server::{Connection, connect, in_rows, run};
use std::{
    process::Command,
    time::{Duration, Instant},
};

const KILLED_FOR: Duration = Duration::from_secs(5);
const BETWEEN: Duration = Duration::from_millis(30);
const HELD_FOR: Duration = Duration::from_secs(2);

const SESSIONS: &str =
    "SELECT session_id AS Id FROM sys.dm_exec_sessions WHERE database_id = DB_ID() AND session_id <> @@SPID";

/// The rows that most statements meet, one table after the other.
const HELD: [&str; 5] = [
    "UPDATE TOP (1) dbo.Destinations SET Failures = Failures",
    "UPDATE dbo.OutboxMessages SET State = State WHERE Seq = (SELECT MAX(Seq) FROM dbo.OutboxMessages)",
    "UPDATE TOP (1) dbo.InboxMessages SET State = State WHERE State < 2",
    "UPDATE dbo.FinancialRecords SET Version = Version WHERE Id = (SELECT MAX(Id) FROM dbo.FinancialRecords)",
    "UPDATE dbo.Clients SET Name = Name WHERE Id = (SELECT MAX(Id) FROM dbo.Clients)",
];

/// KILL of one session after another, in whatever statement it is.
pub async fn kill_sessions(database: &str, mut dice: fastrand::Rng) {
    let mut person = connect(database).await;
    let (until, mut killed) = (Instant::now() + KILLED_FOR, 0);
    while Instant::now() < until {
        let sessions = in_rows(&mut person, SESSIONS).await;
        if let Some(session) = dice.choice(&sessions) {
            let id: i32 = id(session);
            killed += u32::from(is_killed(&mut person, id).await);
        }
        tokio::time::sleep(BETWEEN).await;
    }
    assert!(killed > 0, "no session was killed");
    println!("{killed} sessions were killed");
}

/// A smallint on SQL Server, an int on Babelfish.
fn id(session: &tiberius::Row) -> i32 {
    session.try_get::<i32, _>("Id").ok().flatten().or_else(|| session.get::<i16, _>("Id").map(i32::from)).unwrap()
}

/// It may have ended by itself.
async fn is_killed(person: &mut Connection, session: i32) -> bool {
    match person.simple_query(format!("KILL {session}")).await {
        Ok(stream) => stream.into_results().await.is_ok(),
        Err(_) => false,
    }
}

/// Another program's open transaction holds a row of each table for a while.
pub async fn hold_rows(database: &str) {
    let mut stranger = connect(database).await;
    for update in HELD {
        run(&mut stranger, "BEGIN TRAN").await;
        run(&mut stranger, update).await;
        tokio::time::sleep(HELD_FOR).await;
        run(&mut stranger, "ROLLBACK TRAN").await;
    }
}

/// The server stops and starts by the given command, which returns once it is up.
pub fn restart(command: &str) {
    let ended = tokio::task::block_in_place(|| Command::new("sh").args(["-c", command]).status()).unwrap();
    assert!(ended.success(), "{command}: {ended}");
}
