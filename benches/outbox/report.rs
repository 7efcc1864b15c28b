//! What was measured, as lines while it runs and as `target/bench/outbox.json` in the end.

use crate::{rounds::Rounds, setting::results};
use serde_json::{Value, json};
use std::{fs::File, io::Write, path::Path, process::Command, time::Instant};

/// Figures by `part.name`.
pub struct Report {
    figures: Value,
    began: Instant,
}

impl Report {
    pub fn begin(folder: &Path, quick: bool) -> Self {
        let machine = machine(folder);
        println!("{machine:#}");
        let figures = json!({"machine": machine, "commit": commit(), "quick": quick, "spread": {}});
        Self { figures, began: Instant::now() }
    }

    /// A single figure.
    pub fn set(&mut self, name: &str, value: f64) {
        println!("  {name:<36} {:>12}", shown(value));
        self.put(name, json!(rounded(value)));
    }

    /// The median as the figure, and the spread beside it.
    pub fn median(&mut self, name: &str, rounds: &Rounds) {
        let (least, most) = (rounds.least(), rounds.most());
        let of = rounds.count();
        println!("  {name:<36} {:>12}   {} to {} in {of} rounds", shown(rounds.median()), shown(least), shown(most));
        self.put(name, json!(rounded(rounds.median())));
        self.figures["spread"][name] = json!({"least": rounded(least), "most": rounded(most), "rounds": of});
    }

    fn put(&mut self, name: &str, value: Value) {
        let (part, name) = name.split_once('.').unwrap();
        self.figures[part][name] = value;
    }

    /// None: that part did not run.
    pub fn get(&self, name: &str) -> Option<f64> {
        let (part, name) = name.split_once('.')?;
        self.figures[part][name].as_f64()
    }

    /// The least and the most of its rounds.
    pub fn spread(&self, name: &str) -> Option<(f64, f64)> {
        let spread = &self.figures["spread"][name];
        spread["least"].as_f64().zip(spread["most"].as_f64())
    }

    pub fn store(mut self) {
        self.figures["took_s"] = json!(self.began.elapsed().as_secs());
        let path = results().join("outbox.json");
        std::fs::write(&path, format!("{:#}\n", self.figures)).unwrap();
        println!("took {} s: {}", self.figures["took_s"], path.display());
    }
}

/// Three significant digits, or all before the point.
fn rounded(value: f64) -> f64 {
    let digits = |factor: f64| (value * factor).round() / factor;
    match value.abs() {
        100.0.. => value.round(),
        10.0.. => digits(10.0),
        1.0.. => digits(100.0),
        _ => digits(1_000.0),
    }
}

fn shown(value: f64) -> String {
    rounded(value).to_string()
}

fn machine(folder: &Path) -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    json!({
        "cpu": after(&read("/proc/cpuinfo"), "model name"),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory": after(&read("/proc/meminfo"), "MemTotal"),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load_before": read("/proc/loadavg").split(' ').next(),
        "fdatasync_per_s": fdatasyncs(folder).round(),
        // …/target/release/client-organizer
        "profile": Path::new(crate::support::host::executable()).parent().and_then(Path::file_name).and_then(|name| name.to_str()),
    })
}

/// What a commit waits for at least: 4 KB appended and synchronised.
fn fdatasyncs(folder: &Path) -> f64 {
    const COUNT: u32 = 500;
    let mut file = File::create(folder.join("fdatasync")).unwrap();
    let began = Instant::now();
    for _ in 0..COUNT {
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
    }
    f64::from(COUNT) / began.elapsed().as_secs_f64()
}

/// With `+` where something is not committed.
fn commit() -> String {
    let git = |words: &[&str]| {
        let output = Command::new("git").args(words).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    let changed = if git(&["status", "--porcelain"]).is_empty() { "" } else { "+" };
    git(&["rev-parse", "--short", "HEAD"]) + changed
}
