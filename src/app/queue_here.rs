//! The local host's own queue, for commands beside it: its key is new at every start, so it stands in a file while
//! the host runs.

use crate::local::CONNECTION_FILE;
use std::{collections::BTreeMap, path::Path};

const CONNECTION: &str = "ServiceBusConnection";

/// The name of a local host's own database in its data folder.
pub(super) const STORE_FILE: &str = "app.db";

/// Where the settings name no bus, and the store is the database of a local host that runs now: its queue, and a
/// sentence that says so. Never for another database, whose messages are not in that queue.
pub(super) fn taken(env: &BTreeMap<String, String>) -> (BTreeMap<String, String>, Option<String>) {
    let mut env = env.clone();
    let given = |name: &str| env.get(name).is_some_and(|text| !text.trim().is_empty());
    if given(CONNECTION) || given("ServiceBusConnection__fullyQualifiedNamespace") {
        return (env, None);
    }
    let store = Path::new(env.get("Store__Path").map_or(".local/app.db", |path| path.trim()));
    let own = env.get("Store__Kind").is_none_or(|kind| kind.trim() == "sqlite");
    if !own || store.file_name() != Some(STORE_FILE.as_ref()) {
        return (env, None);
    }
    let file = store.parent().unwrap_or(Path::new(".")).join(CONNECTION_FILE);
    let Ok(text) = std::fs::read_to_string(&file) else { return (env, None) };
    env.insert(CONNECTION.to_owned(), text.trim().to_owned());
    env.insert("ServiceBus__Transport".to_owned(), "rest".to_owned());
    (env, Some(format!("no bus is set, so it is the local host's queue ({})", file.display())))
}
