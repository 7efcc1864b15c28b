//! Dispatchers as processes of their own, and the totals of what they report.

use super::host::executable;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread::JoinHandle,
};

pub struct Worker {
    child: Child,
    totals: Option<JoinHandle<Totals>>,
}

/// It does not outlive a failed test.
impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The sums over the reports of a worker's runs.
#[derive(Debug, Default)]
pub struct Totals {
    pub claimed: u64,
    pub sent: u64,
    pub lost_leases: u64,
    pub dead: u64,
    pub longest_publish_ms: u64,
    /// Retried or released, so that they are sent once more: the bus did not answer in time, so the outcome is unknown.
    pub put_back: u64,
    /// Store errors, and all logged warnings and errors.
    pub troubles: Vec<String>,
}

fn command(settings: &[(&'static str, String)]) -> Command {
    let mut command = Command::new(executable());
    command.envs(settings.iter().map(|(name, value)| (*name, value.as_str())));
    command
}

impl Worker {
    pub fn start(settings: &[(&'static str, String)]) -> Self {
        let mut child = command(settings)
            .args(["dispatch", "--every-ms", "100"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let totals =
            std::thread::spawn(move || output.lines().map_while(Result::ok).fold(Totals::default(), Totals::and));
        Self { child, totals: Some(totals) }
    }

    /// One complete run.
    pub fn once(settings: &[(&'static str, String)]) -> Totals {
        let output = command(settings).args(["dispatch", "--once"]).stdin(Stdio::null()).output().unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).fold(Totals::default(), Totals::and)
    }

    /// Stops it as a supervisor does: it settles its leased rows and exits with 0.
    pub fn stop(self) -> Totals {
        self.signal("-TERM");
        self.end(|status| assert!(status.success(), "a dispatcher ended with {status}"))
    }

    /// Kills it, as a crash does.
    pub fn kill(self) -> Totals {
        self.signal("-KILL");
        self.end(|_| ())
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    fn end(mut self, judge: impl Fn(std::process::ExitStatus)) -> Totals {
        judge(self.child.wait().unwrap());
        self.totals.take().unwrap().join().unwrap()
    }
}

impl Totals {
    fn and(mut self, line: String) -> Self {
        let Ok(event) = serde_json::from_str::<Value>(&line) else {
            self.troubles.push(line);
            return self;
        };
        if event["level"] != "INFO" {
            self.troubles.push(line);
            return self;
        }
        if let Some(report) = event["report"].as_str() {
            let report: Value = serde_json::from_str(report).unwrap();
            let number = |name: &str| report[name].as_u64().unwrap();
            self.claimed += number("claimed");
            self.sent += number("sent");
            self.lost_leases += number("lostLeases");
            self.dead += number("dead");
            self.longest_publish_ms = self.longest_publish_ms.max(number("longestPublishMs"));
            self.put_back += number("retried") + number("released");
            if let Some(error) = report["storeError"].as_str() {
                self.troubles.push(error.to_owned());
            }
        }
        self
    }

    pub fn add(&mut self, other: Self) {
        self.claimed += other.claimed;
        self.sent += other.sent;
        self.lost_leases += other.lost_leases;
        self.dead += other.dead;
        self.longest_publish_ms = self.longest_publish_ms.max(other.longest_publish_ms);
        self.put_back += other.put_back;
        self.troubles.extend(other.troubles);
    }
}
