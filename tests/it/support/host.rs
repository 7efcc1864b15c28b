//! The real executable as a process: `client-organizer local`, its JSON event lines read with a deadline.

use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    time::{Duration, Instant},
};

/// Only a failing test waits this long.
pub const DEADLINE: Duration = Duration::from_secs(40);

/// Short leases and frequent timers: what a crash leaves behind is taken up within seconds. Not so short that a lease
/// runs out on a busy machine without a crash.
pub const QUICK: [(&str, &str); 8] = [
    ("OutboxSchedule", "* * * * * *"),
    ("RetryEmailSchedule", "* * * * * *"),
    ("Outbox__LeaseMs", "4000"),
    ("Outbox__HeadroomMs", "500"),
    ("Bus__TimeoutMs", "3000"),
    ("Email__LeaseMs", "5000"),
    ("Email__RetryBaseMs", "100"),
    ("Log__Level", "info"),
];

pub struct Host {
    child: Child,
    lines: Receiver<Value>,
    /// Every event so far, printed where a test fails.
    pub seen: Vec<Value>,
    pub port: u16,
    pub queue_port: u16,
    pub handler_pid: u32,
    pub data: PathBuf,
}

pub fn executable() -> &'static str {
    env!("CARGO_BIN_EXE_client-organizer")
}

impl Host {
    /// Starts a host on a free port and waits until its handler is up.
    pub fn start(data: &Path, env: &[(&str, &str)], arguments: &[&str]) -> Self {
        Self::start_in(Path::new(env!("CARGO_MANIFEST_DIR")), Path::new(executable()), data, env, arguments)
    }

    pub fn start_in(root: &Path, executable: &Path, data: &Path, env: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut child = Command::new(executable)
            .args(["local", "--json", "--port", "0", "--root"])
            .arg(root)
            .arg("--data")
            .arg(data)
            .args(arguments)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or_else(|e| panic!("not a JSON line ({e}): {line}"));
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        let data = data.to_path_buf();
        let mut host = Self { child, lines, seen: Vec::new(), port: 0, queue_port: 0, handler_pid: 0, data };
        let mut listening = None;
        while listening.is_none() || host.handler_pid == 0 {
            let event = host.wait_for("listening and handler-started", |e| {
                matches!(e["event"].as_str(), Some("listening" | "handler-started"))
            });
            if event["event"] == "listening" {
                listening = Some(());
                host.port = port(&event["port"]);
                host.queue_port = port(&event["queuePort"]);
            } else {
                host.handler_pid = u32::try_from(event["pid"].as_u64().unwrap()).unwrap();
            }
        }
        host
    }

    /// The next event that fits; panics with all events where none comes.
    pub fn wait_for(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + DEADLINE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(event) => {
                    self.seen.push(event.clone());
                    if fits(&event) {
                        return event;
                    }
                }
                Err(why) => {
                    let seen: Vec<String> = self.seen.iter().map(Value::to_string).collect();
                    panic!("no event '{what}' ({why}); seen:\n{}", seen.join("\n"));
                }
            }
        }
    }

    /// The handler that took over from a killed one.
    pub fn wait_for_new_handler(&mut self) {
        let started = self.wait_for("a new handler", |e| e["event"] == "handler-started");
        self.handler_pid = u32::try_from(started["pid"].as_u64().unwrap()).unwrap();
    }

    /// Waits until the handler reports that it stands at the failpoint.
    pub fn wait_for_failpoint(&mut self, name: &str) {
        self.wait_for(name, |e| e["event"] == "log" && e["line"]["point"] == name);
    }

    pub fn kill_handler(&self) {
        kill(self.handler_pid);
    }

    /// kill -9.
    pub fn kill(mut self) {
        kill(self.child.id());
        self.child.wait().unwrap();
    }

    /// The `.eml` files by their MessageId.
    pub fn mails(&self) -> BTreeMap<String, usize> {
        mails(&self.data)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            // SIGTERM, so that it ends its handler first.
            let _ = Command::new("kill").arg(self.child.id().to_string()).status();
            let _ = self.child.wait();
        }
    }
}

fn port(value: &Value) -> u16 {
    u16::try_from(value.as_u64().unwrap()).unwrap()
}

pub fn kill(pid: u32) {
    let status = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(status.success(), "kill -9 {pid}");
}

/// Whether the process runs and is not a zombie.
pub fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

pub fn mails(data: &Path) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(data.join("mail")).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "eml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let line = text.lines().find(|l| l.to_ascii_lowercase().starts_with("message-id:")).unwrap();
            let id = line.split(['<', '@']).nth(1).unwrap().to_owned();
            *found.entry(id).or_insert(0) += 1;
        }
    }
    found
}
