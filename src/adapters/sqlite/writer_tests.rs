//! What shares a commit, and what one write's failure does to the others.

use super::super::{Sqlite, SqliteOptions, migrate};
use super::*;
use futures::{FutureExt, future::join_all};
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicI64, Ordering},
};

/// A store whose write lock another program holds, so that writes wait together until `release`.
pub(in super::super) struct Held {
    pub(in super::super) store: Sqlite,
    skew_ms: Arc<AtomicI64>,
    pub(in super::super) holder: Connection,
    folder: tempfile::TempDir,
}

impl Held {
    pub(in super::super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.db");
        migrate::run(&path).unwrap();
        let holder = Connection::open(&path).unwrap();
        holder
            .execute_batch(
                "CREATE TABLE Mothers (N INTEGER PRIMARY KEY);
                 CREATE TABLE Numbers (N INTEGER PRIMARY KEY, Mother INTEGER REFERENCES Mothers DEFERRABLE INITIALLY DEFERRED);",
            )
            .unwrap();
        let options = SqliteOptions::at(&path);
        let skew_ms = Arc::clone(&options.skew_ms);
        let store = Sqlite::open(options).unwrap();
        holder.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); BEGIN IMMEDIATE").unwrap();
        Self { store, skew_ms, holder, folder }
    }

    /// The answers of these writes, which all waited when the first began.
    pub(in super::super) async fn release<T>(
        &self,
        writes: impl IntoIterator<Item = impl Future<Output = T>>,
    ) -> Vec<T> {
        let mut all = join_all(writes);
        assert!((&mut all).now_or_never().is_none(), "the lock is held");
        self.holder.execute_batch("ROLLBACK").unwrap();
        all.await
    }

    fn numbers(&self) -> Vec<i64> {
        let mut statement = self.holder.prepare("SELECT N FROM Numbers ORDER BY N").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    pub(in super::super) fn path(&self) -> PathBuf {
        self.folder.path().join("app.db")
    }

    fn commits(&self) -> usize {
        frames(&self.path()).len()
    }
}

/// The transactions in the file's WAL, each with its number of frames: one is a page. The last frame of a transaction
/// states the size of the file.
pub(in super::super) fn frames(path: &Path) -> Vec<usize> {
    let wal = std::fs::read(path.with_extension("db-wal")).unwrap();
    let page = u32::from_be_bytes(wal[8..12].try_into().unwrap()) as usize;
    let frames: Vec<_> = wal[32..].chunks(24 + page).collect();
    frames.split_inclusive(|frame| frame[4..8] != [0; 4]).map(<[_]>::len).collect()
}

fn insert(db: &Connection, n: i64) -> rusqlite::Result<i64> {
    db.execute("INSERT INTO Numbers (N) VALUES (?1)", [n])?;
    Ok(n)
}

#[tokio::test]
async fn writes_that_wait_share_one_commit() {
    let held = Held::new();
    let answers = held.release((0..16).map(|n| held.store.write("w", move |db, _| insert(db, n)))).await;
    assert_eq!(answers.into_iter().map(Result::unwrap).collect::<Vec<_>>(), (0..16).collect::<Vec<_>>());
    assert_eq!(held.numbers(), (0..16).collect::<Vec<_>>());
    assert_eq!(held.commits(), 1);
}

