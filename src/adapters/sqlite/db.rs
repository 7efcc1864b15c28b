//! Connections to the SQLite file, and the two ways to use them: a write and a read.

use super::{
    errors, migrate,
    writer::{BUSY_WAIT, Writer},
};
use crate::{adapters::columns::Columns, ports::error::StoreResult};
use rusqlite::{
    Connection, OpenFlags,
    config::DbConfig,
    trace::{TraceEvent, TraceEventCodes},
};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};
use tokio::sync::Mutex;

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
    /// Gets the text of each statement that the store runs. None outside tests, which count them.
    pub statements: Option<Arc<std::sync::Mutex<Vec<String>>>>,
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
            statements: None,
            key_lifetime_ms: 24 * 3_600_000,
            instance: "here".to_owned(),
        }
    }
}

impl SqliteOptions {
    fn trace(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let Some(statements) = self.statements.clone() else { return Ok(()) };
        let note = move |event: TraceEvent<'_>| {
            if let TraceEvent::Stmt(_, sql) = event {
                statements.lock().unwrap_or_else(PoisonError::into_inner).push(sql.to_owned());
            }
        };
        connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(note))
    }

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
    fn now(self, connection: &Connection) -> rusqlite::Result<i64> {
        match self {
            Self::Own { skew_ms } => {
                let now: i64 = connection.prepare_cached(NOW)?.query_row([], |row| row.number("Now"))?;
                Ok(now + skew_ms)
            }
            Self::Fixed(now) => Ok(now),
        }
    }

    /// `work` at the time when its turn comes.
    fn time<T>(
        self,
        work: impl FnOnce(&Connection, i64) -> rusqlite::Result<T>,
    ) -> impl FnOnce(&Connection) -> rusqlite::Result<T> {
        move |connection| work(connection, self.now(connection)?)
    }
}

/// The store on one SQLite file. Cheap to clone; all clones share two connections.
#[derive(Clone)]
pub struct Sqlite {
    writer: Arc<Writer>,
    reader: Arc<Mutex<Connection>>,
    options: SqliteOptions,
}

const NOW: &str = "SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) AS Now";

/// Negative: KiB. The pages of a claim of 500 rows, with those of its indexes, fit; SQLite's own 2,000 do not hold them.
/// Twice as many save a third of the reads from the system's cache, and no time.
const WRITE_CACHE_KIB: i32 = -4_000;
/// Pages in the WAL until a commit copies them back, 40 MB. A page that changes with every commit is copied once in a
/// while, and fewer than one commit in a hundred waits for it.
const CHECKPOINT_PAGES: u32 = 10_000;

impl Sqlite {
    /// Opens a migrated file; never creates or changes its tables.
    ///
    /// # Errors
    /// The file is missing, not a database, or has another schema version; the error names the command that fixes it.
    pub fn open(options: SqliteOptions) -> StoreResult<Self> {
        let mut writer = connect(&options.path).map_err(|e| errors::map("open", e))?;
        migrate::check(&writer, &options.path)?;
        writer.pragma_update(None, "cache_size", WRITE_CACHE_KIB).map_err(|e| errors::map("open", e))?;
        let mut reader = connect(&options.path).map_err(|e| errors::map("open", e))?;
        options.trace(&mut writer).and_then(|()| options.trace(&mut reader)).map_err(|e| errors::map("open", e))?;
        Ok(Self { writer: Arc::new(Writer::new(writer)), reader: Arc::new(Mutex::new(reader)), options })
    }

    pub(super) fn key_lifetime_ms(&self) -> i64 {
        self.options.key_lifetime_ms
    }

    /// Owned, for a transaction, which runs on its own thread.
    pub(super) fn instance(&self) -> String {
        self.options.instance.clone()
    }

    /// Runs `work`, which touches few rows, in one IMMEDIATE transaction with other such writes that wait, with the
    /// database's now (skew added). What it wrote is committed if it returns `Ok`, else rolled back, it alone; it sees
    /// what the writes before it wrote, and its answer comes after the commit of them all. See `writer`.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        step: &'static str,
        work: impl FnOnce(&Connection, i64) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.writer.write(step, false, self.options.clock().time(work)).await
    }

    /// Like `write` in a transaction of its own, for what touches many rows: a booking must not wait for them before its
    /// own commit.
    pub(super) async fn write_alone<T: Send + 'static>(
        &self,
        step: &'static str,
        work: impl FnOnce(&Connection, i64) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.writer.write(step, true, self.options.clock().time(work)).await
    }

    /// Runs `work` as one consistent read, with the database's now (skew added).
    pub(super) async fn read<T: Send + 'static>(
        &self,
        step: &'static str,
        work: impl FnOnce(&Connection, i64) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreResult<T> {
        let work = self.options.clock().time(work);
        let mut connection = self.reader.clone().lock_owned().await;
        let task = tokio::task::spawn_blocking(move || {
            let read = |connection: &mut Connection| work(&*connection.transaction()?);
            read(&mut connection).map_err(|e| errors::map(step, e))
        });
        task.await.unwrap_or_else(|lost| Err(errors::panicked(step, Some(Box::new(lost)))))
    }
}

/// Opens an existing file; only `migrate` creates one.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // Without the mutexes of SQLite: each connection is behind one of ours.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    prepare(&connection)?;
    Ok(connection)
}

pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: a committed transaction is on the disk, even after a power cut. The promise is worth the fsync.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    // Plans do not depend on the values that are bound: else SQLite prepares some statements anew at each use.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // A savepoint keeps a copy of each page that it changes: in memory, not in a temporary file.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    // More than the statements of the handler, so that none is prepared twice.
    connection.set_prepared_statement_cache_capacity(256);
    Ok(())
}
