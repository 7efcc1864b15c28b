//! The lock that keeps a second local host off a data folder.

use super::LocalError;
use std::{
    fs::{File, TryLockError},
    path::Path,
};

/// Held as long as it lives; the system frees it however the process ends.
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// # Errors
    /// The folder cannot be made or written, or another host holds it.
    pub fn take(data: &Path) -> Result<Self, LocalError> {
        let cannot = |source| LocalError::Data { path: data.to_owned(), source };
        std::fs::create_dir_all(data).map_err(cannot)?;
        let file =
            File::options().create(true).truncate(false).write(true).open(data.join("host.lock")).map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LocalError::DataInUse { path: data.to_owned() }),
            Err(TryLockError::Error(source)) => Err(cannot(source)),
        }
    }
}
