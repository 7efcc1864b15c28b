//! Staging: makes from a checkout the folder that `func start` and `func azure functionapp publish` accept.

use super::linkage::{self, Linkage};
use crate::functions;
use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fmt, fs, io,
    path::{Component, Path, PathBuf},
};

/// Core Tools marks executable only the file whose name equals `defaultExecutablePath`.
pub const HANDLER: &str = "handler";

/// Lists the files that a stage wrote, so that the next one removes those and nothing else.
const MARKER: &str = ".staged-by-client-organizer";

/// Files that must never be published although they may be in the folder: secrets, and the data of a `func start`.
const FUNCIGNORE: &str =
    "local.settings.json\nlocal.settings.example.json\n.local\n.staged-by-client-organizer\napp.zip\n";

const LOCAL_SETTINGS: &str = "local.settings.json";

/// Features for tests and local use, and whether this build has them.
const UNFIT: [(&str, bool); 2] = [("failpoints", cfg!(feature = "failpoints")), ("local", cfg!(feature = "local"))];

/// What is staged, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Staging<'a> {
    /// Empty, missing, or an earlier stage.
    pub target: &'a Path,
    /// The checkout: host.json and functions/.
    pub root: &'a Path,
    /// The handler to copy.
    pub executable: &'a Path,
    /// Names of the functions that the executable implements.
    pub functions: &'a [&'a str],
    /// Features of the executable that are not for deployment.
    pub unfit: &'a [&'a str],
    /// For `func start` on this machine, which takes any build and needs a settings file.
    pub local: bool,
}

/// What was staged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The folder.
    pub folder: PathBuf,
    /// Names of the staged functions.
    pub functions: Vec<String>,
    /// The C library that the handler needs.
    pub linkage: Linkage,
    /// For `func start` on this machine.
    pub local: bool,
}

/// Stages `executable` as the handler of all functions.
///
/// # Errors
/// As `Staging::run`.
pub fn stage(target: &Path, local: bool, root: &Path, executable: &Path) -> Result<Report> {
    let functions: Vec<&str> = functions::names().collect();
    let unfit: Vec<&str> = UNFIT.iter().filter(|(_, built_in)| *built_in).map(|(feature, _)| *feature).collect();
    Staging { target, root, executable, functions: &functions, unfit: &unfit, local }.run()
}

