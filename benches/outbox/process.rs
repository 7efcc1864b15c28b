//! The program as processes: the handler, a dispatcher; and what the kernel reports of them.

use crate::support::{edge::OF_THE_HOST, host::executable, http_client};
use hyper::Method;
use std::{
    collections::BTreeMap,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Where nobody listens, for parts in which nothing is sent.
pub const NOBODY: &str =
    "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=k;SharedAccessKey=a2V5;UseDevelopmentEmulator=true";

/// A process that ends with this value.
pub struct Process {
    child: Child,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Settings by name.
pub type Settings = Vec<(&'static str, String)>;

/// On this store and this bus; a run of `dispatch` lasts as long as it needs.
pub fn settings(store: &Path, bus: &str) -> Settings {
    vec![
        ("Store__Path", store.display().to_string()),
        ("ServiceBusConnection", bus.to_owned()),
        ("Outbox__RunMs", "239000".to_owned()),
    ]
}

impl Process {
    /// Nobody reads what it writes.
    pub fn start(words: &[&str], settings: &Settings) -> Self {
        let mut command = Command::new(executable());
        command.args(words).envs(settings.iter().map(|(name, value)| (*name, value.as_str())));
        Self { child: command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends, which must be well; returns the most memory that it had, in MB.
    pub async fn end(mut self) -> f64 {
        let (pid, over) = (self.pid(), Arc::new(AtomicBool::new(false)));
        let ended = over.clone();
        let most = std::thread::spawn(move || {
            let mut most: f64 = 0.0;
            while !ended.load(Ordering::Relaxed) {
                most = most.max(memory_mb(pid, "VmHWM"));
                std::thread::sleep(Duration::from_millis(5));
            }
            most
        });
        let (status, process) = tokio::task::spawn_blocking(move || (self.child.wait(), self)).await.unwrap();
        over.store(true, Ordering::Relaxed);
        drop(process);
        assert!(status.unwrap().success());
        most.join().unwrap()
    }
}

/// `serve`, as the Functions host starts it.
pub struct Handler {
    pub process: Process,
    pub port: u16,
    /// Until the first answer.
    pub ready: Duration,
}

impl Handler {
    pub async fn start(folder: &Path, settings: &Settings) -> Self {
        let port = client_organizer::local::free_port().unwrap();
        let mut settings = settings.clone();
        settings.push(("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string()));
        settings.push(("Email__Folder", folder.join("mail").display().to_string()));
        let began = Instant::now();
        let process = Process::start(&["serve"], &settings);
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "the handler never answered");
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        http_client::get(port, "/api/health").await;
        Self { process, port, ready: began.elapsed() }
    }

    /// As a supervisor does: it settles what it has claimed.
    pub async fn stop(self) {
        let status = Command::new("kill").arg(self.process.pid().to_string()).status().unwrap();
        assert!(status.success());
        self.process.end().await;
    }

    /// As the host's timer does.
    pub async fn invoke(&self, function: &str) {
        invoke(self.port, function).await;
    }
}

pub async fn invoke(port: u16, function: &str) {
    let answer = http_client::send(port, Method::POST, &format!("/{function}"), &OF_THE_HOST, "{}").await;
    assert_eq!(answer.status, 200, "{function}: {:?}", answer.body);
}

/// Runs the program to its end.
pub fn run(words: &[&str], settings: &Settings) {
    let mut command = Command::new(executable());
    command.args(words).envs(settings.iter().map(|(name, value)| (*name, value.as_str())));
    assert!(command.stdout(Stdio::null()).status().unwrap().success(), "{words:?}");
}

/// `VmRSS`: now; `VmHWM`: the most so far. In MB; 0 where the process has ended.
pub fn memory_mb(pid: u32, name: &str) -> f64 {
    number(&read(&format!("/proc/{pid}/status")), name) / 1024.0
}

/// What a process has used so far.
#[derive(Clone, Copy)]
pub struct Used {
    pub cpu_s: f64,
    pub writes: f64,
    pub reads: f64,
    pub written_kb: f64,
    pub switches: f64,
}

pub fn used(pid: u32) -> Used {
    let io = read(&format!("/proc/{pid}/io"));
    let switches = threads(pid).map(|thread| number(&read(&format!("{thread}/status")), "voluntary_ctxt_switches"));
    // After the name, which may hold spaces: fields 14 and 15 are user and system time in ticks of 10 ms.
    let stat = read(&format!("/proc/{pid}/stat"));
    let ticks = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    Used {
        cpu_s: ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0,
        writes: number(&io, "syscw"),
        reads: number(&io, "syscr"),
        written_kb: number(&io, "wchar") / 1024.0,
        switches: switches.sum(),
    }
}

impl Used {
    /// Since then, for each of `count`.
    pub fn since(self, before: Self, count: f64) -> Self {
        Self {
            cpu_s: (self.cpu_s - before.cpu_s) / count,
            writes: (self.writes - before.writes) / count,
            reads: (self.reads - before.reads) / count,
            written_kb: (self.written_kb - before.written_kb) / count,
            switches: (self.switches - before.switches) / count,
        }
    }
}

/// Seconds of CPU by thread, exact to the microsecond: for a process that does almost nothing. Asked often enough, it
/// misses no thread.
pub fn add_cpu_by_thread(pid: u32, known: &mut BTreeMap<String, f64>) {
    for thread in threads(pid) {
        let nanoseconds = read(&format!("{thread}/schedstat"));
        let spent = nanoseconds.split(' ').next().and_then(|text| text.parse::<f64>().ok());
        if let Some(spent) = spent {
            known.insert(thread, spent / 1e9);
        }
    }
}

fn threads(pid: u32) -> impl Iterator<Item = String> {
    let listed = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    listed.filter_map(|thread| Some(thread.ok()?.path().display().to_string()))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The number after `name:`.
fn number(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
}