#[tokio::test]
async fn a_commit_has_a_limited_number_of_writes() {
    let held = Held::new();
    let all = i64::try_from(GROUP_MAX).unwrap() + 1;
    let answers = held.release((0..all).map(|n| held.store.write("w", move |db, _| insert(db, n)))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(held.commits(), 2);
}

#[tokio::test]
async fn what_touches_many_rows_has_a_commit_of_its_own() {
    let held = Held::new();
    let write = async |n: i64| match n {
        1 => held.store.write_alone("w", move |db, _| insert(db, n)).await,
        n => held.store.write("w", move |db, _| insert(db, n)).await,
    };
    assert!(held.release((0..4).map(write)).await.iter().all(Result::is_ok));
    assert_eq!(held.numbers(), [0, 1, 2, 3]);
    assert_eq!(held.commits(), 3, "0, then 1, then 2 and 3");
}

#[tokio::test]
async fn a_write_that_fails_fails_alone() {
    let held = Held::new();
    let write = |n: i64| {
        held.store.write("w", move |db, _| {
            insert(db, n)?;
            match n {
                1 => insert(db, 0),
                2 => panic!("a defect"),
                n => Ok(n),
            }
        })
    };
    let answers = held.release((0..4).map(write)).await;
    assert!(matches!(answers[..], [Ok(0), Err(StoreError::Broken { .. }), Err(StoreError::Broken { .. }), Ok(3)]));
    assert_eq!(held.numbers(), [0, 3]);
    assert_eq!(held.commits(), 1);
}

#[tokio::test]
async fn a_lone_write_that_fails_leaves_nothing() {
    let held = Held::new();
    let write = |n: i64| {
        held.store.write_alone("w", move |db, _| {
            insert(db, n)?;
            match n {
                0 => insert(db, 0),
                1 => panic!("a defect"),
                n => Ok(n),
            }
        })
    };
    let answers = held.release((0..3).map(write)).await;
    assert!(matches!(answers[..], [Err(StoreError::Broken { .. }), Err(StoreError::Broken { .. }), Ok(2)]));
    assert_eq!(held.numbers(), [2]);
}

#[tokio::test]
async fn a_write_sees_those_before_it() {
    let held = Held::new();
    let count = |db: &Connection| db.query_row("SELECT count(*) FROM Numbers", [], |row| row.get::<_, i64>(0));
    let write = |n: i64| {
        held.store.write("w", move |db, _| {
            let before = count(db)?;
            insert(db, n).map(|_| before)
        })
    };
    let answers = held.release((0..3).map(write)).await;
    assert!(matches!(answers[..], [Ok(0), Ok(1), Ok(2)]));
}

#[tokio::test]
async fn no_write_of_a_failed_commit_is_answered_as_done() {
    let held = Held::new();
    let write = |n: i64| {
        held.store.write("w", move |db, _| match n {
            // Refused only by the COMMIT.
            1 => db.execute("INSERT INTO Numbers VALUES (1, 99)", []).map(|_| n),
            2 => Err(rusqlite::Error::QueryReturnedNoRows),
            n => insert(db, n),
        })
    };
    let answers = held.release((0..4).map(write)).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(StoreError::Broken { step: "w", .. }))), "{answers:?}");
    assert!(held.numbers().is_empty());
    assert!(held.store.write("w", |db, _| insert(db, 7)).await.is_ok(), "the connection goes on");
    assert_eq!(held.numbers(), [7]);
}

#[tokio::test]
async fn a_transaction_that_sqlite_rolls_back_is_nobodys_success() {
    let held = Held::new();
    let write = |n: i64| {
        held.store.write("w", move |db, _| match n {
            1 => db.execute("INSERT OR ROLLBACK INTO Numbers (N) VALUES (0)", []).map(|_| n),
            n => insert(db, n),
        })
    };
    let answers = held.release((0..3).map(write)).await;
    assert!(
        matches!(answers[..], [Err(StoreError::Unavailable { .. }), Err(StoreError::Broken { .. }), Ok(2)]),
        "the first may try again, the second has its own error, the third came after: {answers:?}"
    );
    assert_eq!(held.numbers(), [2]);
}

#[tokio::test]
async fn a_write_whose_caller_has_gone_is_still_written() {
    let held = Held::new();
    let mut gone = Box::pin(held.store.write("w", |db, _| insert(db, 1)));
    assert!((&mut gone).now_or_never().is_none());
    drop(gone);
    let answers = held.release([held.store.write("w", |db, _| insert(db, 2))]).await;
    assert!(answers[0].is_ok());
    assert_eq!(held.numbers(), [1, 2]);
}

#[tokio::test]
async fn a_write_that_waited_too_long_is_not_written_later() {
    let held = Held::new();
    let answer = held.store.write("w", |db, _| insert(db, 1)).await;
    assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
    let answers = held.release([held.store.write("w", |db, _| insert(db, 2))]).await;
    assert!(answers[0].is_ok());
    assert_eq!(held.numbers(), [2]);
}

#[tokio::test]
async fn each_write_has_its_own_time() {
    let held = Held::new();
    let now = || held.store.write("w", |_, now| Ok(now));
    let mut first = Box::pin(now());
    assert!((&mut first).now_or_never().is_none());
    held.skew_ms.store(60_000, Ordering::Relaxed);
    let later = held.release([now()]).await.remove(0).unwrap();
    assert!((60_000..62_000).contains(&(later - first.await.unwrap())));
}
