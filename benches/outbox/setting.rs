//! Where the parts of the bench take place: a folder on the disk, the broker, and how much is measured.

use crate::{Arguments, report::Report, support::broker::Broker};
use std::path::{Path, PathBuf};

pub struct Setting {
    pub quick: bool,
    pub sql: Option<String>,
    pub broker: Broker,
    pub report: Report,
    /// On the disk of the checkout: in memory a commit would cost nothing.
    folder: tempfile::TempDir,
}

/// Figures and plots.
pub fn results() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench")
}

impl Setting {
    /// `None`: the broker's programs are missing, and that was reported.
    pub fn prepare(arguments: &Arguments) -> Option<Self> {
        std::fs::create_dir_all(results()).unwrap();
        let folder = tempfile::tempdir_in(results()).unwrap();
        let report = Report::begin(folder.path(), arguments.quick);
        Some(Self { quick: arguments.quick, sql: arguments.sql.clone(), broker: Broker::start()?, report, folder })
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Measured rounds; one more comes before them as warm-up.
    pub fn rounds(&self) -> usize {
        if self.quick { 2 } else { 5 }
    }

    pub fn rows(&self, full: u32) -> u32 {
        if self.quick { full / 5 } else { full }
    }
}
