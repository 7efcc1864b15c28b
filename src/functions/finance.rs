//! The function Finance: clients and their monthly figures over HTTP.

use super::{clients, problem::Problem, records, reminders, reply::Reply, request::Request, routes::Endpoint};
use crate::flows::book::BookContext;
use crate::ports::error::StoreResult;

pub(super) async fn answer(context: &BookContext, endpoint: Endpoint, request: &Request) -> Result<Reply, Problem> {
    let method = request.head.method.as_str();
    match (endpoint, method) {
        (Endpoint::Clients, "POST") => clients::create_client(context, request).await,
        (Endpoint::Clients, _) => clients::list_clients(context, request).await,
        (Endpoint::Client(id), "PUT") => clients::replace_client(context, request, id).await,
        (Endpoint::Client(id), "DELETE") => clients::delete_client(context, request, id).await,
        (Endpoint::Client(id), _) => clients::get_client(context, request, id).await,
        (Endpoint::Records(id), "POST") => records::create_record(context, request, id).await,
        (Endpoint::Records(id), _) => records::list_records(context, request, id).await,
        (Endpoint::Record(id, period), "PATCH") => records::patch_record(context, request, id, period).await,
        (Endpoint::Record(id, period), "DELETE") => records::delete_record(context, request, id, period).await,
        (Endpoint::Record(id, period), _) => records::get_record(context, request, id, period).await,
        (Endpoint::Reminders(id, period), _) => reminders::create_reminder(context, request, id, period).await,
        (
            Endpoint::Root
            | Endpoint::Health
            | Endpoint::Console(_)
            | Endpoint::OpenApi
            | Endpoint::Operations(_)
            | Endpoint::DispatchOutbox
            | Endpoint::SendEmail
            | Endpoint::RetryEmail
            | Endpoint::PruneOutbox,
            _,
        ) => Err(Problem::not_found()),
    }
}

/// Reads from the books, and records for Health whether that worked.
pub(super) async fn read<T>(
    context: &BookContext,
    reading: impl Future<Output = StoreResult<T>>,
) -> Result<T, Problem> {
    let result = reading.await;
    context.health.stored(context.clock.now(), &result);
    Ok(result?)
}
