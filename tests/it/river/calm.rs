//! The calm after the storm: nothing fails any more, and all that waits is done.

use super::{
    op::{Cure, How, Mood, PROCESSES, PROVIDER, Switch},
    outside::Place,
    run::Run,
};
use std::time::Duration;

/// Rounds until everything must be done. Each takes up what is due, and jumps to what is due next.
const ROUNDS_MAX: usize = 400;
/// Calls that one round may take.
const CALLS_MAX: usize = 20_000;

/// Rounds of an operator.
const REMEDIES_MAX: usize = 2;

const DEAD: &str = "SELECT count(*) FROM OutboxMessages WHERE State = 3 AND Destination <> ''";
const UNFINISHED: &str = "SELECT (SELECT count(*) FROM OutboxMessages WHERE State < 2) \
                        + (SELECT count(*) FROM InboxMessages WHERE State IN (0, 1, 3) OR (State = 4 AND DueAt IS NOT NULL))";
const NEXT: &str = "SELECT coalesce(min(At), 0) FROM (SELECT min(DueAt) AS At FROM OutboxMessages WHERE State < 2 \
                    UNION ALL SELECT min(DueAt) FROM InboxMessages WHERE State IN (0, 1, 3, 4) \
                    UNION ALL SELECT min(OpenUntil) FROM Destinations)";

impl Run {
    /// # Errors
    /// What is stuck.
    pub async fn calm(&mut self) -> Result<(), String> {
        for of in 0..=PROVIDER {
            self.outside().set(of, Mood::Up);
        }
        while !self.late.is_empty() {
            self.commit_late(0);
        }
        self.finish().await?;
        for of in 0..=PROVIDER {
            self.pause(0, of, Switch::Resume);
        }
        self.finish().await?;
        self.drain().await?;
        // What is dead or dead-lettered is put right by an operator, as soon as the bus would not drop it.
        for _ in 0..REMEDIES_MAX {
            if self.database.number(DEAD) == 0 && self.outside().nth(0, Place::Dead).is_none() {
                break;
            }
            tokio::time::advance(Duration::from_mins(11)).await;
            self.remedy(1, Cure::RequeueOutOfOrder, None);
            self.remedy(2, Cure::TakeIn, None);
            self.finish().await?;
            self.drain().await?;
        }
        Ok(())
    }

    /// So much time passes that nothing of a client who left is needed any more.
    ///
    /// # Errors
    /// A rule that is broken.
    pub async fn forget(&mut self) -> Result<(), String> {
        if self.ledger().erased.is_empty() {
            return Ok(());
        }
        tokio::time::advance(Duration::from_hours(24 * 40)).await;
        self.prune(0);
        self.finish().await
    }

    /// Works until nothing is unfinished.
    async fn drain(&mut self) -> Result<(), String> {
        // A process that stored a good run's heartbeat stores no other for 5 s, whatever another process stored since.
        tokio::time::advance(Duration::from_secs(6)).await;
        for round in 0..ROUNDS_MAX {
            let process = round % PROCESSES;
            while self.outside().nth(0, Place::Waits).is_some() {
                self.deliver(process, 0);
                self.finish().await?;
            }
            self.dispatch(process);
            self.finish().await?;
            self.retry(process);
            self.finish().await?;
            let waits = self.outside().nth(0, Place::Waits).is_some();
            if !waits && self.database.number(UNFINISHED) == 0 {
                return Ok(());
            }
            let next = self.database.number(NEXT) - self.shared.stage.store_now_ms();
            tokio::time::advance(Duration::from_millis(next.clamp(30_000, 3_600_000).unsigned_abs() + 1)).await;
        }
        let rows =
            self.database.rows("SELECT Seq, Id, Destination, State, DueAt, Claims FROM OutboxMessages WHERE State < 2");
        let mails =
            self.database.rows("SELECT MessageId, State, DueAt, Doubts FROM InboxMessages WHERE State NOT IN (2, 5)");
        Err(format!("stuck: {rows:?} {mails:?}"))
    }

    /// Everything under way goes on to its end.
    async fn finish(&mut self) -> Result<(), String> {
        for _ in 0..CALLS_MAX {
            self.poll();
            if let Some(broken) = self.ledger().broken.pop() {
                return Err(broken);
            }
            if self.shared.stage.any_waits() {
                self.shared.stage.open(0, How::Well);
            } else if self.actors.busy() {
                tokio::time::advance(Duration::from_millis(500)).await;
            } else {
                return Ok(());
            }
        }
        Err("endless: a flow does not end".to_owned())
    }
}
