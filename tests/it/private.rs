//! The data folder of the local host: only its owner may read its content.

use crate::support::host::{Host, executable};
use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// What others may access of the folder and its content, and the whole content.
fn walked(folder: &Path) -> (Vec<PathBuf>, Vec<String>) {
    let (mut open, mut names, mut left) = (Vec::new(), Vec::new(), vec![folder.to_owned()]);
    while let Some(path) = left.pop() {
        // It may be gone since it was listed: a journal, a draft.
        let Ok(metadata) = std::fs::metadata(&path) else { continue };
        if metadata.is_dir() {
            left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        if metadata.permissions().mode() & 0o077 != 0 {
            open.push(path.clone());
        }
        names.push(path.file_name().unwrap().to_string_lossy().into_owned());
    }
    (open, names)
}

#[test]
fn no_file_of_a_running_host_is_readable_by_others() {
    let top = tempfile::tempdir().unwrap();
    let data = top.path().join("made/data");
    let _host = Host::start(&data, &[], &[]);
    let (open, names) = walked(&data);
    assert_eq!(open, Vec::<PathBuf>::new());
    for name in ["app.db", "app.db-wal", "app.db-shm", "queues.db", "queues.db-wal", "queue-connection", "handler.lock"]
    {
        assert!(names.iter().any(|there| there == name), "{name}: {names:?}");
    }
}

#[test]
fn mails_are_not_readable_by_others_even_without_a_umask() {
    let top = tempfile::tempdir().unwrap();
    let data = top.path().join("data");
    let output = Command::new("sh")
        .args([
            "-c",
            "umask 0; exec \"$0\" \"$@\"",
            executable(),
            "local",
            "--port",
            "0",
            "--demo",
            "--exit-after-demo",
        ])
        .args([Path::new("--data"), &data])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (open, names) = walked(&data);
    assert_eq!(open, Vec::<PathBuf>::new());
    assert!(names.iter().any(|name| name.contains(".eml")), "{names:?}");
}
