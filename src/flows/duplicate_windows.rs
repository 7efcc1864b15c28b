//! Reads from the bus the duplicate detection windows of the destinations that a remedy touches.

use super::operate::OperateContext;
use crate::{
    domain::{
        duplicates::DuplicateWindows,
        entity::Seen,
        operations::{RemedyRequest, Selection},
        route::Destination,
    },
    ports::error::StoreResult,
};

/// Where the bus cannot be reached or does not have the destination, the setting applies.
pub(super) async fn of(context: &OperateContext, request: &RemedyRequest) -> StoreResult<DuplicateWindows> {
    let mut windows = DuplicateWindows::by_setting(context.duplicate_window_ms);
    let Ok(entities) = &context.entities else { return Ok(windows) };
    let only = match &request.selection {
        Selection::Messages(filter) => filter.destination.as_ref().or(request.destination.as_ref()),
        Selection::Ids(_) | Selection::Mails(_) | Selection::Group(_) | Selection::DeadLetters => {
            request.destination.as_ref()
        }
    };
    let names = match only {
        Some(name) => vec![name.clone()],
        None => context.remedies.destinations().await?,
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
