//! The locks of a data folder: one host and one handler use it at a time.

use super::{LocalError, connection_file::CONNECTION_FILE, events::EventSink, keys::KEYS_FILE};
use crate::private;
use std::{
    fs::{File, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::Instant;

const HOST_LOCK: &str = "host.lock";
/// The file that the handler keeps locked.
const HANDLER_LOCK: &str = "handler.lock";
/// How the names of our files in a data folder begin.
const OURS: [&str; 8] = ["app.db", "queues.db", "mail", "preview", HOST_LOCK, HANDLER_LOCK, CONNECTION_FILE, KEYS_FILE];
/// A handler whose host is gone normally ends within milliseconds.
const HANDLER_GONE_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Short, since what is booked into a removed folder is lost. A look costs two system calls.
const FOLDER_LOOK_EVERY: Duration = Duration::from_millis(500);

/// The host's lock on its data folder, released when dropped. The system releases it however the process ends.
pub struct DataLock {
    file: File,
    data: PathBuf,
}

impl DataLock {
    /// Creates the folder where it is missing, and locks it.
    ///
    /// # Errors
    /// The folder cannot be created or written, or another host has locked it.
    pub fn take(data: &Path) -> Result<Self, LocalError> {
        let cannot = |source| LocalError::Data { path: data.to_owned(), source };
        private::folder(data).map_err(cannot)?;
        let file = open(&data.join(HOST_LOCK)).map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => {
                private::tighten(data, &OURS).map_err(cannot)?;
                Ok(Self { file, data: data.to_owned() })
            }
            Err(TryLockError::WouldBlock) => Err(LocalError::DataInUse { path: data.to_owned() }),
            Err(TryLockError::Error(source)) => Err(cannot(source)),
        }
    }

    /// The file for the handler to lock, as soon as the handler of an earlier host has released it.
    ///
    /// # Errors
    /// It is still locked after 10 s, or cannot be created.
    pub(super) async fn handlers(&self, events: &EventSink) -> Result<PathBuf, LocalError> {
        let cannot = |source| LocalError::Data { path: self.data.clone(), source };
        let path = self.data.join(HANDLER_LOCK);
        let file = open(&path).map_err(cannot)?;
        let until = Instant::now() + HANDLER_GONE_WITHIN;
        let mut noted = false;
        loop {
            match file.try_lock() {
                Ok(()) => return file.unlock().map(|()| path).map_err(cannot),
                Err(TryLockError::Error(source)) => return Err(cannot(source)),
                Err(TryLockError::WouldBlock) if Instant::now() >= until => {
                    return Err(LocalError::HandlerLeft { path: self.data.clone() });
                }
                Err(TryLockError::WouldBlock) => {}
            }
            if !noted {
                events.note("the handler of an earlier host still runs; waiting for it to end");
                noted = true;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Returns once the folder is no longer the one that was locked: it was removed, or another is in its place.
    pub(super) async fn lost(&self) -> LocalError {
        while self.is_in_place().unwrap_or(false) {
            tokio::time::sleep(FOLDER_LOOK_EVERY).await;
        }
        LocalError::DataGone { path: self.data.clone() }
    }

    fn is_in_place(&self) -> io::Result<bool> {
        let (held, there) = (self.file.metadata()?, std::fs::metadata(self.data.join(HOST_LOCK))?);
        Ok((held.dev(), held.ino()) == (there.dev(), there.ino()))
    }
}

impl Drop for DataLock {
    /// Closing alone would leave the lock to a child that was forked meanwhile and has not executed its program yet.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

fn open(path: &Path) -> io::Result<File> {
    private::options().create(true).truncate(false).open(path)
}
