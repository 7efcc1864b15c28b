//! Keeps one handler process running, the way the Azure host does.

use super::{
    LocalError,
    events::{EventSink, Stream, What},
    web::{self, Client},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io,
    net::TcpListener,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, ChildStdin, Command},
    sync::{mpsc, watch},
    time::Instant,
};

/// The handler's process: program, arguments, folder and environment.
#[derive(Debug, Clone)]
pub struct HandlerCommand {
    /// The program, as a path that is valid in `root`.
    pub executable: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// The working folder: the one with host.json.
    pub root: PathBuf,
    /// The child's environment, apart from what the host adds and the few variables that any program needs.
    pub env: BTreeMap<String, String>,
}

/// Where the handler listens, while it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Up {
    pub(super) port: u16,
    pub(super) pid: u32,
}

/// What other parts may do with the child: learn its port, wait for it, have it killed.
#[derive(Clone)]
pub(super) struct ChildHandle {
    up: watch::Receiver<Option<Up>>,
    kill: mpsc::Sender<u32>,
}

impl ChildHandle {
    /// Waits until the handler answers; `None` when it does not within `limit`.
    pub(super) async fn ready(&self, limit: Duration) -> Option<Up> {
        let mut up = self.up.clone();
        let found = tokio::time::timeout(limit, up.wait_for(Option::is_some)).await;
        found.ok()?.ok().and_then(|up| *up)
    }

    /// Kills the process whose invocation exceeded its time, unless another process has replaced it.
    pub(super) async fn kill(&self, pid: u32) {
        let _ = self.kill.send(pid).await;
        self.noticed(pid).await;
    }

    /// To be awaited after a connection broke: most likely the process died, and its supervisor notices a moment later.
    /// A caller that continued at once would spend deliveries on a dead process.
    pub(super) async fn noticed(&self, pid: u32) {
        let mut up = self.up.clone();
        let gone = up.wait_for(|up| up.is_none_or(|up| up.pid != pid));
        let _ = tokio::time::timeout(NOTICED_WITHIN, gone).await;
    }
}

pub(super) struct Supervisor {
    command: HandlerCommand,
    events: EventSink,
    up: watch::Sender<Option<Up>>,
    kill: mpsc::Receiver<u32>,
    client: Client,
    /// Selected once and kept for every restart, as in Azure, until the host starts afresh.
    port: Option<u16>,
}

/// The Azure host's own numbers, from its sources and from runs of it.
const PROBE_EVERY: Duration = Duration::from_millis(25);
const READY_WITHIN: Duration = Duration::from_secs(30);
const EXITS_MAX: u32 = 3;
const EXITS_WITHIN: Duration = Duration::from_mins(30);
const EXIT_RESTART_UNCOUNTED: i32 = 200;
/// How long a broken connection may delay a caller when the handler is still alive; a dead one is noticed much sooner.
const NOTICED_WITHIN: Duration = Duration::from_millis(250);
/// How long a stopping host waits for a handler whose stdin ended.
const STOP_WITHIN: Duration = Duration::from_secs(3);
/// The platform needs a moment to start a host again. Without a pause a handler that cannot start would spin.
const AFRESH_AFTER: Duration = Duration::from_secs(1);
/// Longer lines of the handler are cut, so that memory is bounded.
const LINE_BYTES_MAX: u64 = 64 * 1024;

pub(super) fn supervise(command: HandlerCommand, events: EventSink) -> (Supervisor, ChildHandle) {
    let (up, seen) = watch::channel(None);
    let (killer, kill) = mpsc::channel(16);
    let supervisor = Supervisor { command, events, up, kill, client: web::client(), port: None };
    (supervisor, ChildHandle { up: seen, kill: killer })
}

