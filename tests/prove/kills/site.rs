//! A local host with its handler as real processes, which are killed and started again on the same data.

use crate::support::host::executable;
use serde_json::Value;
use std::{
    collections::VecDeque,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::watch;

/// How long a host and its handler may take to be up, on a busy machine and after the handler of a killed host.
const UP_WITHIN: Duration = Duration::from_mins(1);
/// The last lines that a failing round prints.
const LINES_MAX: usize = 60;

/// What the host's events say.
#[derive(Default)]
pub struct News {
    /// Where the host listens; None while there is none.
    pub port: Option<u16>,
    /// The handler's process, once it answers.
    pub handler: Option<u32>,
    /// Runs of timer functions that ended well.
    pub timer_runs: u64,
    /// The signals that ended handlers.
    pub signals: Vec<i64>,
    /// The ids of messages that the queue set aside.
    pub dead_lettered: Vec<String>,
    /// What the host could not do, and the handler's warnings and errors.
    lines: VecDeque<String>,
}

impl News {
    fn note(&mut self, event: &Value) {
        match event["event"].as_str() {
            Some("listening") => self.port = event["port"].as_u64().and_then(|port| port.try_into().ok()),
            Some("handler-started") => self.handler = event["pid"].as_u64().and_then(|pid| pid.try_into().ok()),
            Some("handler-exited") => {
                self.handler = None;
                self.signals.extend(event["signal"].as_i64());
            }
            Some("invocation") if event["messageId"].is_null() && event["ok"] == true => self.timer_runs += 1,
            Some("dead-lettered") => self.dead_lettered.push(event["messageId"].as_str().unwrap().to_owned()),
            _ => {}
        }
        let said = matches!(event["event"].as_str(), Some("note" | "handler-exited" | "dead-lettered"));
        let warned = event["event"] == "log" && event["line"]["level"] != "INFO";
        if said || warned || event["ok"] == false {
            self.lines.truncate(LINES_MAX - 1);
            self.lines.push_front(event.to_string());
        }
    }
}

pub struct Site {
    pub data: PathBuf,
    /// The folder with host.json.
    pub root: PathBuf,
    /// Of its next start.
    pub program: PathBuf,
    /// Whether its store is a SQL Server.
    pub is_sql: bool,
    settings: Vec<(&'static str, String)>,
    arguments: Vec<String>,
    host: Option<Running>,
    news: Arc<watch::Sender<News>>,
}

struct Running {
    child: Child,
    reader: Option<JoinHandle<()>>,
}

impl Site {
    pub fn new(data: PathBuf, settings: Vec<(&'static str, String)>, sql: Option<String>) -> Self {
        let root = env!("CARGO_MANIFEST_DIR").into();
        let mut site = Self {
            data,
            root,
            program: executable().into(),
            is_sql: sql.is_some(),
            settings,
            arguments: Vec::new(),
            host: None,
            news: Arc::default(),
        };
        if let Some(sql) = sql {
            site.argue("--sql", &sql);
        }
        site
    }

    /// A setting of its next start.
    pub fn set(&mut self, name: &'static str, value: &str) {
        self.settings.push((name, value.to_owned()));
    }

    /// An argument of its next start.
    pub fn argue(&mut self, name: &str, value: &str) {
        self.arguments.extend([name.to_owned(), value.to_owned()]);
    }

    pub fn news(&self) -> watch::Receiver<News> {
        self.news.subscribe()
    }

    fn arm(&self, command: &mut Command, data: &Path) {
        command
            .args(["local", "--json", "--port", "0", "--root"])
            .arg(&self.root)
            .arg("--data")
            .arg(data)
            .args(&self.arguments)
            .envs(self.settings.iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(Stdio::null());
    }

    /// Starts the host; its handler follows.
    pub fn start(&mut self) {
        let mut command = Command::new(&self.program);
        self.arm(&mut command, &self.data);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (output, news) = (BufReader::new(child.stdout.take().unwrap()), self.news.clone());
        let reader = std::thread::spawn(move || {
            // The last line of a killed host may be cut.
            for event in output.lines().map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok()) {
                news.send_modify(|news| news.note(&event));
            }
            news.send_modify(|news| (news.port, news.handler) = (None, None));
        });
        self.host = Some(Running { child, reader: Some(reader) });
    }

    /// How a second host on this folder ends, by itself.
    pub fn second(&self, data: &Path) -> Output {
        let mut command = Command::new("timeout");
        self.arm(command.args(["30", executable()]), data);
        command.output().unwrap()
    }

    /// Waits until host and handler answer; returns the handler's process.
    pub async fn up(&self) -> u32 {
        let mut news = self.news();
        let up = tokio::time::timeout(UP_WITHIN, news.wait_for(|news| news.port.is_some() && news.handler.is_some()));
        up.await.expect("host and handler do not get up").unwrap().handler.unwrap()
    }

    pub fn port(&self) -> u16 {
        self.news.borrow().port.expect("the host does not listen")
    }

    /// kill -9 of the handler; the host starts another.
    pub async fn kill_handler(&self) {
        let pid = self.up().await;
        // It may have died by itself, as it does where it runs out of memory.
        drop(Command::new("kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status());
        let gone = self.news().wait_for(|news| news.handler != Some(pid)).await.map(drop);
        gone.unwrap();
    }

    /// kill -9 of the host; its handler ends with it.
    pub fn kill_host(&mut self) {
        if let Some(mut host) = self.host.take() {
            host.child.kill().unwrap();
            host.end();
        }
    }

    /// Ends the host as Ctrl-C does: what is under way is finished.
    pub fn stop(&mut self) {
        if let Some(mut host) = self.host.take() {
            drop(Command::new("kill").arg(host.child.id().to_string()).status());
            host.end();
        }
    }

    pub fn host(&self) -> u32 {
        self.host.as_ref().expect("the host runs").child.id()
    }
}

impl Running {
    fn end(&mut self) {
        let _ = self.child.wait();
        // The handler of a killed host writes its last lines to nobody: the pipe is the host's.
        let _ = self.reader.take().map(JoinHandle::join);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let news = self.news.borrow();
            eprintln!("set aside: {:?}; the last lines:", news.dead_lettered);
            news.lines.iter().rev().for_each(|line| eprintln!("{line}"));
        }
        self.kill_host();
    }
}
