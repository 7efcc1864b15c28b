//! A browser (tests/console), as a child process that is told what to do and answers.

use super::skip;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Lines, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// It ends when its stdin closes, so it also ends where this process dies.
pub struct Browser {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Browser {
    /// `None`: it is missing, and the skip was reported.
    pub fn start() -> Option<Self> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let made = root.join("target/console-tests");
        if !made.join("done").exists() {
            skip::missing("browser to open the operators' page in");
            return None;
        }
        let mut child = Command::new("node")
            .arg(root.join("tests/console/browser.js"))
            .env("NODE_PATH", made.join("node_modules"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Some(Self { stdin: child.stdin.take(), child, lines })
    }

    /// Runs a command of tests/console/browser.js.
    #[track_caller]
    pub fn run(&mut self, command: &str, mut words: Value) -> Value {
        words["command"] = json!(command);
        writeln!(self.stdin.as_mut().unwrap(), "{words}").unwrap();
        let answer: Value = serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap();
        let page = answer["page"].as_str().unwrap_or_default();
        assert!(answer.get("error").is_none(), "{words}: {}\n{}\n{page}", answer["error"], answer["faults"]);
        answer["value"].clone()
    }

    #[track_caller]
    pub fn click(&mut self, name: &str) {
        self.run("click", json!({ "name": name }));
    }

    #[track_caller]
    pub fn follow(&mut self, name: &str) {
        self.run("click", json!({ "role": "link", "name": name }));
    }

    #[track_caller]
    pub fn fill(&mut self, label: &str, text: &str) {
        self.run("fill", json!({ "label": label, "text": text }));
    }

    #[track_caller]
    pub fn see(&mut self, text: &str) {
        self.run("see", json!({ "text": text }));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
