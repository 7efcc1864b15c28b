//! Values reach SQL by parameters alone: no statement is put together from text, but for names and numbers of this program.

use regex::Regex;
use std::{fs, path::Path};

/// Where a statement's text is made, how often, and of what. What callers, rows or settings say is none of it.
const MADE: [(&str, usize, &str); 5] = [
    ("sqlserver/history.rs", 1, "the name or number of one of its own variables"),
    ("sqlserver/migrate.rs", 1, "the name of the migrations' own table"),
    ("sqlserver/migrate_foreign.rs", 3, "the names of the tables that the migrations make, and versions"),
    ("sqlserver/migrate_script.rs", 4, "the migrations' names, versions and checksums"),
    ("sqlserver/remedy_run.rs", 1, "parameters' names, numbered"),
];

/// The code before a file's tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

#[test]
fn no_statement_is_put_together_from_values() {
    let words =
        r"(?:\b|\\n)(IF|SELECT|INSERT|UPDATE|DELETE|MERGE|EXEC|WHERE|VALUES|DECLARE|BEGIN|ORDER BY|PRAGMA|IN \()";
    let formatted = Regex::new(&format!(r#"(?s)(?:format|write|writeln)!\([^;]*?"[^"]*{words}[^"]*""#)).unwrap();
    let replaced = Regex::new(r"\bsql\.(replace|push_str|insert_str)\(|\bsql\s*\+").unwrap();
    let mut found = Vec::new();
    for dialect in ["sqlite", "sqlserver"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/adapters").join(dialect);
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = format!("{dialect}/{}", entry.file_name().to_string_lossy());
            // Files of tests.
            if !entry.path().is_file() || ["_tests.rs", "_costs.rs", "_plans.rs"].iter().any(|end| name.ends_with(end))
            {
                continue;
            }
            let code = code(&entry.path());
            let made = formatted.find_iter(&code).count() + replaced.find_iter(&code).count();
            let known = MADE.iter().find(|(known, ..)| *known == name).map_or(0, |(_, known, _)| *known);
            if made != known {
                found.push(format!("{name}: {made}, expected {known}"));
            }
        }
    }
    assert!(
        found.is_empty(),
        "a statement is made of text: bind a parameter, or say here what it is made of: {found:#?}"
    );
}
