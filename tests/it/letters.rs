//! Every letter in each language as `mail preview` writes it, compared with what a person reviewed (golden/letters).

use crate::support::host::executable;
use client_organizer::domain::{events, ids::MessageId};
use mail_parser::MessageParser;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const OFFICE: &str = "Biuro Rachunkowe Łąka <biuro@office.example.pl>";
const SIGNED: [(&str, &str); 3] = [
    ("Email__From", OFFICE),
    ("Email__OfficeAddress", "ul. Długa 12/3, 31-147 Kraków"),
    ("Email__OfficePhone", "+48 12 345 67 89"),
];
const GOLDEN: &str = "tests/it/golden/letters";
/// More differing lines would not help a reader.
const LINES_SHOWN_MAX: usize = 6;

fn preview(out: &Path) -> Output {
    let mut command = Command::new(executable());
    command.args(["mail", "preview", "--out"]).arg(out).env_clear().envs(SIGNED).output().unwrap()
}

/// Every file by its path below the folder.
fn texts(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for below in ["", "pl/", "en/"] {
        for entry in fs::read_dir(folder.join(below)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = format!("{below}{}", path.file_name().unwrap().to_str().unwrap());
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// The lines that differ, each as reviewed and as it is now.
fn differences(name: &str, golden: &str, now: &str) -> String {
    let (mut golden, mut now) = (golden.lines(), now.lines());
    let mut reported = String::new();
    let mut shown = 0;
    for number in 1.. {
        let (was, is) = (golden.next(), now.next());
        if was.is_none() && is.is_none() || shown == LINES_SHOWN_MAX {
            break;
        }
        if was != is {
            let end = |line: Option<&str>| line.unwrap_or("(end of the file)").to_owned();
            writeln!(reported, "{name}:{number}\n  looked at: {}\n  is now:    {}", end(was), end(is)).unwrap();
            shown += 1;
        }
    }
    reported
}

#[test]
fn every_letter_is_the_reviewed_one() {
    let folder = tempfile::tempdir().unwrap();
    let written = preview(folder.path());
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let golden = texts(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(GOLDEN));
    let now = texts(folder.path());
    let mut reported = String::new();
    let names: BTreeSet<&String> = golden.keys().chain(now.keys()).collect();
    // The sent mail repeats, encoded, what its parts hold.
    let (mails, parts): (Vec<&String>, Vec<&String>) =
        names.into_iter().partition(|name| Path::new(name).extension().is_some_and(|end| end == "eml"));
    for (name, again) in parts.into_iter().map(|name| (name, false)).chain(mails.into_iter().map(|name| (name, true))) {
        if again && !reported.is_empty() {
            break;
        }
        match (golden.get(name), now.get(name)) {
            (Some(golden), Some(now)) => reported.push_str(&differences(name, golden, now)),
            (Some(_), None) => writeln!(reported, "{name} is written no more").unwrap(),
            (None, _) => writeln!(reported, "{name} was not looked at yet").unwrap(),
        }
    }
    let settings: String = SIGNED.iter().fold(String::new(), |all, (name, value)| format!("{all}{name}='{value}' "));
    let accept = format!("{settings}cargo run -- mail preview --out {GOLDEN}");
    assert!(reported.is_empty(), "letters have changed:\n{reported}\nLook at them and accept them by:\n  {accept}\n");
    let id = MessageId::parse("any").unwrap();
    let samples: usize =
        events::ALL.iter().map(|one| (one.samples)(&id, chrono::DateTime::UNIX_EPOCH).unwrap().len()).sum();
    assert_eq!(now.len(), 2 * samples * 4 + 1, "each language, sample and part, and the index");
}

#[test]
fn a_letter_loads_nothing_and_runs_nothing() {
    for (name, text) in texts(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(GOLDEN)) {
        let Some((letter, "html")) = name.rsplit_once('.') else { continue };
        if letter == "index" {
            continue;
        }
        for foreign in ["http", "//", "src=", "href", "url(", "@import", "<link", "<script", "<img", "<form", "onload"]
        {
            // The markup of the sample is there as text.
            assert!(!text.contains(foreign), "{name} holds {foreign}");
        }
        assert!(text.contains("&lt;script&gt;") == name.contains("-odd"), "{name}");
        assert!(text.contains(&format!("<html lang=\"{}\"", &name[..2])), "{name}");
    }
}

#[test]
fn each_letter_opens_in_a_mail_program() {
    let folder = tempfile::tempdir().unwrap();
    assert!(preview(folder.path()).status.success());
    let texts = texts(folder.path());
    for name in texts.keys().filter_map(|name| name.strip_suffix(".subject")) {
        let part = |end: &str| texts[&format!("{name}.{end}")].clone();
        let eml = part("eml");
        let mail = MessageParser::default().parse(&eml).unwrap();
        assert_eq!(mail.subject(), Some(part("subject").as_str()));
        assert_eq!(mail.body_text(0).unwrap().replace("\r\n", "\n"), part("txt"));
        assert_eq!(mail.body_html(0).unwrap().replace("\r\n", "\n"), part("html"));
    }
    let index = &texts["index.html"];
    assert!(index.contains("updated-odd.html") && !index.contains("<script"), "{index}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    fs::write(&file, "").unwrap();
    let reported = preview(&file);
    assert_eq!(reported.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&reported.stderr).contains("a-file"), "{reported:?}");
}