impl Supervisor {
    /// Runs the handler, again and again, until `stop` is true; then ends it.
    ///
    /// # Errors
    /// The handler cannot be started, or it ended with code 0, after which Azure never starts it again.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), LocalError> {
        let mut exits = Exits::default();
        loop {
            let mut child = self.spawn()?;
            let (status, timed_out) = tokio::select! {
                ended = self.attend(&mut child) => ended,
                () = stopped(&mut stop) => {
                    end(&mut child).await;
                    return Ok(());
                }
            };
            self.up.send_replace(None);
            let code = status.and_then(|s| s.code());
            self.events.emit(What::HandlerExited { code, signal: status.and_then(signal) });
            // A kill after functionTimeout is the host's own doing.
            match if timed_out { Next::Restart } else { exits.judge(code, Instant::now()) } {
                Next::Restart => {}
                Next::NeverAgain => return Err(LocalError::ExitedZero),
                Next::Afresh => {
                    self.events.emit(What::HostStopped { exits: EXITS_MAX });
                    self.port = None;
                    tokio::select! {
                        () = tokio::time::sleep(AFRESH_AFTER) => {}
                        () = stopped(&mut stop) => return Ok(()),
                    }
                }
            }
        }
    }

    fn spawn(&mut self) -> Result<Started, LocalError> {
        let executable = self.command.executable.clone();
        let failed = |source| LocalError::Spawn { path: executable.clone(), source };
        let port = match self.port {
            Some(port) => port,
            // Should another program take it first, the handler's exits bring a new one.
            None => free_port().map_err(failed)?,
        };
        self.port = Some(port);
        let worker_id = uuid::Uuid::new_v4().to_string();
        let mut command = Command::new(&self.command.executable);
        command
            .args(&self.command.args)
            .current_dir(&self.command.root)
            .env_clear()
            .envs(basics())
            .envs(&self.command.env)
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
            .env("FUNCTIONS_HTTPWORKER_PORT", port.to_string())
            .env("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", &worker_id)
            .env("FUNCTIONS_HTTPWORKER_ID", &worker_id)
            .env("FUNCTIONS_APP_ROOT_PATH", &self.command.root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // Ctrl-C goes to the host alone, which then closes the pipe. A handler that exited 0 by itself would be an error.
        #[cfg(unix)]
        command.process_group(0);
        let mut process = command.spawn().map_err(failed)?;
        if let Some(out) = process.stdout.take() {
            tokio::spawn(pass_on(out, Stream::Stdout, self.events.clone()));
        }
        if let Some(err) = process.stderr.take() {
            tokio::spawn(pass_on(err, Stream::Stderr, self.events.clone()));
        }
        Ok(Started { port, pid: process.id().unwrap_or_default(), stdin: process.stdin.take(), process })
    }

    /// Waits for readiness, then for the end, and kills the process on request. True: it was killed on request.
    async fn attend(&mut self, child: &mut Started) -> (Option<ExitStatus>, bool) {
        let started = Instant::now();
        let ready = tokio::select! {
            status = child.process.wait() => return (status.ok(), false),
            ready = tokio::time::timeout(READY_WITHIN, answers(&self.client, child.port)) => ready,
        };
        if ready.is_ok() {
            let ready_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.events.emit(What::HandlerStarted { pid: child.pid, ready_ms });
            self.up.send_replace(Some(Up { port: child.port, pid: child.pid }));
        } else {
            self.events.note("the handler did not answer within 30 s and was killed");
            let _ = child.process.start_kill();
        }
        let mut timed_out = false;
        loop {
            tokio::select! {
                status = child.process.wait() => return (status.ok(), timed_out),
                Some(pid) = self.kill.recv() => if pid == child.pid {
                    timed_out = true;
                    // No request goes to a process that is about to die.
                    self.up.send_replace(None);
                    let _ = child.process.start_kill();
                },
            }
        }
    }
}

/// A port that nothing on 127.0.0.1 listens at, for a program that is yet to start. It is none of those that systems give
/// to connections of their own accord (from 32,768 on): they would take one in the meantime now and then.
///
/// # Errors
/// None of a hundred that were tried was free.
pub fn free_port() -> io::Result<u16> {
    let listens_at = |port| TcpListener::bind(("127.0.0.1", port)).map(|_| port);
    let tried = (1..100).find_map(|_| listens_at(fastrand::u16(20_000..32_000)).ok());
    tried.map_or_else(|| listens_at(fastrand::u16(20_000..32_000)), Ok)
}

