//! The stores that every contract is checked against; another database is one more `Backend` and a line in the macro.

use client_organizer::{
    adapters::sqlite::{Sqlite, SqliteOptions, migrate},
    app::Stores,
    ports::{
        books::Books,
        breaker::Breakers,
        inbox::Inbox,
        operations::{Remedies, Reports},
        outbox::Outbox,
        retention::Retention,
    },
};
use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

/// A fresh, migrated store whose clock can be moved.
pub trait Backend: Send + Sync {
    fn stores(&self) -> Stores;
    /// The same store as another process sees it: on connections of its own.
    fn others(&self) -> Stores;
    /// Added to the database's clock in every statement.
    fn skew_ms(&self) -> &AtomicI64;
    /// Runs a statement as another program would: on a connection of its own, without our code.
    fn execute(&self, sql: &str) -> usize;
    /// Like `execute`, for one row of these columns and values, in a transaction that commits when the returned function
    /// is called. A store with one writer inserts the row only then, under the Seq that it would have got now.
    fn insert_slowly(&self, columns: &str, values: &str) -> Box<dyn FnOnce() + Send + '_>;
    /// Reads one value as text, also as another program; `None` for NULL or no row.
    fn query(&self, sql: &str) -> Option<String>;
    /// This dialect's SQL for a time column so much later, for a time, and for bytes.
    fn plus_ms(&self, column: &str, ms: i64) -> String;
    fn at_ms(&self, ms: i64) -> String;
    fn hex(&self, hex: &str) -> String;

    fn books(&self) -> Arc<dyn Books> {
        self.stores().books
    }
    fn outbox(&self) -> Arc<dyn Outbox> {
        self.stores().outbox
    }
    fn breakers(&self) -> Arc<dyn Breakers> {
        self.stores().breakers
    }
    fn inbox(&self) -> Arc<dyn Inbox> {
        self.stores().inbox
    }
    fn retention(&self) -> Arc<dyn Retention> {
        self.stores().retention
    }
    fn reports(&self) -> Arc<dyn Reports> {
        self.stores().reports
    }
    fn remedies(&self) -> Arc<dyn Remedies> {
        self.stores().remedies
    }
    /// Moves the database's clock forward for every statement from now on.
    fn advance_ms(&self, ms: i64) {
        self.skew_ms().fetch_add(ms, Ordering::Relaxed);
    }
}

pub struct SqliteBackend {
    pub db: Sqlite,
    pub options: SqliteOptions,
    /// Another program's connection.
    stranger: Mutex<rusqlite::Connection>,
    _folder: tempfile::TempDir,
}

impl SqliteBackend {
    pub fn new() -> Self {
        Self::with(None)
    }

    /// Keeps the text of each statement that the store runs.
    pub fn noting() -> Self {
        Self::with(Some(Arc::default()))
    }

    fn with(statements: Option<Arc<Mutex<Vec<String>>>>) -> Self {
        let folder = tempfile::tempdir_in(memory()).unwrap();
        let options = SqliteOptions { statements, ..SqliteOptions::at(folder.path().join("app.db")) };
        migrate::run(&options.path).unwrap();
        let stranger = rusqlite::Connection::open(&options.path).unwrap();
        stranger.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
        let db = Sqlite::open(options.clone()).unwrap();
        Self { db, options, stranger: Mutex::new(stranger), _folder: folder }
    }

    /// The statements noted since the last time.
    pub fn noted(&self) -> Vec<String> {
        std::mem::take(&mut self.options.statements.as_ref().unwrap().lock().unwrap())
    }
}

/// In memory: no test cuts the power, so a disk would only cost time.
pub fn memory() -> PathBuf {
    let shared = PathBuf::from("/dev/shm");
    if shared.is_dir() { shared } else { std::env::temp_dir() }
}

impl Backend for SqliteBackend {
    fn stores(&self) -> Stores {
        Stores::of(self.db.clone())
    }
    fn others(&self) -> Stores {
        Stores::of(Sqlite::open(self.options.clone()).unwrap())
    }
    fn skew_ms(&self) -> &AtomicI64 {
        &self.options.skew_ms
    }
    fn execute(&self, sql: &str) -> usize {
        self.stranger.lock().unwrap().execute(sql, []).unwrap()
    }
    fn insert_slowly(&self, columns: &str, values: &str) -> Box<dyn FnOnce() + Send + '_> {
        let seq = {
            let stranger = self.stranger.lock().unwrap();
            stranger.execute(&format!("INSERT INTO OutboxMessages ({columns}) VALUES ({values})"), []).unwrap();
            let seq = stranger.last_insert_rowid();
            stranger.execute("DELETE FROM OutboxMessages WHERE Seq = ?1", [seq]).unwrap();
            seq
        };
        let late = format!("INSERT INTO OutboxMessages (Seq, {columns}) VALUES ({seq}, {values})");
        Box::new(move || assert_eq!(self.execute(&late), 1))
    }
    fn query(&self, sql: &str) -> Option<String> {
        let text = |row: &rusqlite::Row<'_>| {
            Ok(match row.get_ref(0)? {
                rusqlite::types::ValueRef::Null => None,
                rusqlite::types::ValueRef::Integer(n) => Some(n.to_string()),
                rusqlite::types::ValueRef::Real(n) => Some(n.to_string()),
                rusqlite::types::ValueRef::Text(t) | rusqlite::types::ValueRef::Blob(t) => {
                    Some(String::from_utf8_lossy(t).into_owned())
                }
            })
        };
        let stranger = self.stranger.lock().unwrap();
        // Tests ask the same thing after each of many steps.
        stranger.prepare_cached(sql).and_then(|mut asked| asked.query_row([], text)).ok().flatten()
    }
    fn plus_ms(&self, column: &str, ms: i64) -> String {
        format!("{column} + {ms}")
    }
    fn at_ms(&self, ms: i64) -> String {
        ms.to_string()
    }
    fn hex(&self, hex: &str) -> String {
        format!("x'{hex}'")
    }
}
