//! The table of breakages fits the code: each can be applied and names a test that exists. `tests/run breakages` tries them.

#[path = "../breakages/mod.rs"]
#[allow(dead_code, reason = "the proof uses the rest of it")]
mod table;

use std::{collections::BTreeSet, fs, path::Path};

/// All that the tests of `it` are written in.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|e| e == "rs") {
            text += &fs::read_to_string(path).unwrap();
        }
    }
    text
}

#[test]
fn every_breakage_can_be_applied_and_names_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = sources(&root.join("tests/it"));
    let (mut names, mut wrong) = (BTreeSet::new(), Vec::new());
    for breakage in table::all() {
        assert!(names.insert(breakage.name), "{} twice", breakage.name);
        wrong.extend(breakage.applied_in(root).err());
        let test = breakage.test.rsplit("::").next().unwrap_or_default();
        if !tests.contains(&format!("fn {test}(")) {
            wrong.push(format!("{}: there is no test {test}", breakage.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
