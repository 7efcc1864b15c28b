//! The documents are run and checked: every curl as pasted, twice; links, files and settings that they name exist.

use crate::support::{host::Host, http_client};
use clap::Parser;
use client_organizer::{app::cli::Cli, config::catalogue};
use regex::Regex;
use serde_json::json;
use std::{collections::BTreeSet, fs, path::Path, process::Command};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of the checkout, by their paths from the root.
fn tracked() -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if !["target", "node_modules", ".git", ".local"].contains(&name) {
                    folders.push(path);
                }
            } else {
                found.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn texts(extension: &str) -> Vec<(String, String)> {
    let names = tracked().into_iter().filter(|name| Path::new(name).extension().is_some_and(|e| e == extension));
    names.map(|name| (name.clone(), fs::read_to_string(root().join(&name)).unwrap())).collect()
}

fn documents() -> Vec<(String, String)> {
    texts("md")
}

/// The shell blocks of a document.
fn scripts(text: &str) -> Vec<&str> {
    text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Each block with the statuses that its answers begin with.
const CURL: [(&str, &[&str]); 2] = [
    ("README.md", &["201", "201", "200", "200"]),
    ("src/functions/README.md", &["201", "200", "201", "200", "412", "202", "422", "200", "200", "200"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_curl_works_as_pasted_and_pasted_again() {
    let mut seen = Vec::new();
    for (name, text) in documents() {
        let with_curl: Vec<&str> = scripts(&text).into_iter().filter(|script| script.contains("curl ")).collect();
        if with_curl.is_empty() {
            continue;
        }
        let Some((_, expected)) = CURL.iter().find(|(known, _)| *known == name) else {
            panic!("{name} has a curl that no test runs")
        };
        assert_eq!(with_curl.len(), 1, "{name}: one block");
        run_twice(&name, with_curl[0], expected).await;
        seen.push(name);
    }
    assert_eq!(seen, CURL.map(|(name, _)| name));
}

async fn run_twice(name: &str, script: &str, expected: &[&str]) {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path(), &[], &[]);
    // The demo made client 1.
    let draft = json!({"name": "Demo", "address": "ul. Prosta 1", "nipNb": crate::support::world::nip(5).as_str(), "email": "a@example.pl"});
    assert_eq!(http_client::post_json(host.port, "/api/clients", &draft).await.status, 201);
    let script = script.replace("localhost:7071", &format!("localhost:{}", host.port));
    for paste in 1..=2 {
        let output = Command::new("bash").args(["-c", &script]).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        let statuses: Vec<&str> = printed.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(statuses, expected, "{name}, paste {paste}:\n{printed}\n{errors}");
        for word in ["ETag", "Outbox-Message-Id", "incomeTax", "231.50", "\"openapi\""] {
            let found = printed.to_lowercase().contains(&word.to_lowercase());
            assert!(found, "{name}, paste {paste} lacks {word}:\n{printed}");
        }
        assert_eq!(printed.contains("idempotency-replayed: true"), paste == 2, "{name}, paste {paste}:\n{printed}");
    }
}

#[test]
fn every_link_of_a_document_leads_to_a_file() {
    let link = Regex::new(r#"\]\(([^)#]+)(#[^)]*)?\)|<img src="([^"]+)""#).unwrap();
    let mut wrong = Vec::new();
    let mut links = 0;
    for (name, text) in documents() {
        let folder = root().join(&name).parent().unwrap().to_owned();
        for found in link.captures_iter(&text) {
            let target = found.get(1).or(found.get(3)).unwrap().as_str();
            if !target.starts_with("https://") {
                links += 1;
                if !folder.join(target).exists() {
                    wrong.push(format!("{name}: {target}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(links > 10, "{links} links");
}

/// Files named in backticks: relative to the root, to `tests` or `src`, or to the folder of the file that names them.
fn missing(pattern: &Regex, at: &str, text: &str, all: &[String]) -> Vec<String> {
    let here = Path::new(at).parent().unwrap();
    let bases = [Path::new(""), Path::new("tests"), Path::new("src"), here, here.parent().unwrap_or(here)];
    let known = |name: &str| bases.iter().any(|base| all.iter().any(|file| Path::new(file) == base.join(name)));
    let folder = |name: &str| {
        let prefix = |base: &Path| format!("{}/", base.join(name).to_str().unwrap());
        bases.iter().any(|base| all.iter().any(|file| file.starts_with(&prefix(base))))
    };
    let named = pattern.captures_iter(text).map(|found| found[1].trim_end_matches('/').to_owned());
    named.filter(|name| !known(name) && !folder(name)).map(|name| format!("{at}: {name}")).collect()
}

#[test]
fn every_file_that_a_document_names_exists() {
    let all = tracked();
    let pattern =
        Regex::new(r"`((?:[\w.-]+/)*[\w-]+\.rs|(?:src|tests|infra|benches|functions)(?:/[\w.-]+)+/?)`").unwrap();
    let mut wrong = Vec::new();
    for (name, text) in documents() {
        wrong.extend(missing(&pattern, &name, &text, &all));
    }
    for (name, text) in texts("rs") {
        let comments: Vec<&str> = text.lines().filter(|line| line.trim_start().starts_with("//")).collect();
        wrong.extend(missing(&pattern, &name, &comments.join("\n"), &all));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A setting that does not exist would be set in vain.
#[test]
fn every_setting_that_a_document_names_is_in_the_catalogue() {
    let named = Regex::new(r"\b([A-Z]\w*?__[A-Za-z]\w*)").unwrap();
    let known: BTreeSet<&str> = catalogue::all().map(|setting| setting.name).collect();
    let mut wrong = Vec::new();
    // A changelog may name removed settings, and the catalogue's own page lists the former names.
    let others = |name: &str| !["CHANGELOG.md", "src/config/README.md"].contains(&name);
    for (name, text) in documents().into_iter().filter(|(name, _)| others(name)) {
        for found in named.captures_iter(&text) {
            let setting = &found[1];
            // Routes of any event type, and settings of the Functions host.
            let open = setting.starts_with("Routes__") || setting.starts_with("AzureWebJobsStorage__");
            if !open && !known.contains(setting) {
                wrong.push(format!("{name}: {setting}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The commands of the program in a document: all lines of blocks, and those of sentences that are given with their reason.
fn commands(text: &str) -> Vec<String> {
    let line =
        Regex::new(r"(?m)^(?:[^#\n]*handler\.sh [^#\n]*? -- |(?:[\w=]+ )?(?:client-organizer|app/handler) )([^\n]*)")
            .unwrap();
    let sentence =
        Regex::new(r"`(?:[^`]*handler\.sh [^`]*? -- |client-organizer )?(ops [^`]*--reason [^`]*)`").unwrap();
    let of_blocks: Vec<String> = scripts(text)
        .into_iter()
        .flat_map(|script| line.captures_iter(script).map(|found| found[1].to_owned()).collect::<Vec<_>>())
        .collect();
    let prose = text.split("```").step_by(2);
    let of_sentences = prose.flat_map(|part| sentence.captures_iter(part).map(|found| found[1].replace('\n', " ")));
    of_blocks.into_iter().chain(of_sentences).collect()
}

/// As the shell splits them, with a value for each `<…>`, and what is in brackets too.
fn words(command: &str) -> Vec<String> {
    let command = Regex::new(r" +#.*| [|>] .*|;.*").unwrap().replace(command, "").into_owned();
    let values = [
        ("number", "1"),
        ("destination", "queue:x"),
        ("mail", "2h"),
        ("clientid", "1b671a64-40d5-491e-99b0-da01ff1f3341"),
        ("identity", "x"),
        ("id", "1b671a64-40d5-491e-99b0-da01ff1f3341"),
    ];
    let placeholder = Regex::new(r"<([^<>]*)>").unwrap();
    let filled = placeholder.replace_all(&command, |found: &regex::Captures| {
        values.iter().find(|(word, _)| found[1].to_lowercase().contains(word)).map_or("x", |(_, value)| *value)
    });
    let word = Regex::new(r#""[^"]*"|[^\s\[\]]+"#).unwrap();
    let found = word.find_iter(&filled).map(|found| found.as_str()).filter(|word| *word != "…");
    found.map(|word| word.trim_matches('"').to_owned()).collect()
}

#[test]
fn every_command_of_the_program_that_a_document_gives_is_one_that_it_takes() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (name, text) in documents() {
        for command in commands(&text) {
            let mut words = words(&command);
            if words.iter().any(|word| word == "--reason") {
                // By default it is the login name, and here there may be none.
                words.extend(["--by".to_owned(), "anna".to_owned()]);
            }
            seen += 1;
            if let Err(error) = Cli::try_parse_from(std::iter::once("client-organizer".to_owned()).chain(words)) {
                wrong.push(format!("{name}: {command}\n{}", error.to_string().lines().next().unwrap_or_default()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 30, "{seen}");
}

/// It is the front door only: everything else is in the file of its reader.
#[test]
fn the_readme_fits_on_two_screens() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(text.lines().count() <= 150, "{} lines", text.lines().count());
}
