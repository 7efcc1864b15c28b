//! Memory and open files of processes over time, and whether they stay flat.

use std::{
    fmt::Write,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

const EVERY: Duration = Duration::from_secs(1);
/// The last quarter's median may be so much above the second quarter's: caches fill at first, and a leak grows on.
const GROWTH_PERCENT: u64 = 15;
const GROWTH_KB: u64 = 3_000;
const FILES_MORE: u64 = 16;

/// One process at one time.
#[derive(Clone, Copy)]
struct Sample {
    kb: u64,
    files: u64,
}

pub struct Usage {
    stop: Arc<AtomicBool>,
    watching: JoinHandle<Vec<(u32, Vec<Sample>)>>,
}

impl Usage {
    pub fn watch(pids: &[u32]) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let (over, mut all) = (stop.clone(), pids.iter().map(|pid| (*pid, Vec::new())).collect::<Vec<_>>());
        let watching = std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                for (pid, samples) in &mut all {
                    samples.push(sample(*pid));
                }
                std::thread::sleep(EVERY);
            }
            all
        });
        Self { stop, watching }
    }

    /// Asserts that nothing grew, and returns the figures.
    pub fn end(self) -> String {
        self.stop.store(true, Ordering::Relaxed);
        let mut text = String::new();
        for ((_, samples), name) in self.watching.join().unwrap().into_iter().zip(["local host", "handler"]) {
            let quarter = samples.len() / 4;
            let (early, late) = (&samples[quarter..2 * quarter], &samples[3 * quarter..]);
            let (kb, files) = (|sample: &Sample| sample.kb, |sample: &Sample| sample.files);
            let (from, to) = (median(early, kb), median(late, kb));
            let (files_from, files_to) = (median(early, files), median(late, files));
            let most = |of: fn(&Sample) -> u64| samples.iter().map(of).max().unwrap_or_default();
            let (kb_most, files_most) = (most(|sample| sample.kb), most(|sample| sample.files));
            let _ = write!(
                text,
                "{name}: {from} KB in the second quarter, {to} KB in the last, {kb_most} KB at most; {files_from} open files, {files_to}, {files_most} at most. "
            );
            let bound = from + from * GROWTH_PERCENT / 100 + GROWTH_KB;
            assert!(to <= bound, "{text}: memory grows");
            assert!(files_to <= files_from + FILES_MORE, "{text}: open files grow");
        }
        text
    }
}

fn median(samples: &[Sample], of: fn(&Sample) -> u64) -> u64 {
    let mut all: Vec<_> = samples.iter().map(of).collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

fn sample(pid: u32) -> Sample {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    let kb = line.trim().trim_end_matches(" kB").parse().unwrap();
    let files = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |files| files.count() as u64);
    Sample { kb, files }
}
