//! Idempotency-Key for operators' writes: a repeat gets the first request's answer.

use crate::{
    domain::idempotency::Fingerprint,
    flows::operate::OperateContext,
    functions::{
        body,
        problem::{Kind, Problem},
        reply::{self, JSON, Reply, set},
        request::Request,
        write::idempotency_key,
    },
};
use serde::Serialize;
use warp::http::{StatusCode, header};

/// An answer, and whether it is that of an earlier request.
pub(super) struct Answer<T> {
    pub(super) value: T,
    pub(super) repeated: bool,
}

impl<T> From<T> for Answer<T> {
    fn from(value: T) -> Self {
        Self { value, repeated: false }
    }
}

/// Answers from the store if the request's key was answered before; else acts, and stores the answer. Two requests of
/// one key at the same time both act: a pause, a dry run and the run of a token bear that.
pub(super) async fn once<T: Serialize>(
    context: &OperateContext,
    request: &Request,
    act: impl Future<Output = Result<Answer<T>, Problem>>,
) -> Result<Reply, Problem> {
    let key = idempotency_key(&request.head.headers)?;
    let head = &request.head;
    let fingerprint = Fingerprint::of(head.method.as_str(), &head.path, None, body::bytes(request)?);
    if let Some(key) = &key
        && let Some((of, answer)) = context.remedies.answer_of(key.as_str()).await?
    {
        if of != fingerprint.as_str() {
            return Err(Problem::new(Kind::KeyReused, "use a new Idempotency-Key for another request"));
        }
        let mut reply = Reply::new(answer.into_bytes());
        reply.headers_mut().insert(header::CONTENT_TYPE, JSON);
        reply.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
        set(&mut reply, "idempotency-replayed", "true");
        return Ok(reply);
    }
    let Answer { value, repeated } = act.await?;
    let mut reply = reply::json(StatusCode::OK, &value);
    if let Some(key) = key {
        let answer = String::from_utf8_lossy(reply.body()).into_owned();
        if let Err(error) = context.remedies.store_answer(key.as_str(), fingerprint.as_str(), &answer).await {
            // It was done, so the caller gets the answer; a repeat would be done again.
            tracing::error!(%error, "an answer could not be stored under its Idempotency-Key");
        }
    }
    if repeated {
        set(&mut reply, "idempotency-replayed", "true");
    }
    Ok(reply)
}
