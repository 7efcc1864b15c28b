//! Files and folders that only their owner may read, whatever the umask: they hold amounts and addresses.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

const FILE: u32 = 0o600;
const FOLDER: u32 = 0o700;

/// Creates the folder and its missing parents with mode 0700. An existing folder keeps its mode.
///
/// # Errors
/// Those of the operating system.
pub fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)
}

/// Options to open a file for writing; a file that they create has mode 0600.
#[must_use]
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(FILE);
    options
}

/// Creates an empty file with mode 0600 if it does not exist, before a library creates it with the umask's mode.
///
/// # Errors
/// Those of the operating system.
pub fn make(path: &Path) -> io::Result<()> {
    options().create(true).truncate(false).open(path).map(drop)
}

/// Closes to others what an earlier version created in `folder`: the entries whose names begin with one of `ours`. The
/// folder itself is closed only if it holds nothing else: it may be the user's own (`--data .`).
///
/// # Errors
/// Those of the operating system.
pub fn tighten(folder: &Path, ours: &[&str]) -> io::Result<()> {
    let mut only_ours = true;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if ours.iter().any(|known| name.to_string_lossy().starts_with(known)) {
            own(&entry)?;
        } else {
            only_ours = false;
        }
    }
    if only_ours { close(folder, FOLDER) } else { Ok(()) }
}

/// Closes a file, or a folder and the files in it.
fn own(entry: &fs::DirEntry) -> io::Result<()> {
    let (path, kind) = (entry.path(), entry.file_type()?);
    if kind.is_dir() {
        close(&path, FOLDER)?;
        for inner in fs::read_dir(&path)? {
            let inner = inner?;
            if inner.file_type()?.is_file() {
                close(&inner.path(), FILE)?;
            }
        }
    } else if kind.is_file() {
        close(&path, FILE)?;
    }
    Ok(())
}

fn close(path: &Path, mode: u32) -> io::Result<()> {
    let is_open = |metadata: fs::Metadata| metadata.permissions().mode() & 0o077 != 0;
    match fs::metadata(path).map(is_open) {
        Ok(true) => fs::set_permissions(path, Permissions::from_mode(mode)),
        Ok(false) => Ok(()),
        // Deleted since it was listed: a journal of SQLite, a mail's draft.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_an_earlier_version_left_open_is_closed_and_nothing_else_is_touched() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("data");
        fs::create_dir_all(folder.join("mail")).unwrap();
        for name in ["app.db", "app.db-wal", "mail/1.eml"] {
            fs::write(folder.join(name), "").unwrap();
            fs::set_permissions(folder.join(name), Permissions::from_mode(0o644)).unwrap();
        }
        for name in ["", "mail"] {
            fs::set_permissions(folder.join(name), Permissions::from_mode(0o755)).unwrap();
        }
        let ours = ["app.db", "mail"];
        fs::write(folder.join("thesis.txt"), "").unwrap();
        fs::set_permissions(folder.join("thesis.txt"), Permissions::from_mode(0o644)).unwrap();
        tighten(&folder, &ours).unwrap();
        let modes = |names: &[&str]| names.iter().map(|name| mode(&folder.join(name))).collect::<Vec<_>>();
        assert_eq!(modes(&["app.db", "app.db-wal", "mail", "mail/1.eml"]), [0o600, 0o600, 0o700, 0o600]);
        assert_eq!(modes(&["", "thesis.txt"]), [0o755, 0o644], "it holds a file that is not ours");
        fs::remove_file(folder.join("thesis.txt")).unwrap();
        tighten(&folder, &ours).unwrap();
        assert_eq!(mode(&folder), 0o700);
    }
}
