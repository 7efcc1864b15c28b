//! A migrated store for one simulation, copied from one that was migrated once, and another program's connection to it.

use crate::support::backend::memory;
use client_organizer::{
    adapters::sqlite::{Sqlite, SqliteOptions, migrate},
    app::Stores,
};
use std::sync::{Arc, LazyLock, Mutex, atomic::AtomicI64};

static MIGRATED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir_in(memory()).unwrap();
    let path = folder.path().join("app.db");
    migrate::run(&path).unwrap();
    std::fs::read(path).unwrap()
});

pub struct Database {
    options: SqliteOptions,
    stranger: Mutex<rusqlite::Connection>,
    _folder: tempfile::TempDir,
}

impl Database {
    pub fn new(now_ms: &Arc<AtomicI64>) -> Self {
        let folder = tempfile::tempdir_in(memory()).unwrap();
        let path = folder.path().join("app.db");
        std::fs::write(&path, &*MIGRATED).unwrap();
        let stranger = rusqlite::Connection::open(&path).unwrap();
        stranger.pragma_update(None, "synchronous", "OFF").unwrap();
        let options = SqliteOptions { fixed_ms: Some(now_ms.clone()), ..SqliteOptions::at(path) };
        Self { options, stranger: Mutex::new(stranger), _folder: folder }
    }

    /// As one process opens it.
    pub fn open(&self, instance: String) -> Stores {
        Stores::of(Sqlite::open(SqliteOptions { instance, ..self.options.clone() }).unwrap())
    }

    pub fn execute(&self, sql: &str) -> usize {
        self.stranger.lock().unwrap().execute(sql, []).unwrap()
    }

    pub fn number(&self, sql: &str) -> i64 {
        self.stranger.lock().unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Rows of texts and numbers, as text; NULL is the empty text.
    pub fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let stranger = self.stranger.lock().unwrap();
        let mut statement = stranger.prepare_cached(sql).unwrap();
        let columns = statement.column_count();
        let text = |row: &rusqlite::Row<'_>, at: usize| {
            Ok::<_, rusqlite::Error>(match row.get_ref(at)? {
                rusqlite::types::ValueRef::Integer(n) => n.to_string(),
                rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                _ => String::new(),
            })
        };
        let rows = statement.query_map([], |row| (0..columns).map(|at| text(row, at)).collect()).unwrap();
        rows.map(Result::unwrap).collect()
    }
}
