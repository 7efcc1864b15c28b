//! An operator's shell: the executable with settings of its own, a store, and perhaps a queue of the broker.

use super::{backend::memory, broker::Broker, host::executable};
use serde_json::Value;
use std::{
    path::Path,
    process::{Command, Output},
};

/// An environment of its own; the store is migrated unless a test changes that.
pub struct Office {
    folder: tempfile::TempDir,
    env: Vec<(String, String)>,
}

impl Office {
    pub fn new() -> Self {
        let folder = tempfile::tempdir_in(memory()).unwrap();
        let office = Self { folder, env: Vec::new() }.with("USER", "anna");
        let office = office.with("Store__Path", "app.db").with("Email__Folder", "mail");
        assert!(office.run(&["migrate"]).status.success());
        office
    }

    /// In a second terminal next to a local host that runs in this folder.
    pub fn beside(data: &Path) -> Self {
        let store = data.join("app.db").display().to_string();
        Self { folder: tempfile::tempdir_in(memory()).unwrap(), env: vec![("Store__Path".to_owned(), store)] }
            .with("USER", "anna")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs SQL on the store, as another program.
    pub fn sql(&self, sql: &str) {
        rusqlite::Connection::open(self.folder().join("app.db")).unwrap().execute_batch(sql).unwrap();
    }

    /// A setting; relative paths are inside the folder.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let inside = ["Store__Path", "Email__Folder"].contains(&name);
        let value = if inside { self.folder.path().join(value).display().to_string() } else { value.to_owned() };
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value));
        self
    }

    /// Mails go through a queue of the broker, over the given transport.
    pub fn on(self, broker: &Broker, door: &str, queue: &str) -> Self {
        self.with("ServiceBusConnection", &broker.connection(door))
            .with("ServiceBus__Transport", door)
            .with("EmailQueueName", queue)
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(executable());
        command.args(words).env_clear().envs(self.env.iter().cloned());
        command
    }

    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    pub fn json(&self, words: &[&str]) -> Value {
        let output = self.run(&[words, &["--json"]].concat());
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// One text from the store.
    pub fn value(&self, sql: &str) -> String {
        let store = rusqlite::Connection::open(self.folder().join("app.db")).unwrap();
        store.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Exit code, and the findings of one level: `about: what → todo`.
    pub fn findings(&self, level: &str) -> (Option<i32>, Vec<String>) {
        let output = self.run(&["doctor", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(report["fine"], output.status.success());
        let of_level = report["findings"].as_array().unwrap().iter().filter(|one| one["level"] == level);
        let text = |one: &Value, field: &str| one[field].as_str().unwrap_or_default().to_owned();
        let reported =
            of_level.map(|one| format!("{}: {} → {}", text(one, "about"), text(one, "what"), text(one, "todo")));
        (output.status.code(), reported.collect())
    }
}

/// Asserts that one of the findings holds all the words.
#[track_caller]
pub fn assert_reports(found: &[String], words: &[&str]) {
    assert!(found.iter().any(|one| words.iter().all(|word| one.contains(word))), "{words:?} in {found:#?}");
}
