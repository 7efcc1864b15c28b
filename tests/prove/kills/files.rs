//! The database's files in bad shape: read-only, locked by another program, and a WAL whose last frame is torn.

use super::{limits, site::Site, wal};
use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{Seek, SeekFrom, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

const READ_ONLY_FOR: Duration = Duration::from_secs(2);
/// More than the 2 s that a write waits for another program's.
const LOCKED_FOR: Duration = Duration::from_secs(6);
/// SIGXFSZ: a file would grow over its limit.
const TOO_LARGE: i64 = 25;
const BETWEEN: Duration = Duration::from_millis(300);

/// The handler starts again while its file is read-only. `Err`: it cannot be protected here.
pub async fn read_only(site: &Site) -> Result<(), String> {
    let file = site.data.join("app.db");
    protect(&file, true);
    let is_protected = OpenOptions::new().append(true).open(&file).is_err();
    if is_protected {
        site.kill_handler().await;
        tokio::time::sleep(READ_ONLY_FOR).await;
        assert_eq!(site.news().borrow().handler, None, "a handler started on a file that it cannot write");
    }
    protect(&file, false);
    site.up().await;
    if is_protected { Ok(()) } else { Err("a file cannot be protected from this user".to_owned()) }
}

/// Root ignores the mode, and obeys the attribute.
fn protect(file: &Path, is: bool) {
    let attribute = |sign: &str| {
        drop(Command::new("chattr").arg(format!("{sign}i")).arg(file).stderr(Stdio::null()).status());
    };
    attribute("-");
    fs::set_permissions(file, Permissions::from_mode(if is { 0o400 } else { 0o600 })).unwrap();
    if is {
        attribute("+");
    }
}

/// Another program holds the write lock for longer than a write waits for it.
pub async fn locked(site: &Site) {
    let other = rusqlite::Connection::open(site.data.join("app.db")).unwrap();
    other.busy_timeout(Duration::from_secs(30)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    tokio::time::sleep(LOCKED_FOR).await;
    other.execute_batch("ROLLBACK").unwrap();
}

/// The handler dies in the middle of a frame, since its file may grow no further; then, after the host's death too, half
/// a frame lies where the next one would be written.
pub async fn torn_wal(site: &mut Site) {
    for _ in 0..2 {
        let pid = site.up().await;
        let long = fs::metadata(site.data.join("app.db-wal")).map_or(0, |file| file.len());
        // A frame has 24 + 4096 bytes: the second one from here is cut.
        limits::set(pid, "fsize", &(long + 6_000).to_string());
        tokio::time::sleep(BETWEEN).await;
        limits::release(pid, "fsize");
    }
    assert!(site.news().borrow().signals.contains(&TOO_LARGE), "no frame was cut");
    site.kill_host();
    // Until the handler, which ends with its host, has closed the file.
    tokio::time::sleep(BETWEEN).await;
    for name in ["app.db-wal", "queues.db-wal"] {
        let path = site.data.join(name);
        let bytes = fs::read(&path).unwrap_or_default();
        let end = wal::end_of_commits(&bytes).expect("a killed process leaves its WAL");
        let mut file = File::options().write(true).open(&path).unwrap();
        // Only what was never committed goes.
        file.set_len(end as u64).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(&wal::half_a_frame(&bytes)).unwrap();
    }
    site.start();
}
