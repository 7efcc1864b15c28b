//! The one writer: writes that wait are committed as one transaction, each behind a savepoint of its own.
//!
//! A commit costs an fsync and the same few pages again, whatever is in it; so what has come in the meantime shares the
//! next one. Nothing waits for more to come: a write that is alone is committed alone, at once.

use super::errors;
use crate::ports::error::{StoreError, StoreResult};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

/// How long a write waits for another process's write. It is also the wait for a busy idempotency key: in SQLite the
/// one write lock locks every key.
pub(super) const BUSY_WAIT: Duration = Duration::from_secs(2);

/// So that the first of a commit does not wait long for the last; what is over goes with the next.
const GROUP_MAX: usize = 64;

/// The write connection and what waits for it. Each waits for at most `BUSY_WAIT`, which also bounds the queue.
pub(super) struct Writer {
    connection: Mutex<Connection>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Write>,
    next_id: u64,
    /// A thread is writing, and looks here again before it ends.
    writing: bool,
}

struct Write {
    id: u64,
    step: &'static str,
    alone: bool,
    until: Instant,
    work: Box<dyn Work>,
}

/// Some caller's work, whatever its answer is.
trait Work: Send {
    /// Runs it; `false` if what it wrote must be rolled back.
    fn run(&mut self, step: &'static str, connection: &Connection) -> bool;

    /// Gives the caller its own error, else this one, else what was done.
    fn answer(self: Box<Self>, error: Option<StoreError>);
}

struct Job<T, F> {
    work: Option<F>,
    done: Option<StoreResult<T>>,
    caller: oneshot::Sender<StoreResult<T>>,
}

impl<T: Send, F: FnOnce(&Connection) -> rusqlite::Result<T> + Send> Work for Job<T, F> {
    fn run(&mut self, step: &'static str, connection: &Connection) -> bool {
        let Some(work) = self.work.take() else { return false };
        let done = catch_unwind(AssertUnwindSafe(|| work(connection)));
        let done =
            done.map_or_else(|_| Err(errors::panicked(step, None)), |done| done.map_err(|e| errors::map(step, e)));
        self.done.insert(done).is_ok()
    }

    fn answer(self: Box<Self>, error: Option<StoreError>) {
        let answer = match (self.done, error) {
            (Some(Err(own)), _) => Err(own),
            (_, Some(error)) => Err(error),
            (Some(done), None) => done,
            (None, None) => return,
        };
        // A caller that has gone needs no answer.
        let _ = self.caller.send(answer);
    }
}

impl Writer {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection: Mutex::new(connection), queue: Mutex::default() }
    }

    /// Runs `work` in a transaction, and answers after the commit. A dropped caller does not stop it. Waits at most
    /// `BUSY_WAIT` in all: for the other writes of this process, then for those of others; else, behind a lock held
    /// elsewhere, the n-th of many writes would answer after n waits.
    pub(super) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        step: &'static str,
        alone: bool,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreResult<T> {
        let (caller, mut answer) = oneshot::channel();
        let until = Instant::now() + BUSY_WAIT;
        let id = self.enqueue(step, alone, until, Box::new(Job { work: Some(work), done: None, caller }));
        let answer = match timeout_at(until, &mut answer).await {
            Ok(answer) => answer,
            Err(_) if self.withdraw(id) => return Err(errors::map(step, errors::busy())),
            Err(_) => answer.await,
        };
        answer.unwrap_or_else(|lost| Err(errors::panicked(step, Some(Box::new(lost)))))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes a thread if none is writing.
    fn enqueue(self: &Arc<Self>, step: &'static str, alone: bool, until: Instant, work: Box<dyn Work>) -> u64 {
        let mut queue = self.queue();
        let id = queue.next_id;
        queue.next_id += 1;
        queue.waiting.push_back(Write { id, step, alone, until, work });
        if !std::mem::replace(&mut queue.writing, true) {
            let writer = Arc::clone(self);
            tokio::task::spawn_blocking(move || writer.write_all());
        }
        id
    }

    /// `false`: it is no longer waiting, so its answer will come.
    fn withdraw(&self, id: u64) -> bool {
        let mut queue = self.queue();
        let place = queue.waiting.iter().position(|write| write.id == id);
        place.and_then(|place| queue.waiting.remove(place)).is_some()
    }

    /// Writes until nothing waits.
    fn write_all(&self) {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(until) = self.first_until() {
            match begin(&mut connection, until) {
                Ok(transaction) => self.write_group(transaction),
                Err(error) => self.refuse(&error),
            }
        }
    }

    fn first_until(&self) -> Option<Instant> {
        let mut queue = self.queue();
        let first = queue.waiting.front().map(|write| write.until);
        queue.writing = first.is_some();
        first
    }

    /// One transaction: one write that must be alone, or those that wait before the next such one.
    fn write_group(&self, mut transaction: Transaction<'_>) {
        let mut group = Vec::new();
        let outcome = self.run_group(&mut transaction, &mut group);
        let outcome = outcome.map(|kept| if kept { transaction.commit() } else { transaction.rollback() });
        for Write { step, work, .. } in group {
            work.answer(match &outcome {
                Ok(Ok(())) => None,
                Ok(Err(commit)) => Some(errors::map_commit(step, errors::same(commit))),
                Err(error) => Some(errors::map(step, errors::same(error))),
            });
        }
    }

    /// `false`: nothing of it may be committed, and each has its own answer.
    fn run_group(&self, transaction: &mut Transaction<'_>, group: &mut Vec<Write>) -> rusqlite::Result<bool> {
        while let Some(Write { step, alone, work, .. }) = self.next_of(group) {
            if *alone {
                return Ok(work.run(step, transaction));
            }
            let mut savepoint = transaction.savepoint()?;
            let kept = work.run(step, &savepoint);
            if savepoint.is_autocommit() {
                return Err(errors::rolled_back());
            }
            if !kept {
                savepoint.rollback()?;
            }
            savepoint.commit()?;
        }
        Ok(true)
    }

    fn next_of<'a>(&self, group: &'a mut Vec<Write>) -> Option<&'a mut Write> {
        let mut queue = self.queue();
        let next = queue.waiting.front()?;
        if !group.is_empty() && (next.alone || group.len() >= GROUP_MAX) {
            return None;
        }
        group.extend(queue.waiting.pop_front());
        group.last_mut()
    }

    /// A transaction could not begin. If the file was locked, those that have time left wait on.
    fn refuse(&self, error: &rusqlite::Error) {
        let busy = matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked));
        let now = Instant::now();
        let mut queue = self.queue();
        let (refused, waiting): (VecDeque<_>, VecDeque<_>) =
            queue.waiting.drain(..).partition(|write| !busy || write.until <= now);
        queue.waiting = waiting;
        drop(queue);
        for Write { step, work, .. } in refused {
            work.answer(Some(errors::map(step, errors::same(error))));
        }
    }
}

fn begin(connection: &mut Connection, until: Instant) -> rusqlite::Result<Transaction<'_>> {
    connection.busy_timeout(until.saturating_duration_since(Instant::now()))?;
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

#[cfg(test)]
#[path = "writer_tests.rs"]
pub(super) mod tests;
