//! A full disk: a small file system of memory that is filled to the last block, and space again.

use super::site::Site;
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// Unmounted when dropped.
pub struct SmallDisk(PathBuf);

/// Far more than a round writes.
const SIZE: &str = "size=128m";
const FULL_FOR: Duration = Duration::from_millis(1_500);

impl SmallDisk {
    /// `Err`: file systems cannot be mounted here.
    pub fn mount(at: &Path) -> Result<Self, String> {
        fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(at).stderr(Stdio::null());
        match mount.status() {
            Ok(status) if status.success() => Ok(Self(at.to_owned())),
            _ => Err("a small disk cannot be mounted: root only".to_owned()),
        }
    }

    /// Full for a while, in which the handler dies too.
    pub async fn fill(&self, site: &Site) {
        let ballast = self.0.join("ballast");
        let mut file = File::create(&ballast).unwrap();
        // Smaller and smaller, until not one byte more fits.
        for size in [1 << 20, 4096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        tokio::time::sleep(FULL_FOR).await;
        site.kill_handler().await;
        tokio::time::sleep(FULL_FOR).await;
        fs::remove_file(&ballast).unwrap();
        site.up().await;
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that still ends may have files open.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}
