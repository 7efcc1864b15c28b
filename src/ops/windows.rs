//! Reads from the bus the duplicate detection windows of the destinations that a remedy touches.

use super::run::OpsContext;
use crate::{
    domain::{duplicates::DuplicateWindows, entity::Seen, route::Destination},
    ports::{error::StoreResult, ops::Selection},
};
use std::collections::BTreeSet;

/// Where the bus cannot be reached or does not have the destination, the setting applies.
pub(super) async fn of(context: &OpsContext<'_>, what: &Selection) -> StoreResult<DuplicateWindows> {
    let mut windows = DuplicateWindows::by_setting(context.duplicate_window_ms);
    let Some(entities) = context.entities else { return Ok(windows) };
    let names: BTreeSet<String> = match what {
        Selection::Id { destination: Some(name), .. } | Selection::AllDead { destination: name, .. } => {
            BTreeSet::from([name.clone()])
        }
        Selection::Id { id, destination: None } => {
            context.ops.show(id).await?.into_iter().map(|row| row.destination).collect()
        }
    };
    let looks = names.iter().filter_map(|name| Destination::parse(name).ok()).map(|at| async move {
        let seen = entities.look(&at).await;
        (at, seen)
    });
    for (at, seen) in futures::future::join_all(looks).await {
        match seen {
            Seen::Found(entity) => windows.report(&at.to_string(), entity.duplicate_window_ms.unwrap_or(0)),
            Seen::Missing | Seen::Unknown { .. } | Seen::Away { .. } => {}
        }
    }
    Ok(windows)
}
