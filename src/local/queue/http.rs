//! The REST interface of the stand-in: send, peek-lock, complete, abandon, renew.

use super::{
    DEAD_LETTERS, QueueError, Stand,
    store::{Locked, Settle, Settled},
    wire,
};
use crate::{
    http_server::Inbound,
    local::{
        events::What,
        web::{self, Body, answer},
    },
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{Method, Request, Response, StatusCode, header};
use percent_encoding::percent_decode_str;
use std::time::Duration;
use tokio::time::Instant;

/// The limit of a message in the standard tier: 256 KB.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// The longest a receiver may wait for a message.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// What a path and method request.
enum Operation {
    Send,
    /// The description of the queue or topic.
    Describe,
    /// Peek-lock, or receive and delete.
    Head {
        delete: bool,
    },
    Settle {
        how: Settle,
        id: String,
        token: String,
    },
}

pub(super) async fn handle(stand: Stand, request: Request<Inbound>) -> Response<Body> {
    if !web::is_addressed_to(&request, stand.port) {
        return refused(StatusCode::MISDIRECTED_REQUEST, "Host must be 127.0.0.1 and this port");
    }
    let path = request.uri().path().to_owned();
    let segments: Vec<String> =
        path.trim_matches('/').split('/').map(|s| percent_decode_str(s).decode_utf8_lossy().into_owned()).collect();
    if let [control, rest @ ..] = &segments[..]
        && control.starts_with('$')
    {
        return super::control::handle(&stand, &request, control, &rest.join("/")).await;
    }
    let signature = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    if let Err(reason) = stand.policy.check(signature, &format!("/{}", segments.join("/")), stand.store.now_ms() / 1000)
    {
        return refused(StatusCode::UNAUTHORIZED, reason);
    }
    let Some((entity, operation)) = operation(request.method(), &segments) else {
        return refused(StatusCode::NOT_FOUND, "no such operation");
    };
    if !matches!(operation, Operation::Describe)
        && !stand.entities.contains(entity.strip_suffix(DEAD_LETTERS).unwrap_or(&entity))
    {
        return refused(StatusCode::NOT_FOUND, "no such queue or topic");
    }
    let done = match operation {
        Operation::Send => send(&stand, entity, request).await,
        Operation::Describe => super::description::answer(&stand, &entity).await,
        Operation::Head { delete } => head(&stand, entity, delete, wait(&request)).await,
        Operation::Settle { how, id, token } => settle(&stand, how, entity, id, token).await,
    };
    done.unwrap_or_else(|error| {
        stand.events.note(format!("queue stand-in: {error}"));
        match error {
            QueueError::Full(_) => refused(StatusCode::FORBIDDEN, "the queue is full"),
            QueueError::Store(_) | QueueError::Io(_) | QueueError::Lost => {
                refused(StatusCode::INTERNAL_SERVER_ERROR, "the stand-in's database failed")
            }
        }
    })
}

/// An error in Service Bus's form, by which its clients distinguish it from a gateway's.
fn refused(status: StatusCode, detail: &str) -> Response<Body> {
    let detail = detail.replace('&', "&amp;").replace('<', "&lt;");
    answer(status, &format!("<Error><Code>{}</Code><Detail>{detail}</Detail></Error>", status.as_u16()))
}

fn operation(method: &Method, segments: &[String]) -> Option<(String, Operation)> {
    let at = segments.iter().rposition(|s| s.eq_ignore_ascii_case("messages"));
    let Some(at) = at else {
        return (method == Method::GET).then(|| (segments.join("/").to_lowercase(), Operation::Describe));
    };
    let (entity, rest) = (segments[..at].join("/").to_lowercase(), &segments[at + 1..]);
    let what = match (method, rest) {
        (&Method::POST, []) if !entity.ends_with(DEAD_LETTERS) => Operation::Send,
        (&Method::POST, [head]) if head == "head" => Operation::Head { delete: false },
        (&Method::DELETE, [head]) if head == "head" => Operation::Head { delete: true },
        (method, [id, token]) => {
            let how = match *method {
                Method::DELETE => Settle::Complete,
                Method::PUT => Settle::Abandon,
                Method::POST => Settle::Renew,
                _ => return None,
            };
            Operation::Settle { how, id: id.clone(), token: token.clone() }
        }
        _ => return None,
    };
    Some((entity, what))
}

async fn send(stand: &Stand, entity: String, request: Request<Inbound>) -> Result<Response<Body>, QueueError> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(e) if e.is::<LengthLimitError>() => return Ok(refused(StatusCode::PAYLOAD_TOO_LARGE, "over 256 KB")),
        Err(_) => return Ok(refused(StatusCode::BAD_REQUEST, "the body is incomplete")),
    };
    let message = match wire::sent(&parts.headers, body.to_vec()) {
        Ok(message) => message,
        Err(reason) => return Ok(refused(StatusCode::BAD_REQUEST, &reason)),
    };
    let message_id = message.message_id.clone();
    let stored = stand.store.send(entity.clone(), message).await?;
    stand.events.emit(if stored {
        What::Queued { entity, message_id }
    } else {
        What::DuplicateDropped { entity, message_id }
    });
    stand.changed.notify_waiters();
    Ok(answer(StatusCode::CREATED, ""))
}

