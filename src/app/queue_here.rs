//! The local host's own queue, for commands beside it: its key is new at every start, so it stands in a file while
//! the host runs.

use crate::local::CONNECTION_FILE;
use std::{collections::BTreeMap, path::Path};

const CONNECTION: &str = "ServiceBusConnection";

/// Where the settings name no bus and a local host keeps its data beside the store: its queue, and a sentence that
/// says so.
pub(super) fn taken(env: &BTreeMap<String, String>) -> (BTreeMap<String, String>, Option<String>) {
    let mut env = env.clone();
    let given = |name: &str| env.get(name).is_some_and(|text| !text.trim().is_empty());
    if given(CONNECTION) || given("ServiceBusConnection__fullyQualifiedNamespace") {
        return (env, None);
    }
    let store = env.get("Store__Path").map_or(".local/app.db", String::as_str);
    let file = Path::new(store).parent().unwrap_or(Path::new(".")).join(CONNECTION_FILE);
    let Ok(text) = std::fs::read_to_string(&file) else { return (env, None) };
    env.insert(CONNECTION.to_owned(), text.trim().to_owned());
    env.insert("ServiceBus__Transport".to_owned(), "rest".to_owned());
    (env, Some(format!("no bus is set, so it is the local host's queue ({})", file.display())))
}
