//! Staging: the folder holds what the host needs and no secret, and other files are never lost.

use crate::support::host::{executable, mails};
use client_organizer::{
    functions,
    local::{Manifest, Trigger, routes},
    ops::stage::{Report, Staging},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// It is stated in four places, and enforced in one of them.
#[test]
fn the_oldest_glibc_is_one_number_everywhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["README.md", "infra/README.md", "infra/package.sh", "src/ops/linkage.rs"] {
        let text = fs::read_to_string(root.join(name)).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        let minors: Vec<&str> = text
            .split("glibc 2.")
            .skip(1)
            .map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap())
            .collect();
        assert!(minors.iter().all(|minor| minor.is_empty() || *minor == "28"), "{name}: {minors:?}");
        assert!(!text.contains("2.31"), "{name}");
    }
    let linkage = fs::read_to_string(root.join("src/ops/linkage.rs")).unwrap();
    assert!(linkage.contains("GLIBC_MINOR_MAX: u32 = 28;"));
    assert!(fs::read_to_string(root.join("infra/package.sh")).unwrap().contains("\"$target.2.28\""));
}

const HOST: &str = r#"{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"handler"}}}"#;

/// The header of a Linux program that needs no C library.
fn static_program() -> Vec<u8> {
    let mut header = vec![0_u8; 64];
    header[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    (header[18], header[20], header[52], header[54], header[58]) = (0x3e, 1, 64, 56, 64);
    header
}

/// A checkout with two functions, and a file that stands for the executable.
struct Checkout {
    folder: tempfile::TempDir,
    local: bool,
}

impl Checkout {
    fn new() -> Self {
        let checkout = Self { folder: tempfile::tempdir().unwrap(), local: false };
        checkout.put("host.json", HOST);
        for name in ["Finance", "SendEmail"] {
            checkout.put(&format!("functions/{name}/function.json"), r#"{"bindings":[]}"#);
        }
        checkout.put("functions/README.md", "no function");
        checkout.put("local.settings.json", r#"{"Values":{"ServiceBusConnection":"a secret"}}"#);
        checkout.put("local.settings.example.json", "{}");
        fs::write(checkout.folder.path().join("built"), static_program()).unwrap();
        checkout
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("out/staged")
    }

    fn stage(&self) -> anyhow::Result<Report> {
        self.stage_with(&["Finance", "SendEmail"], &[])
    }

    fn stage_with(&self, functions: &[&str], unfit: &[&str]) -> anyhow::Result<Report> {
        let (target, executable) = (self.target(), self.folder.path().join("built"));
        Staging {
            target: &target,
            root: self.folder.path(),
            executable: &executable,
            functions,
            unfit,
            local: self.local,
        }
        .run()
    }

    /// The reason of a refusal; checks that nothing was written.
    fn refusal(&self, functions: &[&str], unfit: &[&str]) -> String {
        let Err(error) = self.stage_with(functions, unfit) else { panic!("it was staged") };
        assert!(!self.target().exists(), "something was written");
        format!("{error:#}")
    }
}

/// Every file below the folder, by its relative path.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(one) = folders.pop() {
        for entry in fs::read_dir(one).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

const STAGED: [&str; 6] = [
    ".funcignore",
    ".staged-by-client-organizer",
    "Finance/function.json",
    "SendEmail/function.json",
    "handler",
    "host.json",
];

#[test]
fn the_staged_folder_holds_what_the_host_needs_and_no_secret() {
    let checkout = Checkout::new();
    let report = checkout.stage().unwrap();
    assert_eq!(report.functions, ["Finance", "SendEmail"]);
    assert_eq!(files(&checkout.target()), STAGED);
    let read = |name: &str| fs::read_to_string(checkout.target().join(name)).unwrap();
    assert_eq!(read("host.json"), HOST);
    assert_eq!(fs::read(checkout.target().join("handler")).unwrap(), static_program());
    for ignored in ["local.settings.json", ".local", "app.zip", ".staged-by-client-organizer"] {
        assert!(read(".funcignore").lines().any(|line| line == ignored), "{ignored}");
    }
    assert!(report.to_string().contains("func azure functionapp publish <app> --custom"), "{report}");
}

#[cfg(unix)]
#[test]
fn the_handler_can_be_executed() {
    use std::os::unix::fs::PermissionsExt;
    let checkout = Checkout::new();
    checkout.stage().unwrap();
    let mode = fs::metadata(checkout.target().join("handler")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
}

#[test]
fn staging_again_replaces_its_own_files_and_leaves_others() {
    let checkout = Checkout::new();
    checkout.stage_with(&["Finance", "SendEmail"], &[]).unwrap();
    fs::write(checkout.target().join("local.settings.json"), "mine").unwrap();
    fs::remove_dir_all(checkout.folder.path().join("functions/SendEmail")).unwrap();
    let newer = [static_program(), b"a newer one".to_vec()].concat();
    fs::write(checkout.folder.path().join("built"), &newer).unwrap();
    checkout.stage_with(&["Finance"], &[]).unwrap();
    let mut expected: Vec<_> = STAGED.into_iter().filter(|name| !name.starts_with("SendEmail")).collect();
    expected.push("local.settings.json");
    assert_eq!(files(&checkout.target()), expected);
    assert!(!checkout.target().join("SendEmail").exists(), "a function that is gone must not be found by the host");
    assert_eq!(fs::read(checkout.target().join("handler")).unwrap(), newer);
}

#[test]
fn a_folder_that_staging_did_not_make_is_not_changed() {
    let checkout = Checkout::new();
    fs::create_dir_all(checkout.target()).unwrap();
    fs::write(checkout.target().join("thesis.txt"), "the only copy").unwrap();
    let error = checkout.stage().unwrap_err();
    assert!(error.to_string().contains("not empty"), "{error}");
    assert_eq!(files(&checkout.target()), ["thesis.txt"]);
}

#[test]
fn a_marker_cannot_name_files_outside() {
    let checkout = Checkout::new();
    checkout.stage().unwrap();
    fs::write(checkout.target().join(".staged-by-client-organizer"), "../../host.json\n").unwrap();
    assert!(checkout.stage().unwrap_err().to_string().contains("outside the folder"));
    assert!(checkout.folder.path().join("host.json").exists());
}

#[test]
fn an_inconsistent_checkout_is_refused_before_anything_is_written() {
    let both = ["Finance", "SendEmail"];
    let checkout = Checkout::new();
    assert!(checkout.refusal(&["Finance"], &[]).contains("SendEmail"), "a folder the executable does not know");
    assert!(checkout.refusal(&["Finance", "SendEmail", "Health"], &[]).contains("Health"), "a missing folder");
    let unfit = checkout.refusal(&both, &["failpoints", "local"]);
    assert!(unfit.contains("failpoints and local") && unfit.contains("--no-default-features"), "{unfit}");
    for (host, expected) in [
        ("{", "not JSON"),
        (r#"{"customHandler":{"description":{"defaultExecutablePath":"./handler"}}}"#, "must be \"handler\""),
        (
            r#"{"customHandler":{"description":{"defaultExecutablePath":"handler"},"http":{"routes":[]}}}"#,
            "customHandler.http.routes",
        ),
    ] {
        checkout.put("host.json", host);
        let reported = checkout.refusal(&both, &[]);
        assert!(reported.contains(expected) && reported.contains("host.json"), "{reported}");
    }
    checkout.put("host.json", HOST);
    checkout.put("functions/Finance/function.json", "not JSON");
    assert!(checkout.refusal(&both, &[]).contains("function.json"));
}

/// It would be published, and no instance would start.
#[test]
fn a_handler_that_azure_cannot_start_is_refused() {
    let mut checkout = Checkout::new();
    checkout.put("built", "#!/bin/sh\n");
    let refused = checkout.refusal(&["Finance", "SendEmail"], &[]);
    assert!(refused.contains("not a Linux program") && refused.contains("infra/package.sh"), "{refused}");
    checkout.local = true;
    let report = checkout.stage().unwrap();
    assert!(report.to_string().ends_with("func start"), "{report}");
}

#[test]
fn a_stage_for_this_machine_has_settings_and_keeps_them() {
    let mut checkout = Checkout::new();
    checkout.local = true;
    checkout.stage_with(&["Finance", "SendEmail"], &["local"]).unwrap();
    let settings = checkout.target().join("local.settings.json");
    assert_eq!(fs::read_to_string(&settings).unwrap(), "{}");
    fs::write(&settings, "mine").unwrap();
    checkout.stage_with(&["Finance", "SendEmail"], &["local"]).unwrap();
    assert_eq!(fs::read_to_string(&settings).unwrap(), "mine");
}

#[test]
fn this_repository_can_be_staged() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = tempfile::tempdir().unwrap();
    let target = home.path().join("app");
    let executable = std::env::current_exe().unwrap();
    let functions: Vec<&str> = functions::names().collect();
    let staging =
        Staging { target: &target, root, executable: &executable, functions: &functions, unfit: &[], local: true };
    assert_eq!(staging.run().unwrap().functions, functions);
}

#[test]
fn no_path_belongs_to_two_functions() {
    let settings = client_organizer::config::catalogue::all()
        .filter_map(|setting| Some((setting.name.to_owned(), setting.default?.to_owned())))
        .collect();
    let manifest = Manifest::read(Path::new(env!("CARGO_MANIFEST_DIR")), &settings).unwrap();
    let routes: Vec<_> = manifest
        .functions
        .iter()
        .filter_map(|function| match &function.trigger {
            Trigger::Http { route, .. } => Some((&function.name, route)),
            Trigger::Timer { .. } | Trigger::ServiceBus { .. } => None,
        })
        .collect();
    assert_eq!(routes.len(), functions::routes().count());
    for (n, (name, route)) in routes.iter().enumerate() {
        for (other_name, other) in &routes[n + 1..] {
            assert!(!routes::overlap(route, other), "{name} and {other_name}: the host would go by name");
        }
    }
}

/// This build must not be deployed: its own `stage` refuses before it writes anything.
#[test]
fn a_build_with_the_local_host_does_not_stage_itself() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("app");
    let output = Command::new(executable()).arg("stage").arg(&target).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && printed.contains("local") && printed.contains("--no-default-features"),
        "{printed}"
    );
    assert!(!target.exists());
}

/// The local host runs a staged folder with the handler in it, without the checkout.
#[test]
fn the_demo_runs_from_a_staged_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (target, built, ran) = (folder.path().join("app"), folder.path().join("built"), folder.path().join("ran"));
    // Stands for a build without the local host: tests/staged makes a real one.
    fs::write(&built, format!("#!/bin/sh\ntouch '{}'\nexec '{}' \"$@\"\n", ran.display(), executable())).unwrap();
    let functions: Vec<_> = functions::names().collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Staging { target: &target, root, executable: &built, functions: &functions, unfit: &[], local: true }
        .run()
        .unwrap();
    let data = folder.path().join("data");
    let output = Command::new(executable())
        .args(["local", "--port", "0", "--demo", "--exit-after-demo", "--root"])
        .arg(&target)
        .arg("--data")
        .arg(&data)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains("first mail:"), "{printed}");
    assert_eq!(mails(&data).values().copied().collect::<Vec<_>>(), [1, 1, 1, 1]);
    assert!(ran.exists(), "another handler than the staged one was run");
}
