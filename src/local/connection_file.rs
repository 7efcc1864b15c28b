//! The queue's connection string in a file of the data folder, for `ops` and `doctor` in another terminal.

use super::LocalError;
use crate::private;
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The file's name in the data folder. It contains a key of the current run, so only its owner may read it.
pub const CONNECTION_FILE: &str = "queue-connection";

/// Removed when dropped. A file that a killed host left behind opens nothing, since each start has a new key.
pub(super) struct ConnectionFile(PathBuf);

impl ConnectionFile {
    pub(super) fn write(data: &Path, connection: &str) -> Result<Self, LocalError> {
        let path = data.join(CONNECTION_FILE);
        let written = write(&path, connection);
        written.map_err(|source| LocalError::Data { path: data.to_owned(), source })?;
        Ok(Self(path))
    }
}

impl Drop for ConnectionFile {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = fs::remove_file(&self.0);
    }
}

fn write(path: &Path, connection: &str) -> io::Result<()> {
    // A file left behind might be readable by others.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private::options().create_new(true).open(path)?;
    writeln!(file, "{connection}")
}
