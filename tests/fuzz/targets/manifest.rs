//! host.json, a function.json and the value of a setting, between NUL bytes, as the local host reads them.

use super::parts;
use client_organizer::local::{Manifest, Trigger};
use std::{collections::BTreeMap, fs, path::Path, time::Duration};
use tempfile::TempDir;

thread_local! {
    static FOLDER: TempDir = tempfile::tempdir_in(if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" }).unwrap();
}

pub(super) fn run(input: &[u8]) {
    let [host, function, setting] = parts(input);
    let settings = BTreeMap::from([("Setting".to_owned(), String::from_utf8_lossy(setting).into_owned())]);
    FOLDER.with(|folder| {
        let (root, inside) = (folder.path(), folder.path().join("Tick"));
        fs::create_dir_all(&inside).unwrap();
        fs::write(root.join("host.json"), host).unwrap();
        fs::write(inside.join("function.json"), function).unwrap();
        match Manifest::read(root, &settings) {
            Ok(manifest) => check(&manifest),
            Err(why) => {
                let why = why.to_string();
                assert!(why.contains("host.json") || why.contains("function.json"), "{why}");
            }
        }
    });
}

fn check(manifest: &Manifest) {
    assert!((1..=64).contains(&manifest.receivers_max));
    assert!(manifest.function_timeout < Duration::from_hours(24));
    let [function] = manifest.functions.as_slice() else { panic!("{manifest:?}") };
    assert_eq!(function.name, "Tick");
    if let Trigger::Http { methods, .. } = &function.trigger {
        assert!(methods.iter().all(|method| method.chars().all(|c| !c.is_ascii_lowercase())));
    }
}
