//! Connections to the SQLite file, and the two ways to use them: a write transaction and a read.

use super::{errors, migrate};
use crate::{
    adapters::columns::Columns,
    ports::error::{StoreError, StoreResult},
};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};

/// Where the SQLite file is, and how the store behaves.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The file; its journals lie beside it.
    pub path: PathBuf,
    /// Milliseconds added to the database's clock in every statement: 0 outside tests. Shared, so that a test can move
    /// time.
    pub skew_ms: Arc<AtomicI64>,
    /// The database's time, in milliseconds, in place of its own clock: a simulation repeats exactly. None outside tests.
    pub fixed_ms: Option<Arc<AtomicI64>>,
    /// How long an idempotency key is kept, in milliseconds.
    pub key_lifetime_ms: i64,
    /// The name of this process in what it stores about attempts and runs; at most 100 characters.
    pub instance: String,
}

impl SqliteOptions {
    /// The file at `path`, without skew; idempotency keys are kept for a day.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            skew_ms: Arc::default(),
            fixed_ms: None,
            key_lifetime_ms: 24 * 3_600_000,
            instance: "here".to_owned(),
        }
    }
}

impl SqliteOptions {
    fn clock(&self) -> DatabaseClock {
        match &self.fixed_ms {
            Some(fixed_ms) => DatabaseClock::Fixed(fixed_ms.load(Ordering::Relaxed)),
            None => DatabaseClock::Own { skew_ms: self.skew_ms.load(Ordering::Relaxed) },
        }
    }
}

/// What a transaction takes for the time.
#[derive(Clone, Copy)]
enum DatabaseClock {
    Own { skew_ms: i64 },
    Fixed(i64),
}

impl DatabaseClock {
    fn now(self, transaction: &Transaction<'_>) -> rusqlite::Result<i64> {
        match self {
            Self::Own { skew_ms } => {
                transaction.query_row(NOW, [], |row| row.number("Now")).map(|now: i64| now + skew_ms)
            }
            Self::Fixed(now) => Ok(now),
        }
    }
}

/// The store on one SQLite file. Cheap to clone; all clones share two connections.
#[derive(Clone)]
pub struct Sqlite {
    writer: Arc<Mutex<Connection>>,
    reader: Arc<Mutex<Connection>>,
    options: SqliteOptions,
}

/// How long a write waits for another process's write. It is also the wait for a busy idempotency key: in SQLite the
/// one write lock locks every key.
const BUSY_WAIT: Duration = Duration::from_secs(2);

const NOW: &str = "SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) AS Now";

impl Sqlite {
    /// Opens a migrated file; never creates or changes its tables.
    ///
    /// # Errors
    /// The file is missing, not a database, or has another schema version; the error names the command that fixes it.
    pub fn open(options: SqliteOptions) -> StoreResult<Self> {
        let writer = connect(&options.path).map_err(|e| errors::map("open", e))?;
        migrate::check(&writer, &options.path)?;
        let reader = connect(&options.path).map_err(|e| errors::map("open", e))?;
        Ok(Self { writer: Arc::new(Mutex::new(writer)), reader: Arc::new(Mutex::new(reader)), options })
    }

    pub(super) fn key_lifetime_ms(&self) -> i64 {
        self.options.key_lifetime_ms
    }

    /// Owned, for a transaction, which runs on its own thread.
    pub(super) fn instance(&self) -> String {
        self.options.instance.clone()
    }

    /// Runs `work` in one BEGIN IMMEDIATE transaction, with the database's now (skew added). Commits when it returns
    /// `Ok`, else rolls back. A dropped caller does not stop it: it runs on its own thread to the end. Waits at most
    /// `BUSY_WAIT` in all: for the other writes of this process, then for those of others.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        step: &'static str,
        work: impl FnOnce(&Transaction<'_>, i64) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreResult<T> {
        let clock = self.options.clock();
        let until = Instant::now() + BUSY_WAIT;
        // The time spent waiting for writes of this process counts: else, behind a lock held elsewhere, the n-th of
        // many writes would answer after n waits.
        let locked = tokio::time::timeout_at(until, self.writer.clone().lock_owned()).await;
        let mut connection = locked.map_err(|_| errors::map(step, busy()))?;
        let task = tokio::task::spawn_blocking(move || {
            let left = until.saturating_duration_since(Instant::now());
            connection.busy_timeout(left).map_err(|e| errors::map(step, e))?;
            let begin = connection.transaction_with_behavior(TransactionBehavior::Immediate);
            let transaction = begin.map_err(|e| errors::map(step, e))?;
            let now = clock.now(&transaction).map_err(|e| errors::map(step, e))?;
            let answer = work(&transaction, now).map_err(|e| errors::map(step, e))?;
            transaction.commit().map_err(|e| errors::map_commit(step, e))?;
            Ok(answer)
        });
        task.await.unwrap_or_else(|lost| Err(panicked(step, lost)))
    }

    /// Runs `work` as one consistent read, with the database's now (skew added).
    pub(super) async fn read<T: Send + 'static>(
        &self,
        step: &'static str,
        work: impl FnOnce(&Transaction<'_>, i64) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreResult<T> {
        let clock = self.options.clock();
        let mut connection = self.reader.clone().lock_owned().await;
        let task = tokio::task::spawn_blocking(move || {
            let read = |connection: &mut Connection| {
                let transaction = connection.transaction()?;
                let now = clock.now(&transaction)?;
                work(&transaction, now)
            };
            read(&mut connection).map_err(|e| errors::map(step, e))
        });
        task.await.unwrap_or_else(|lost| Err(panicked(step, lost)))
    }
}

/// The error that SQLite returns when another connection holds the lock for too long.
fn busy() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None)
}

fn panicked(step: &'static str, lost: tokio::task::JoinError) -> StoreError {
    StoreError::Broken { step, reason: "the database task panicked".to_owned(), source: Some(Box::new(lost)) }
}

/// Opens an existing file; only `migrate` creates one.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    prepare(&connection)?;
    Ok(connection)
}

pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: a committed transaction is on the disk, even after a power cut. The promise is worth the fsync.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}
