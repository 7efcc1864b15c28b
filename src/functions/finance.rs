//! The function Finance: clients and their monthly figures over HTTP.

use super::{clients, places::Place, problem::Problem, records, reply::Reply, request::Request};
use crate::flows::book::BookContext;
use crate::ports::error::StoreResult;

pub(super) async fn answer(context: &BookContext, place: Place, request: &Request) -> Result<Reply, Problem> {
    let method = request.head.method.as_str();
    match (place, method) {
        (Place::Clients, "POST") => clients::create_client(context, request).await,
        (Place::Clients, _) => clients::list_clients(context, request).await,
        (Place::Client(id), "PUT") => clients::replace_client(context, request, id).await,
        (Place::Client(id), "DELETE") => clients::delete_client(context, request, id).await,
        (Place::Client(id), _) => clients::get_client(context, request, id).await,
        (Place::Records(id), "POST") => records::create_record(context, request, id).await,
        (Place::Records(id), _) => records::list_records(context, request, id).await,
        (Place::Record(id, period), "PATCH") => records::patch_record(context, request, id, period).await,
        (Place::Record(id, period), "DELETE") => records::delete_record(context, request, id, period).await,
        (Place::Record(id, period), _) => records::get_record(context, request, id, period).await,
        (
            Place::Root
            | Place::Health
            | Place::OpenApi
            | Place::DispatchOutbox
            | Place::SendEmail
            | Place::RetryEmail
            | Place::PruneOutbox,
            _,
        ) => Err(Problem::not_found()),
    }
}

/// A read, which also tells Health how the database is.
pub(super) async fn read<T>(
    context: &BookContext,
    reading: impl Future<Output = StoreResult<T>>,
) -> Result<T, Problem> {
    let result = reading.await;
    context.vitals.stored(context.clock.now(), &result);
    Ok(result?)
}
