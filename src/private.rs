//! Files and folders that only their owner may read, whatever the umask: they hold figures and addresses.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

const FILE: u32 = 0o600;
const FOLDER: u32 = 0o700;

/// Makes the folder, and those above it that are missing; one that is there stays as it is.
///
/// # Errors
/// As of the system.
pub fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)
}

/// For a file to write: made private where it is not there.
#[must_use]
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(FILE);
    options
}

/// Makes an empty file where there is none, for a library that would choose the mode by the umask.
///
/// # Errors
/// As of the system.
pub fn make(path: &Path) -> io::Result<()> {
    options().create(true).truncate(false).open(path).map(drop)
}

/// What an earlier version made in `folder`, by the beginnings of its names: others may no longer read it. The folder
/// itself may be anybody's (`--data .`): it is left as it is where it holds something else.
///
/// # Errors
/// As of the system.
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

/// A file, or a folder with the files in it.
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
        // Gone since it was listed: a journal of SQLite, a mail's draft.
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
        assert_eq!(modes(&["", "thesis.txt"]), [0o755, 0o644], "it holds something of another's");
        fs::remove_file(folder.join("thesis.txt")).unwrap();
        tighten(&folder, &ours).unwrap();
        assert_eq!(mode(&folder), 0o700);
    }
}
