//! The local host's queue, for commands run beside it. Its key is new at every start; the host keeps it in a file while
//! it runs.

use std::{collections::BTreeMap, path::Path};

/// File name of a local host's database in its data folder.
pub(super) const STORE_FILE: &str = "app.db";

/// The environment with the data folder of a local host as the store, and with no other bus than that host's.
pub(super) fn in_folder(env: &BTreeMap<String, String>, folder: Option<&Path>) -> BTreeMap<String, String> {
    let mut env = env.clone();
    let Some(folder) = folder else { return env };
    env.retain(|name, _| name != "SqlConnectionString" && !name.starts_with("ServiceBusConnection"));
    for (name, value) in [("Store__Kind", None), ("Store__Path", Some(STORE_FILE)), ("Email__Folder", Some("mail"))] {
        let value = value.map_or_else(|| "sqlite".to_owned(), |file| folder.join(file).to_string_lossy().into_owned());
        env.insert(name.to_owned(), value);
    }
    env
}

/// If the settings name no bus and the store is the database of a running local host: the environment with that host's
/// queue as the bus, and a note about it. Never for another database, whose messages are not in that queue.
pub(super) fn taken(env: &BTreeMap<String, String>) -> (BTreeMap<String, String>, Option<String>) {
    #[cfg(feature = "local")]
    if let Some((connection, file)) = connection(env) {
        let mut env = env.clone();
        env.insert("ServiceBusConnection".to_owned(), connection);
        env.insert("ServiceBus__Transport".to_owned(), "rest".to_owned());
        let note = format!("no bus is set, so it is the local host's queue ({})", file.display());
        return (env, Some(note));
    }
    (env.clone(), None)
}

/// The connection string of that queue, and the file that contains it.
#[cfg(feature = "local")]
fn connection(env: &BTreeMap<String, String>) -> Option<(String, std::path::PathBuf)> {
    let given = |name: &str| env.get(name).is_some_and(|text| !text.trim().is_empty());
    if given("ServiceBusConnection") || given("ServiceBusConnection__fullyQualifiedNamespace") {
        return None;
    }
    let store = Path::new(env.get("Store__Path").map_or(".local/app.db", |path| path.trim()));
    let own = env.get("Store__Kind").is_none_or(|kind| kind.trim() == "sqlite");
    if !own || store.file_name() != Some(STORE_FILE.as_ref()) {
        return None;
    }
    let file = store.parent().unwrap_or(Path::new(".")).join(crate::local::CONNECTION_FILE);
    let text = std::fs::read_to_string(&file).ok()?;
    Some((text.trim().to_owned(), file))
}
