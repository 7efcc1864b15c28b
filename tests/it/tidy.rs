//! The repository checks itself: layering, file sizes, opening sentences, SQL files and their pairs.

use regex::Regex;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(under: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(under)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{under}");
    found
}

/// The file without its unit tests, which are at its end.
fn body(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}

/// The modules that a file names in its code: as `crate::module`, in a group after `crate::`, or by as many `super::` as
/// lead to the crate.
fn modules_seen(name: &str, text: &str) -> BTreeSet<String> {
    let lines = body(text).lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut seen = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => seen.extend(firsts(group)),
            None => drop(seen.insert(word(rest))),
        }
    }
    let folders = name.trim_end_matches("/mod.rs").matches('/').count();
    let mut above = code.as_str();
    while let Some(at) = above.find("super::") {
        above = &above[at..];
        let mut ups = 0;
        while let Some(rest) = above.strip_prefix("super::") {
            (above, ups) = (rest, ups + 1);
        }
        if ups >= folders {
            seen.insert(word(above));
        }
    }
    seen
}

/// The first word of each item of a group; the text begins after its brace.
fn firsts(group: &str) -> Vec<String> {
    let (mut found, mut item, mut depth) = (Vec::new(), String::new(), 1);
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => found.push(std::mem::take(&mut item)),
            _ if depth == 1 => item.push(c),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found.push(item);
    let firsts = found.iter().filter_map(|item| item.trim().split("::").next());
    firsts.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[test]
fn an_import_is_found_in_every_form() {
    let text = "use crate::{adapters::clock, domain::{a, flows::x}};\nuse super::super::ops::run;\n// crate::app\n\
                use super::local;\n    crate::ports::bus();\n#[cfg(test)]\nmod tests {\n    use crate::config;";
    let expected = ["adapters", "domain", "ops", "ports"].map(str::to_owned);
    assert_eq!(modules_seen("src/functions/x.rs", text), BTreeSet::from(expected));
    assert!(modules_seen("src/functions/mod.rs", text).contains("local"));
}

/// Small modules that all but the pure ones may use.
const TOOLS: [&str; 4] = ["failpoints", "private", "http_server", "telemetry"];

#[test]
fn modules_import_only_what_their_layer_allows() {
    let allowed: [(&str, &[&str]); 8] = [
        ("domain", &[]),
        ("ports", &["domain"]),
        ("flows", &["domain", "ports"]),
        ("config", &["domain"]),
        ("adapters", &["domain", "ports", "config"]),
        ("functions", &["domain", "ports", "flows"]),
        ("local", &["domain", "ports"]),
        ("ops", &["domain", "ports", "flows", "functions"]),
    ];
    let mut wrong = Vec::new();
    for (room, doors) in allowed {
        let pure = ["domain", "ports", "config"].contains(&room);
        for (name, text) in rust_files(&format!("src/{room}")) {
            for seen in modules_seen(&name, &text) {
                let tool = !pure && TOOLS.contains(&seen.as_str());
                if seen != room && !tool && !doors.contains(&seen.as_str()) {
                    wrong.push(format!("{name} sees {seen}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A new module has an entry in that list, or it is one that imports no module or all of them.
#[test]
fn every_module_has_a_layer() {
    let listed = ["domain", "ports", "flows", "config", "adapters", "functions", "local", "ops"];
    let others = ["app"];
    let known: BTreeSet<&str> = listed.into_iter().chain(TOOLS).chain(others).collect();
    let map = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let rooms = map.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    assert_eq!(rooms.collect::<BTreeSet<_>>(), known);
}

#[test]
fn every_file_opens_with_a_sentence_and_stays_short() {
    let mut wrong = Vec::new();
    for (name, text) in ["tests", "benches"].into_iter().flat_map(rust_files) {
        if !text.starts_with("//! ") {
            wrong.push(format!("{name} does not state what it is"));
        }
    }
    for (name, text) in rust_files("src") {
        if !text.starts_with("//! ") {
            wrong.push(format!("{name} does not state what it is"));
        }
        let lines = body(&text).lines().count();
        if lines > 400 {
            wrong.push(format!("{name} has {lines} lines before its tests"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_is_left_unfinished_or_ignored() {
    let markers = ["todo!(", "unimplemented!(", "FIXME", "#[ignore"];
    let mine = file!();
    for (name, text) in ["src", "tests", "benches"].into_iter().flat_map(rust_files) {
        if Path::new(&name).ends_with(Path::new(mine).file_name().unwrap()) {
            continue;
        }
        // The one permitted use: a child process that another test of this binary starts.
        let text = text.replace("#[ignore = \"a process that", "");
        for marker in markers {
            assert!(!text.contains(marker), "{name} holds {marker}");
        }
    }
}

#[test]
fn every_sql_file_states_its_name_and_is_used() {
    for dialect in ["sqlite", "sqlserver"] {
        let folder = root().join("src/adapters").join(dialect);
        let code: String = rust_files(&format!("src/adapters/{dialect}")).into_iter().map(|(_, text)| text).collect();
        for entry in fs::read_dir(folder.join("sql")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let first_line = format!("-- {}: ", name.trim_end_matches(".sql"));
            assert!(
                fs::read_to_string(&path).unwrap().starts_with(&first_line),
                "{dialect}: {name} does not begin with its name"
            );
            assert!(code.contains(&format!("(\"sql/{name}\")")), "{dialect}: {name} is used by nobody");
        }
    }
}

/// Where READ_COMMITTED_SNAPSHOT is on, as in every new database of Azure SQL, SQL Server refuses READPAST without it.
#[test]
fn a_statement_that_skips_locked_rows_reads_by_locks() {
    for entry in fs::read_dir(root().join("src/adapters/sqlserver/sql")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for line in text.lines().filter(|line| !line.starts_with("--") && line.contains("READPAST")) {
            assert!(line.contains("READPAST, READCOMMITTEDLOCK"), "{}: {line}", path.display());
        }
    }
}

/// Lines of the SQL Server statements that name this table but for inserting, with the file's name.
fn references(table: &str) -> Vec<(String, String)> {
    let named = Regex::new(&format!(r"(?i)\b{table}\b")).unwrap();
    let otherwise = Regex::new(&format!(r"(?i)INSERT (INTO )?{table}\b|N'{table}'")).unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("src/adapters/sqlserver/sql")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("--"));
        let reading = lines.filter(|line| named.is_match(line) && !otherwise.is_match(line));
        found.extend(reading.map(|line| (name.clone(), line.to_owned())));
    }
    assert!(found.len() > 10, "{table}");
    found
}

/// A row that another program's transaction holds would stop every statement that waits for it, and all other rows.
#[test]
fn every_statement_that_walks_the_outbox_or_the_inbox_skips_held_rows() {
    let reasons = [
        ("remedy_ids", "a remedy is judged by what is committed: it waits for a lock, and reports it"),
        ("remedy_facts", "as remedy_ids"),
        ("remedy_select", "as remedy_ids"),
        ("remedy_mail_select", "as remedy_ids"),
        ("remedy_order", "as remedy_ids"),
        ("remedy_route", "as remedy_ids"),
        ("prune_finished_rows", "DELETE by Seq of rows that READPAST found"),
        ("prune_erased_rows", "as prune_finished_rows"),
        ("migrate_legacy", "a person's question before the first `migrate`"),
        ("schema_rights", "TOP (0): reads no row"),
        ("inbox_begin", "the one row of this delivery, by its key"),
        ("inbox_settled", "as inbox_begin"),
        ("prune_erased_mails", "by the keys of rows that READPAST found"),
        ("prune_refused_bodies", "as prune_erased_mails"),
        ("prune_tombstones", "as prune_erased_mails"),
    ];
    let mut used = BTreeSet::new();
    for (name, line) in ["dbo.OutboxMessages", "dbo.InboxMessages"].into_iter().flat_map(references) {
        let passes = line.contains("READPAST") || line.contains("READUNCOMMITTED");
        // Every report's batch begins with report_begin.
        if passes || name.starts_with("report_") || line.contains("FORCESEEK, INDEX(PK_") {
            continue;
        }
        assert!(reasons.iter().any(|(known, _)| *known == name), "{name} waits for held rows: {line}");
        used.insert(name);
    }
    let stale: Vec<_> = reasons.iter().filter(|(name, _)| !used.contains(*name)).collect();
    assert!(stale.is_empty(), "no reason any more: {stale:?}");
}

/// A plan compiled while a table was empty may later scan it, so frequent statements name their index.
#[test]
fn frequent_statements_name_their_index_and_seek() {
    let theirs = ["outbox_", "inbox_"];
    for table in ["dbo.OutboxMessages", "dbo.InboxMessages"] {
        for (name, line) in references(table) {
            // Seeks by the whole primary key.
            let plain = ["inbox_begin", "inbox_settled"].contains(&name.as_str());
            if theirs.iter().any(|prefix| name.starts_with(prefix)) && !plain {
                assert!(line.contains("INDEX("), "{name}: {line}");
            }
        }
    }
    let folder = root().join("src/adapters/sqlserver/sql");
    let joined = [
        ("outbox_claim_expire", 1),
        ("outbox_settle", 2),
        ("outbox_settle_repeat", 1),
        ("outbox_followers", 2),
        ("outbox_dead_letter", 1),
        ("outbox_died", 1),
        ("outbox_attempt", 2),
        ("outbox_route_end", 2),
        ("outbox_route_first", 1),
        ("outbox_route_sibling", 1),
        ("inbox_take", 1),
        ("inbox_expire", 2),
        ("inbox_take_back", 2),
        ("inbox_attempt", 2),
        ("remedy_followers_due", 2),
    ];
    for (name, times) in joined {
        let text = fs::read_to_string(folder.join(format!("{name}.sql"))).unwrap();
        let pinned = text.matches("OPTION (FORCE ORDER, LOOP JOIN)").count();
        assert_eq!(pinned, times, "{name}: the few rows first, then each by its key");
    }
    for name in ["outbox_claim_heads", "outbox_claim_lease", "outbox_unrouted"] {
        let text = fs::read_to_string(folder.join(format!("{name}.sql"))).unwrap();
        assert!(text.contains("FORCESEEK") && text.contains("OPTION (LOOP JOIN)"), "{name}");
    }
}

#[test]
fn the_dialects_have_the_same_statements() {
    let names = |dialect: &str| -> Vec<String> {
        let folder = root().join("src/adapters").join(dialect).join("sql");
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut names: Vec<String> = files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let only_sqlite = [
        ("outbox_destination_names", "SQLite may hold a name that is no text, which is passed over in Rust"),
        ("outbox_route_twin", "a column of outbox_unrouted: routing is one batch"),
        ("inbox_attempts_trim", "part of inbox_attempt, which stores those of all mails"),
        ("outbox_attempts_trim", "as inbox_attempts_trim"),
        ("outbox_settle_back", "part of outbox_settle, which takes all outcomes as one JSON parameter"),
        ("outbox_settle_dead", "part of outbox_settle"),
        ("outbox_settle_sent", "part of outbox_settle"),
        ("rate_limit_forget", "part of rate_limit_room, which is one batch with the lease"),
        ("rate_limit_give_back", "part of rate_limit_settle"),
        ("rate_limit_repair", "part of rate_limit_room"),
        ("rate_limit_lease", "part of inbox_begin and inbox_take"),
    ];
    let only_sqlserver = [
        ("books_begin", "a write is one batch; SQLite's transaction is the driver's"),
        ("books_end", "as books_begin"),
        ("books_guard_client", "what was read before the batch is checked in it; SQLite reads in the transaction"),
        ("books_guard_one", "as books_guard_client"),
        ("books_lock_key", "an applock; SQLite's one write lock is every key's"),
        ("inbox_leased_before", "an answer lost on the wire; SQLite has no wire"),
        ("inbox_lock_provider", "SQLite's one write lock is every row's"),
        ("now", "the clock as a variable of the batch; SQLite gets it as a parameter"),
        ("remedy_begin", "as books_begin"),
        ("remedy_take", "as books_guard_client: the rows of a run, locked if they have not changed"),
        ("remedy_mail_take", "as remedy_take"),
        ("remedy_order", "as books_guard_client: the order of the keys"),
        ("outbox_claim_before", "as inbox_leased_before"),
        ("outbox_locked", "SQLite locks no rows"),
        ("outbox_holders", "as outbox_locked"),
        ("report_begin", "as outbox_locked: a reader of SQLite waits for nobody"),
        ("inbox_tried", "tables of the batch; SQLite keeps them in Rust"),
        ("outbox_died", "the rows as a table of the batch; SQLite returns them"),
        ("report_walked", "one batch walks and reads; SQLite reads each row as it walks"),
        ("outbox_settle", "see outbox_settle_sent"),
        ("outbox_settle_failed", "as outbox_died"),
        ("schema_rights", "SQLite has no rights but the file's"),
        ("schema_version", "SQLite's `migrate` reads its whole history for it"),
        ("migrate_lock", "SQLite's write lock is the migrations' too"),
        ("schema_triggers", "SQLite's triggers break nothing of ours"),
        ("migrate_where", "an SQLite file is called by its path"),
        ("migrate_history", "refinery's table has another place in SQLite, and code of its own"),
        ("migrate_legacy", "there is no .NET system on SQLite"),
        ("migrate_legacy_found", "as migrate_legacy"),
        ("migrate_user", "an SQLite file has no users"),
    ];
    let (sqlite, sqlserver) = (names("sqlite"), names("sqlserver"));
    let lonely = |ours: &[String], theirs: &[String], known: &[(&str, &str)]| {
        let alone: Vec<&str> = ours.iter().filter(|name| !theirs.contains(name)).map(String::as_str).collect();
        let mut known: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        known.sort_unstable();
        assert_eq!(alone, known, "a statement without its pair, or a reason that is no longer one");
    };
    lonely(&sqlite, &sqlserver, &only_sqlite);
    lonely(&sqlserver, &sqlite, &only_sqlserver);
}

#[test]
fn nothing_promises_exactly_once() {
    let promise = ["exactly", "once"].join(" ");
    for (name, text) in texts() {
        // As it is read: across line ends and comment marks.
        let words: Vec<&str> = text.split_whitespace().filter(|word| !word.starts_with("//")).collect();
        let text = words.join(" ").to_lowercase();
        for (at, _) in text.match_indices(&promise) {
            let before = &text[..at];
            let sentence = before.rfind(['.', ';', ':']).map_or(before, |end| &before[end..]);
            assert!(sentence.contains("never"), "{name} promises {promise}: {sentence}");
        }
    }
}

/// A reference that a reader cannot open explains nothing.
/// Words of an earlier vocabulary beside the field's term for the same thing.
const REPLACED_WORDS: [(&str, &str); 12] = [
    ("pace", "rate limit"),
    ("paced", "rate limited"),
    ("mood", "state"),
    ("vitals", "health"),
    ("pile", "backlog, dead-letter queue"),
    ("mend", "repair, remedy"),
    ("mended", "repaired"),
    ("told", "reported"),
    ("tells", "reports"),
    ("buried", "dead-lettered"),
    ("chosen", "selected"),
    ("seat", "slot"),
];

#[test]
fn one_thing_has_one_word() {
    // A landed migration is not edited.
    let sources = texts().into_iter().filter(|(name, _)| name.starts_with("src/") && !name.contains("/migrations/"));
    for (name, text) in sources {
        let words: BTreeSet<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        for (old, term) in REPLACED_WORDS {
            assert!(!words.contains(old), "{name} has the word '{old}': write {term}");
        }
    }
}

#[test]
fn no_text_points_outside_the_repository() {
    let outside = ["house rules", "house.md", "design.md", "functions-host-contract", "-notes.md"];
    let issue = Regex::new(r"(?i)\bissue #?\d").unwrap();
    for (name, text) in texts() {
        if Path::new(&name).ends_with(Path::new(file!()).file_name().unwrap()) {
            continue;
        }
        for place in outside {
            assert!(!text.to_lowercase().contains(place), "{name} names {place}");
        }
        assert!(!issue.is_match(&text), "{name} names an issue");
    }
}

/// Code, SQL and documents.
fn texts() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["src", "tests", "benches", "infra", ".ci"].map(|name| root().join(name)).into();
    let mut files = vec![root().join("README.md"), root().join("CHANGELOG.md"), root().join("clippy.toml")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    for path in files {
        // No pictures and no recorded bytes.
        if let Ok(text) = fs::read_to_string(&path) {
            found.push((path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(), text));
        }
    }
    assert!(found.len() > 300);
    found
}
