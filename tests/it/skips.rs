//! The closing line of `tests/run`: a skip is a skip, counted and named.

use crate::support::skip;
use std::process::Command;

const PRINTED: &str = "
running 3 tests
test contracts::one ... ok
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s

test contracts::two ... ok
test contracts::three ... FAILED
test result: FAILED. 5 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s
";

fn closing(skipped: &str, printed: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let [skips, output] = [("skipped", skipped), ("printed", printed)].map(|(name, text)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/closing");
    let done = Command::new(script).arg(skips).arg(output).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn a_skipped_test_is_named_and_does_not_count_as_passed() {
    let skipped = "contracts::two\tno server\nexim::a\tno Exim\ncontracts::one\tno server\n\
                   contracts::two\tno server\ncontracts::three\tno server\n";
    let expected = "
skipped: no Exim
  exim::a

skipped: no server
  contracts::one
  contracts::two

5 passed, 1 failed, 3 skipped
";
    assert_eq!(closing(skipped, PRINTED), expected, "what failed is no skip, and none is counted twice");
    assert_eq!(closing("", PRINTED), "\n8 passed, 1 failed, 0 skipped\n");
    assert_eq!(closing("", "error: could not compile"), "", "no test ran");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_skip_names_its_test() {
    let named = skip::line("why");
    assert!(["skips::a_skip_names_its_test\twhy\n", "main\twhy\n"].contains(&named.as_str()), "{named}");
}
