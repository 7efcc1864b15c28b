//! A browser (tests/console), as a child process that is told what to do and answers: one for all tests.

use super::skip;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex, OnceLock,
        mpsc::{self, Receiver, Sender},
    },
};

/// Starting it takes longer than most of what a test does in it. It ends when its stdin closes, so with this process.
struct Shared {
    stdin: Mutex<ChildStdin>,
    sessions: Arc<Mutex<BTreeMap<String, Sender<Value>>>>,
}

static SHARED: OnceLock<Option<Shared>> = OnceLock::new();

/// A person's session: no other one's pages or stored keys are seen in it.
pub struct Browser {
    shared: &'static Shared,
    session: String,
    answers: Receiver<Value>,
}

impl Shared {
    fn start() -> Option<Self> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let made = root.join("target/console-tests");
        if !made.join("done").exists() {
            return None;
        }
        #[allow(clippy::zombie_processes, reason = "it lasts as long as this process")]
        let mut child = Command::new("node")
            .arg(root.join("tests/console/browser.js"))
            .env("NODE_PATH", made.join("node_modules"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let sessions = Arc::<Mutex<BTreeMap<String, Sender<Value>>>>::default();
        let asking = sessions.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let answer: Value = serde_json::from_str(&line).unwrap();
                if let Some(session) = asking.lock().unwrap().get(answer["session"].as_str().unwrap()) {
                    // Its test may have failed meanwhile.
                    let _ = session.send(answer);
                }
            }
            // It died: who waits for an answer is not left waiting.
            asking.lock().unwrap().clear();
        });
        Some(Self { stdin: Mutex::new(child.stdin.take().unwrap()), sessions })
    }

    fn write(&self, session: &str, command: &str, mut words: Value) -> std::io::Result<Value> {
        words["session"] = json!(session);
        words["command"] = json!(command);
        writeln!(self.stdin.lock().unwrap(), "{words}")?;
        Ok(words)
    }
}

impl Browser {
    /// `None`: it is missing, and the skip was reported.
    pub fn start() -> Option<Self> {
        let Some(shared) = SHARED.get_or_init(Shared::start) else {
            // Each test that comes here counts as skipped.
            skip::missing("browser to open the operators' page in");
            return None;
        };
        let session = uuid::Uuid::new_v4().to_string();
        let (sender, answers) = mpsc::channel();
        shared.sessions.lock().unwrap().insert(session.clone(), sender);
        Some(Self { shared, session, answers })
    }

    /// Runs a command of tests/console/browser.js.
    #[track_caller]
    pub fn run(&mut self, command: &str, words: Value) -> Value {
        let words = self.shared.write(&self.session, command, words).unwrap();
        // An error: the browser died.
        let answer = self.answers.recv().unwrap();
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
        // If it died, the test said so.
        let _ = self.shared.write(&self.session, "close", json!({}));
        self.shared.sessions.lock().unwrap().remove(&self.session);
    }
}
