//! The clock of host and handler is set back an hour under way (libfaketime), and put right again.

use super::{
    callers::{Ledger, Storm},
    reckoning::Reckoning,
    site::Site,
};
use chrono::{DateTime, Utc};
use client_organizer::{adapters::clock::SystemClock, ports::clock::Clock as _};
use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::Duration,
};

pub struct Clock {
    offset: PathBuf,
}

const WRITES_FOR: Duration = Duration::from_secs(1);
/// Two timers run every second.
const TIMERS_WITHIN: Duration = Duration::from_secs(20);

impl Clock {
    /// Lets a site's processes take their time from a file. `Err`: libfaketime is not installed.
    pub fn of(site: &mut Site, folder: &Path) -> Result<Self, String> {
        let places = ["/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime", "/usr/lib/faketime"];
        let library = places.iter().map(|place| Path::new(place).join("libfaketimeMT.so.1")).find(|path| path.exists());
        let library = library.ok_or("libfaketime is not installed (the Debian package faketime)")?;
        let clock = Self { offset: folder.join("offset") };
        clock.set("+0");
        let variables = [
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", clock.offset.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
            // It would stay behind after a kill.
            ("FAKETIME_DISABLE_SHM", "1".to_owned()),
        ];
        // The host gives its handler none of its own variables: a staged folder's program is this script.
        let root = folder.join("root");
        fs::create_dir_all(&root).unwrap();
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
        for name in ["host.json", "functions"] {
            symlink(checkout.join(name), root.join(name)).unwrap();
        }
        let exports: Vec<_> = variables.iter().map(|(name, value)| format!("export {name}='{value}'")).collect();
        let program = crate::support::host::executable();
        let script = format!("#!/bin/sh\n{}\nexec '{program}' \"$@\"\n", exports.join("\n"));
        let handler = root.join("handler");
        fs::write(&handler, script).unwrap();
        fs::set_permissions(&handler, Permissions::from_mode(0o755)).unwrap();
        site.root = root;
        for (name, value) in variables {
            site.set(name, &value);
        }
        Ok(clock)
    }

    fn set(&self, offset: &str) {
        let draft = self.offset.with_extension("draft");
        fs::write(&draft, offset).unwrap();
        // At once: a process never reads half of it.
        fs::rename(&draft, &self.offset).unwrap();
    }

    /// An hour back, while the handler dies too: what is written from then on is mailed without waiting for that hour.
    /// What was leased when it died waits for it.
    pub async fn set_back(&self, site: &Site, seed: u64) -> Ledger {
        site.kill_handler().await;
        self.set("-3600");
        site.up().await;
        let overview = Reckoning::of(site).get("/api/ops/overview").await.expect("it answers");
        let database: DateTime<Utc> = overview["at"].as_str().unwrap().parse().unwrap();
        let behind = SystemClock.now() - database;
        // A server has its own clock.
        let expected = if site.is_sql { 0 } else { 60 };
        assert!((behind.num_minutes() - expected).abs() <= 1, "the database's clock is {behind} behind");
        let storm = Storm::begin(&site.news(), 100, 2, seed, Duration::from_millis(5)).await;
        tokio::time::sleep(WRITES_FOR).await;
        let ledger = storm.end().await;
        Reckoning::of(site).mailed(&ledger.messages).await;
        let mut news = site.news();
        let before = news.borrow().timer_runs;
        let runs = tokio::time::timeout(TIMERS_WITHIN, news.wait_for(|news| news.timer_runs >= before + 4));
        runs.await.expect("the timers stand still").unwrap();
        self.set("+0");
        ledger
    }
}