/// Waits up to `limit` for a message. It looks again when the queue changes, a lock ends or a scheduled message is due.
async fn head(stand: &Stand, entity: String, delete: bool, limit: Duration) -> Result<Response<Body>, QueueError> {
    let until = Instant::now() + limit;
    loop {
        // Subscribes before it looks, so that nothing sent in between is missed.
        let changed = stand.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        let mut again = until;
        if !stand.is_held(&entity) {
            let received = stand.store.receive(entity.clone()).await?;
            stand.report_dead(&entity, received.dead);
            if let Some(message) = received.message {
                return hand_out(stand, entity, message, delete).await;
            }
            if let Some(at) = received.next_change_ms {
                let wait = u64::try_from(at - stand.store.now_ms()).unwrap_or(0).max(10);
                again = again.min(Instant::now() + Duration::from_millis(wait));
            }
        }
        if tokio::time::timeout_at(again, changed).await.is_err() && Instant::now() >= until {
            return Ok(answer(StatusCode::NO_CONTENT, ""));
        }
    }
}

async fn hand_out(stand: &Stand, entity: String, message: Locked, delete: bool) -> Result<Response<Body>, QueueError> {
    let (message_id, delivery_count) = (message.message_id.clone(), message.delivery_count);
    stand.events.emit(What::Delivered { entity: entity.clone(), message_id, delivery_count });
    let mut response = Response::new(web::full(""));
    *response.headers_mut() = wire::headers(&message);
    if delete {
        let (seq, token) = (message.seq.to_string(), message.token.clone());
        settle(stand, Settle::Complete, entity, seq, token).await?;
    } else {
        *response.status_mut() = StatusCode::CREATED;
        // The address for which senders sign, as in Service Bus; their clients redirect it to this port.
        let host = format!("https://{}.servicebus.windows.net", super::NAMESPACE);
        let location = format!("{host}/{entity}/messages/{}/{}", message.seq, message.token);
        if let Ok(location) = location.parse() {
            response.headers_mut().insert(header::LOCATION, location);
        }
    }
    *response.body_mut() = web::full(message.body);
    Ok(response)
}

async fn settle(
    stand: &Stand,
    how: Settle,
    entity: String,
    id: String,
    token: String,
) -> Result<Response<Body>, QueueError> {
    let (one, dead) = stand.store.settle(how, entity.clone(), id, token).await?;
    let Some(Settled { message_id, delivery_count }) = one else {
        return Ok(refused(StatusCode::NOT_FOUND, "no message under this lock, or the lock has ended"));
    };
    match how {
        Settle::Complete => {
            stand.events.emit(What::Completed { entity: entity.clone(), message_id, delivery_count });
        }
        Settle::Abandon => {
            stand.events.emit(What::Abandoned { entity: entity.clone(), message_id, delivery_count });
        }
        Settle::Renew => {}
    }
    stand.report_dead(&entity, dead);
    stand.changed.notify_waiters();
    Ok(answer(StatusCode::OK, ""))
}

fn wait(request: &Request<Inbound>) -> Duration {
    let query = request.uri().query().unwrap_or_default();
    let seconds = query.split('&').find_map(|pair| pair.strip_prefix("timeout=")).and_then(|s| s.parse().ok());
    seconds.map_or(WAIT_MAX, Duration::from_secs).min(WAIT_MAX)
}
