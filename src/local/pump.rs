//! Brings queue messages to their function: receive, invoke, settle.

use super::{
    child,
    envelope::{self, Delivery, Sys},
    invoke::Invoker,
    queue::{NAMESPACE, sas::Policy},
    web::{self, BoxError},
};
use crate::{domain::causes::chain, ports::clock::Clock};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::BodyExt;
use hyper::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::{Map, Value};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};

/// One function and its queue; cheap to clone, one clone per receiver.
#[derive(Clone)]
pub(super) struct Pump {
    pub(super) invoker: Invoker,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) policy: Policy,
    pub(super) queue_port: u16,
    pub(super) queue: String,
    pub(super) function: String,
    pub(super) binding: String,
    /// A third of the lock, so that one failed renewal loses nothing.
    pub(super) renew_every: Duration,
}

/// The Azure host renews a lock no longer than this; then a second delivery runs beside the first.
const RENEW_FOR: Duration = Duration::from_mins(5);
/// The wait for a message that a receiver requests, in seconds; below the queue's own limit.
const POLL_S: u64 = 50;
/// The pause after a request to the queue failed.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// The longest a receiver waits for the handler before it starts its loop again.
const HANDLER_WITHIN: Duration = Duration::from_hours(1);
/// Allows for an answer that is under way; on the loopback it takes a fraction of this.
const ON_ITS_WAY: Duration = Duration::from_millis(200);
const TOKEN_S: i64 = 300;

impl Pump {
    /// Runs one receiver until `stop`; a delivery under way is finished. While the handler is down, nothing is locked.
    pub(super) async fn receive(self, mut stop: watch::Receiver<bool>) {
        loop {
            let next = tokio::select! {
                next = self.next() => next,
                () = enough(&mut stop) => return,
            };
            let done = match next {
                Ok(Some(delivery)) => self.deliver(delivery).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                self.invoker.events.note(format!("{}: the queue failed: {}", self.function, chain(&*error)));
                tokio::time::sleep(AGAIN_AFTER).await;
            }
        }
    }

    async fn next(&self) -> Result<Option<Delivery>, BoxError> {
        if self.invoker.child.ready(HANDLER_WITHIN).await.is_none() {
            return Ok(None);
        }
        let head = format!("/{}/messages/head?timeout={POLL_S}", self.queue);
        let (status, headers, body) = self.request(Method::POST, &head).await?;
        match status {
            StatusCode::CREATED => delivery(&headers, body.to_vec()).map(Some),
            StatusCode::NO_CONTENT => Ok(None),
            other => Err(format!("a receive answered {other}").into()),
        }
    }

    async fn deliver(&self, delivery: Delivery) -> Result<(), BoxError> {
        let lock = format!("/{}/messages/{}/{}", self.queue, delivery.sequence_number, delivery.lock_token);
        let sys = Sys { function: &self.function, now: self.clock.now(), rand_guid: uuid::Uuid::new_v4() };
        let envelope = envelope::service_bus(&self.binding, &delivery, &sys);
        let ok = tokio::select! {
            ok = self.invoker.invoke(&self.function, Some(&delivery.message_id), envelope) => ok,
            never = self.renew(&lock) => match never {},
        };
        // 404 means that the lock has ended and the message will be delivered again; there is nothing to repair.
        self.request(if ok { Method::DELETE } else { Method::PUT }, &lock).await?;
        Ok(())
    }

    /// Keeps the lock while the function runs; never ends by itself.
    async fn renew(&self, lock: &str) -> Infallible {
        let started = Instant::now();
        while started.elapsed() < RENEW_FOR {
            tokio::time::sleep(self.renew_every).await;
            // The next renewal makes up for a failed one. If that fails too, the lock ends, as it would in Azure.
            let _ = self.request(Method::POST, lock).await;
        }
        std::future::pending().await
    }

    async fn request(&self, method: Method, path: &str) -> Result<(StatusCode, HeaderMap, Bytes), BoxError> {
        let resource = format!("https://{NAMESPACE}.servicebus.windows.net/{}", self.queue);
        let token = self.policy.token(&resource, self.clock.now().timestamp() + TOKEN_S);
        let request = Request::builder()
            .method(method)
            .uri(format!("http://127.0.0.1:{}{path}", self.queue_port))
            .header(header::AUTHORIZATION, token)
            .body(web::full(""))?;
        let response = self.invoker.client.request(request).await?;
        let (parts, body) = response.into_parts();
        Ok((parts.status, parts.headers, body.collect().await?.to_bytes()))
    }
}

/// Waits for `stop`, then for a message that the queue delivered just before it was closed.
async fn enough(stop: &mut watch::Receiver<bool>) {
    child::stopped(stop).await;
    tokio::time::sleep(ON_ITS_WAY).await;
}

fn delivery(headers: &HeaderMap, body: Vec<u8>) -> Result<Delivery, BoxError> {
    let broker = headers.get("brokerproperties").ok_or("a message has no BrokerProperties")?;
    let broker: Map<String, Value> = serde_json::from_slice(broker.as_bytes())?;
    let text = |name: &str| broker.get(name).and_then(Value::as_str).map(str::to_owned);
    let need = |name: &str| text(name).ok_or_else(|| format!("a message has no {name}"));
    let enqueued_at = DateTime::parse_from_rfc2822(&need("EnqueuedTimeUtc")?)?.with_timezone(&Utc);
    let live_s = broker.get("TimeToLive").and_then(Value::as_i64).unwrap_or_default();
    Ok(Delivery {
        body,
        delivery_count: broker.get("DeliveryCount").and_then(Value::as_u64).unwrap_or(1).try_into()?,
        lock_token: need("LockToken")?,
        expires_at: TimeDelta::try_seconds(live_s).and_then(|l| enqueued_at.checked_add_signed(l)).unwrap_or_default(),
        enqueued_at,
        message_id: need("MessageId")?,
        content_type: headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).map(str::to_owned),
        sequence_number: broker.get("SequenceNumber").and_then(Value::as_i64).unwrap_or_default(),
        subject: text("Label"),
        correlation_id: text("CorrelationId"),
        properties: super::queue::properties(headers),
    })
}
