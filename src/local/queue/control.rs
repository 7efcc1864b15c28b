//! Operations of the stand-in for tests and for curious people, besides the REST interface.

use super::{QueueError, Stand};
use crate::{
    http_server::Inbound,
    local::web::{Body, answer, full},
};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;

/// `GET /$inspect/{entity}` returns counts, no bodies. `POST /$hold/{entity}` stops deliveries until
/// `POST /$release/{entity}`. The POSTs require the header `X-Local`, which a page in a browser cannot send without
/// CORS.
pub(super) async fn handle(stand: &Stand, request: &Request<Inbound>, control: &str, entity: &str) -> Response<Body> {
    if !stand.entities.contains(entity) {
        return answer(StatusCode::NOT_FOUND, "no such queue or topic");
    }
    let meant = request.headers().contains_key("x-local");
    match (request.method(), control) {
        (&Method::GET, "$inspect") => inspect(stand, entity).await.unwrap_or_else(|error| {
            stand.events.note(format!("queue stand-in: {error}"));
            answer(StatusCode::INTERNAL_SERVER_ERROR, "the stand-in's database failed")
        }),
        (&Method::POST, "$hold" | "$release") if meant => {
            stand.hold(entity, control == "$hold");
            answer(StatusCode::OK, "")
        }
        _ => answer(StatusCode::NOT_FOUND, "no such operation"),
    }
}

async fn inspect(stand: &Stand, entity: &str) -> Result<Response<Body>, QueueError> {
    let counts = stand.store.counts(entity.to_owned()).await?;
    let text = json!({"active": counts.active, "locked": counts.locked, "dead": counts.dead}).to_string();
    Ok(Response::new(full(text)))
}