impl Staging<'_> {
    /// Checks everything, then writes.
    ///
    /// # Errors
    /// What does not fit together, or which file could not be read or written.
    pub fn run(&self) -> Result<Report> {
        ensure!(
            self.local || self.unfit.is_empty(),
            "this build has the feature {}, which is not for deployment: infra/package.sh makes a build to publish \
             (--no-default-features); --local stages this one for `func start`",
            self.unfit.join(" and ")
        );
        let host = self.host()?;
        let functions = self.function_files()?;
        let linkage = linkage::of(self.executable)
            .with_context(|| format!("the executable {} cannot be read", self.executable.display()))?;
        ensure!(
            self.local || linkage.runs_in_azure(),
            "{} {linkage}; --local stages it for `func start`",
            self.executable.display()
        );
        let mut files: Vec<(String, Vec<u8>)> = vec![("host.json".to_owned(), host)];
        let names: Vec<String> = functions.iter().map(|(name, _)| name.clone()).collect();
        files.extend(functions.into_iter().map(|(name, text)| (format!("{name}/function.json"), text)));
        files.push((".funcignore".to_owned(), FUNCIGNORE.into()));
        self.make_room()?;
        self.write(&files)?;
        if self.local {
            self.settings()?;
        }
        Ok(Report { folder: self.target.to_owned(), functions: names, linkage, local: self.local })
    }

    /// `func start` needs a settings file. One that is there stays, and is not of this stage: it may contain secrets.
    fn settings(&self) -> Result<()> {
        let (here, example) = (self.target.join(LOCAL_SETTINGS), self.root.join("local.settings.example.json"));
        if !here.exists() {
            fs::copy(&example, &here).with_context(|| format!("{} cannot be copied", example.display()))?;
        }
        Ok(())
    }

    fn host(&self) -> Result<Vec<u8>> {
        let path = self.root.join("host.json");
        let (text, host) = json(&path)?;
        let executable = host.pointer("/customHandler/description/defaultExecutablePath").and_then(Value::as_str);
        ensure!(
            executable == Some(HANDLER),
            "{}: customHandler.description.defaultExecutablePath must be \"{HANDLER}\", is {executable:?}: under \
             another name the file would not be executable in Azure",
            path.display()
        );
        ensure!(
            host.pointer("/customHandler/http/routes").is_none(),
            "{}: customHandler.http.routes stops the host where there are function.json files",
            path.display()
        );
        Ok(text)
    }

    /// Each `function.json` by its function's name; their names and the executable's must be the same.
    fn function_files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let folder = self.root.join("functions");
        let listed = fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
        let mut found = Vec::new();
        for entry in listed {
            let entry = entry?;
            let path = entry.path().join("function.json");
            if path.is_file() {
                found.push((entry.file_name().to_string_lossy().into_owned(), json(&path)?.0));
            }
        }
        found.sort();
        let in_folders: BTreeSet<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        let in_executable: BTreeSet<&str> = self.functions.iter().copied().collect();
        let unknown: Vec<_> = in_folders.difference(&in_executable).collect();
        ensure!(unknown.is_empty(), "functions/ names {unknown:?}, which this executable does not know");
        let missing: Vec<_> = in_executable.difference(&in_folders).collect();
        ensure!(missing.is_empty(), "functions/ lacks {missing:?}/function.json, which this executable answers for");
        Ok(found)
    }

    /// Takes away what an earlier stage wrote. What others put beside it (local.settings.json) stays.
    fn make_room(&self) -> Result<()> {
        let target = self.target;
        let shown = target.display();
        fs::create_dir_all(target).with_context(|| format!("{shown} cannot be created"))?;
        let marker = target.join(MARKER);
        let written = match fs::read_to_string(&marker) {
            Ok(list) => list,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let empty = fs::read_dir(target)?.next().is_none();
                ensure!(empty, "{shown} is not empty and not an earlier stage: name an empty or new folder");
                return Ok(());
            }
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", marker.display())),
        };
        for line in written.lines() {
            let plain = Path::new(line).components().all(|part| matches!(part, Component::Normal(_)));
            ensure!(plain, "{} names '{line}', which is outside the folder: remove it by hand", marker.display());
            match fs::remove_file(target.join(line)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).with_context(|| format!("{line} cannot be replaced in {shown}")),
            }
            // The folder of a removed function must not stay behind empty; with other files in it, it stays.
            if let Some(folder) = Path::new(line).parent().filter(|folder| !folder.as_os_str().is_empty()) {
                let _ = fs::remove_dir(target.join(folder));
            }
        }
        Ok(())
    }

    fn write(&self, files: &[(String, Vec<u8>)]) -> Result<()> {
        let names = files.iter().map(|(name, _)| name.as_str()).chain([HANDLER]);
        let list = names.fold(String::new(), |list, name| list + name + "\n");
        // The list is written first, so that an interrupted stage can be repeated.
        let all = [(MARKER.to_owned(), list.into_bytes())];
        for (name, bytes) in all.iter().chain(files) {
            let path = self.target.join(name);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        let handler = self.target.join(HANDLER);
        fs::copy(self.executable, &handler).with_context(|| format!("{} cannot be written", handler.display()))?;
        executable_by_all(&handler)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "staged {} functions in {}: {}",
            self.functions.len(),
            self.folder.display(),
            self.functions.join(", ")
        )?;
        writeln!(f, "{HANDLER}: {}", self.linkage)?;
        write!(
            f,
            "next, in that folder: {}",
            if self.local { "func start" } else { "func azure functionapp publish <app> --custom" }
        )
    }
}

fn json(path: &Path) -> Result<(Vec<u8>, Value)> {
    let text =
        fs::read(path).with_context(|| format!("{} cannot be read: stage at the top of a checkout", path.display()))?;
    match serde_json::from_slice(&text) {
        Ok(value) => Ok((text, value)),
        Err(error) => bail!("{} is not JSON: {error}", path.display()),
    }
}

#[cfg(unix)]
fn executable_by_all(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).context("the handler cannot be made executable")
}

#[cfg(not(unix))]
fn executable_by_all(_path: &Path) -> Result<()> {
    Ok(())
}