/// Waits until `stop` is true or its sender is dropped.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

struct Started {
    port: u16,
    pid: u32,
    /// Kept here and not in `process`: `wait` would close it, and a closed stdin ends the handler.
    stdin: Option<ChildStdin>,
    process: Child,
}

/// Any HTTP answer counts, a 404 too.
async fn answers(client: &Client, port: u16) {
    let probe = || hyper::Request::get(format!("http://127.0.0.1:{port}/")).body(web::full(""));
    loop {
        if let Ok(request) = probe()
            && client.request(request).await.is_ok()
        {
            return;
        }
        tokio::time::sleep(PROBE_EVERY).await;
    }
}

async fn end(child: &mut Started) {
    drop(child.stdin.take());
    if tokio::time::timeout(STOP_WITHIN, child.process.wait()).await.is_err() {
        let _ = child.process.kill().await;
    }
}

async fn pass_on(source: impl AsyncRead + Unpin, stream: Stream, events: EventSink) {
    use tokio::io::AsyncReadExt;
    let mut reader = BufReader::new(source);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await {
            Ok(read) if read > 0 => {}
            Ok(_) | Err(_) => return,
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if !text.is_empty() {
            let object = serde_json::from_str(text).ok().filter(Value::is_object);
            events.emit(What::Log { stream, line: object.unwrap_or_else(|| Value::String(text.to_owned())) });
        }
    }
}

/// What a program needs to run at all; no settings. The local host's child sees none of the caller's variables, so
/// that a real bus's connection string in a shell never reaches a demo.
#[expect(clippy::disallowed_methods, reason = "these are the system's, not settings")]
fn basics() -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    let machine = ["PATH", "HOME", "TMPDIR", "TZ", "SystemRoot", "TEMP", "TMP", "USERPROFILE"];
    // The proxies of an office's network, and the certificates to trust.
    let upper = ["HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"];
    let lower = ["https_proxy", "all_proxy", "no_proxy"];
    machine.into_iter().chain(upper).chain(lower).filter_map(|name| std::env::var_os(name).map(|value| (name, value)))
}

#[derive(Default)]
struct Exits {
    counted: u32,
    last: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
enum Next {
    Restart,
    Afresh,
    NeverAgain,
}

impl Exits {
    /// `code` is `None` for a signal, which counts like any failure.
    fn judge(&mut self, code: Option<i32>, now: Instant) -> Next {
        match code {
            Some(0) => return Next::NeverAgain,
            Some(EXIT_RESTART_UNCOUNTED) => return Next::Restart,
            Some(_) | None => {}
        }
        let in_a_row = self.last.is_some_and(|last| now.duration_since(last) <= EXITS_WITHIN);
        self.counted = if in_a_row { self.counted + 1 } else { 1 };
        self.last = Some(now);
        if self.counted < EXITS_MAX {
            return Next::Restart;
        }
        *self = Self::default();
        Next::Afresh
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_exit_in_a_row_stops_the_host_and_counting_starts_again() {
        let (mut exits, now) = (Exits::default(), Instant::now());
        let all: Vec<_> = [Some(1), None, Some(101), Some(1)].into_iter().map(|code| exits.judge(code, now)).collect();
        assert_eq!(all, [Next::Restart, Next::Restart, Next::Afresh, Next::Restart]);
    }

    #[test]
    fn exits_half_an_hour_apart_are_not_in_a_row() {
        let (mut exits, now) = (Exits::default(), Instant::now());
        for nth in 0..9 {
            assert_eq!(exits.judge(Some(1), now + nth * (EXITS_WITHIN + Duration::from_secs(1))), Next::Restart);
        }
    }

    #[test]
    fn exit_200_does_not_count_and_exit_0_is_the_end() {
        let (mut exits, now) = (Exits::default(), Instant::now());
        for _ in 0..5 {
            assert_eq!(exits.judge(Some(200), now), Next::Restart);
        }
        assert_eq!(exits.judge(Some(0), now), Next::NeverAgain);
    }
}
