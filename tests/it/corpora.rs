//! The inputs that the fuzzers keep, as ordinary tests: those that the program's documents name, and those that once broke a rule.

use crate::fuzz_targets::ALL;
use std::{fs, path::Path};

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect()
}

#[test]
fn every_kept_input_keeps_the_rules_of_its_target() {
    std::thread::scope(|scope| {
        for (target, run) in ALL {
            scope.spawn(move || {
                let inputs = corpus(target);
                assert!(inputs.len() > 2, "{target} has a corpus");
                for (path, input) in inputs {
                    println!("{path}");
                    run(&input);
                }
            });
        }
    });
}

#[test]
fn every_corpus_has_its_target_and_stays_small() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let mut bytes = 0;
    for folder in fs::read_dir(root).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        assert!(ALL.iter().any(|(target, _)| *target == name), "{name}");
        bytes += corpus(&name).iter().map(|(_, input)| input.len()).sum::<usize>();
    }
    assert!(bytes < 500_000, "{bytes} bytes");
}
