//! Takes one rule away at a time, in a copy of the sources, and runs the test that has to notice.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Instant,
};

#[path = "../breakages/mod.rs"]
mod table;
use table::Breakage;

#[derive(clap::Args)]
pub struct Arguments {
    /// Only these, by name
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Prints the table, and tries nothing
    #[arg(long)]
    list: bool,
}

pub fn prove(arguments: &Arguments) {
    let known: BTreeSet<_> = table::all().map(|breakage| breakage.name).collect();
    for name in &arguments.only {
        assert!(known.contains(name.as_str()), "there is no breakage {name}: see --list");
    }
    let selected =
        |breakage: &&Breakage| arguments.only.is_empty() || arguments.only.iter().any(|n| n == breakage.name);
    let breakages: Vec<_> = table::all().filter(selected).collect();
    if arguments.list {
        for breakage in breakages {
            println!("{}: {}\n    {}\n    {}", breakage.name, breakage.rule, breakage.file, breakage.test);
        }
        return;
    }
    let copy = Copy::of("breakages");
    let tests: BTreeSet<_> = breakages.iter().map(|breakage| breakage.test).collect();
    copy.keep_only(&tests);
    let whole = copy.built();
    for test in tests {
        assert!(copy.passes(&whole, test), "{test} fails although nothing is broken");
    }
    let mut survived = Vec::new();
    for breakage in &breakages {
        let began = Instant::now();
        let caught = copy.catches(breakage, &whole);
        let verdict = if caught { "caught" } else { "SURVIVED" };
        println!("{verdict} {} ({:.0} s): {}", breakage.name, began.elapsed().as_secs_f64(), breakage.rule);
        if !caught {
            survived.push(breakage.name);
        }
    }
    println!("{} of {} breakages were caught by their test", breakages.len() - survived.len(), breakages.len());
    assert!(survived.is_empty(), "nobody noticed: {survived:?}");
}

/// What `timeout` of coreutils ends with when it ended the program.
const TIMED_OUT: i32 = 124;

/// A copy of the sources, and a folder for what is built of any copy.
pub struct Copy {
    target: PathBuf,
    pub tree: PathBuf,
}

impl Copy {
    /// Files that are already there as they should be keep their time, so that little is built again.
    pub fn of(name: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tree = root.join(format!("target/{name}/tree"));
        let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root).output().unwrap();
        assert!(listed.status.success(), "git ls-files: {}", text(&listed));
        for name in String::from_utf8(listed.stdout).unwrap().split_terminator('\0') {
            let (from, to) = (root.join(name), tree.join(name));
            // Deleted, and not committed yet.
            let Ok(content) = fs::read(&from) else { continue };
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            if fs::read(&to).ok().as_deref() != Some(&content) {
                fs::copy(&from, &to).unwrap();
            }
        }
        Self { target: root.join("target/breakages/target"), tree }
    }

    /// Leaves out the files of other tests, which take most of the time to build.
    fn keep_only(&self, tests: &BTreeSet<&str>) {
        let main = self.tree.join("tests/it/main.rs");
        let needed = |line: &&str| match line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) {
            Some("support") | None => true,
            Some(name) => tests.iter().any(|test| test.starts_with(&format!("{name}::"))),
        };
        let text = fs::read_to_string(&main).unwrap();
        let (mut kept, mut attributes) = (Vec::new(), Vec::new());
        for line in text.lines() {
            if line.starts_with("#[") {
                attributes.push(line);
            } else if needed(&line) {
                kept.append(&mut attributes);
                kept.push(line);
            } else {
                attributes.clear();
            }
        }
        fs::write(main, kept.join("\n")).unwrap();
    }

    /// The tests, built of the copy as it is now.
    fn built(&self) -> PathBuf {
        let printed = self.build(&["test", "--test", "it", "--no-run"]);
        let file = printed.rsplit_once("Executable").and_then(|(_, rest)| rest.split(['(', ')']).nth(1));
        PathBuf::from(file.unwrap_or_else(|| panic!("no executable: {printed}")))
    }

    /// The program, built of the copy as it is now.
    pub fn program(&self) -> PathBuf {
        self.build(&["build", "--bin", "client-organizer"]);
        self.target.join("debug/client-organizer")
    }

    fn build(&self, what: &[&str]) -> String {
        let mut cargo = Command::new("cargo");
        cargo.args(what).args(["--locked", "--features", "failpoints"]);
        cargo.env("CARGO_TARGET_DIR", &self.target).env("CARGO_PROFILE_DEV_DEBUG", "0");
        let built = cargo.current_dir(&self.tree).output().unwrap();
        let printed = text(&built);
        assert!(built.status.success(), "{printed}");
        printed
    }

    /// Whether the test passes. It must be there. One that does not end is noticed too.
    fn passes(&self, tests: &Path, test: &str) -> bool {
        let ran =
            Command::new("timeout").arg("120").arg(tests).args(["--exact", test]).current_dir(&self.tree).output();
        let ran = ran.unwrap();
        if ran.status.code() == Some(TIMED_OUT) {
            return false;
        }
        let printed = text(&ran);
        let counts = |passed, failed| printed.contains(&format!("{passed} passed; {failed} failed; 0 ignored"));
        match (counts(1, 0), counts(0, 1)) {
            (true, false) => true,
            (false, true) => false,
            _ => panic!("{test} did not run once:\n{printed}"),
        }
    }

    /// Whether the breakage's test fails. `whole`: the tests without a breakage.
    fn catches(&self, breakage: &Breakage, whole: &Path) -> bool {
        let file = self.tree.join(breakage.file);
        let (intact, broken) = (fs::read_to_string(&file).unwrap(), breakage.applied_in(&self.tree).unwrap());
        let reads_sources = breakage.test.starts_with("tidy::");
        let is_statement = Path::new(breakage.file).extension().is_some_and(|e| e == "sql");
        let patched = (is_statement && !reads_sources).then(|| patched(whole, &intact, &broken));
        fs::write(&file, broken).unwrap();
        let tests = match patched {
            Some(patched) => patched,
            None if reads_sources => whole.to_owned(),
            None => self.built(),
        };
        let passed = self.passes(&tests, breakage.test);
        fs::write(&file, intact).unwrap();
        !passed
    }
}

/// The tests with a statement replaced where it is embedded, which takes no build. As long as before: its first line,
/// which only describes it, is shortened, or spaces are added at the end.
fn patched(whole: &Path, intact: &str, broken: &str) -> PathBuf {
    let (title, rest) = broken.split_once('\n').unwrap();
    let room = intact.len().checked_sub(rest.len() + 1).unwrap_or_else(|| panic!("too long: {broken}"));
    let title: String = title.chars().take_while(char::is_ascii).take(room).collect();
    let broken = format!("{title}\n{rest}");
    let broken = format!("{broken}{}", " ".repeat(intact.len() - broken.len()));
    let mut bytes = fs::read(whole).unwrap();
    let places: Vec<_> = memchr::memmem::find_iter(&bytes, intact.as_bytes()).collect();
    assert!(!places.is_empty(), "the statement is not embedded: {intact}");
    for place in places {
        bytes[place..place + broken.len()].copy_from_slice(broken.as_bytes());
    }
    let patched = whole.with_file_name("it-broken");
    fs::copy(whole, &patched).unwrap();
    fs::write(&patched, bytes).unwrap();
    patched
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
