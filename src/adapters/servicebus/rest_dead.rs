//! A queue's dead letters over REST: peek-lock a message, then delete or unlock it by the URL of its lock.

use super::{
    ConnectionString,
    access::Right,
    outcome::{self, Answer, Target},
    web::{Reply, Web},
};
use crate::{
    adapters::quoted::quoted,
    domain::{delivery::Delivery, route::Destination, traceparent},
    ports::dead_letters::{DeadLetter, DeadLetterQueue, DeadLetters},
};
use async_trait::async_trait;
use chrono::DateTime;
use futures::{StreamExt, stream};
use reqwest::{Method, header::LOCATION};
use serde_json::{Map, Value};
use std::{sync::Arc, time::Duration};

/// How long the bus waits for a message before it answers that there is none.
const NONE_AFTER: Duration = Duration::from_secs(1);
const UNLOCKS_AT_ONCE: usize = 16;
/// How long unlocking all messages may take.
const CLOSE_WAIT: Duration = Duration::from_secs(10);

/// Reads and removes dead letters over REST.
pub struct RestDeadLetters(Arc<Web>);

impl RestDeadLetters {
    /// Connects to nothing yet. `timeout` bounds one request.
    ///
    /// # Errors
    /// TLS cannot be set up on this machine.
    pub fn new(connection: ConnectionString, timeout: Duration) -> Result<Self, String> {
        Ok(Self(Arc::new(Web::new(connection, timeout)?)))
    }
}

#[async_trait]
impl DeadLetters for RestDeadLetters {
    async fn open(&self, queue: &Destination) -> Result<Box<dyn DeadLetterQueue>, String> {
        Ok(Box::new(RestDeadLetterQueue { web: self.0.clone(), queue: queue.entity().to_owned(), locks: Vec::new() }))
    }
}

struct RestDeadLetterQueue {
    web: Arc<Web>,
    queue: String,
    /// The paths of the locks by number; None: removed.
    locks: Vec<Option<String>>,
}

impl RestDeadLetterQueue {
    async fn request(&self, method: Method, path: &str, patience: Duration) -> Result<Reply, String> {
        self.web.request(method, &self.queue, path, patience).await
    }

    fn unexpected(&self, reply: &Reply) -> String {
        let (namespace, access) = (self.web.namespace(), self.web.access());
        let target = Target { namespace, entity: &self.queue, access, needs: Right::Listen };
        let answer =
            Answer { status: reply.status, after_ms: None, detail: quoted(&String::from_utf8_lossy(&reply.body)) };
        match reply.status {
            200..=299 => format!("{namespace}/{} answered {}, which is not expected here", self.queue, reply.status),
            _ => outcome::of_answer(target, &answer).reason().to_owned(),
        }
    }
}

#[async_trait]
impl DeadLetterQueue for RestDeadLetterQueue {
    async fn next(&mut self) -> Result<Option<DeadLetter>, String> {
        let path = format!("{}/$deadletterqueue/messages/head?timeout={}", self.queue, NONE_AFTER.as_secs());
        let reply = self.request(Method::POST, &path, NONE_AFTER).await?;
        match reply.status {
            201 => {}
            204 => return Ok(None),
            _ => return Err(self.unexpected(&reply)),
        }
        let lock = reply.headers.get(LOCATION).and_then(|value| value.to_str().ok()).and_then(path_of);
        let lock = lock
            .ok_or_else(|| format!("{} returned a message without the Location of its lock", self.web.namespace()))?;
        self.locks.push(Some(lock));
        Ok(Some(letter(self.locks.len() - 1, reply)))
    }

    async fn remove(&mut self, number: usize) -> Result<(), String> {
        let Some(lock) = self.locks.get_mut(number).and_then(Option::take) else {
            return Err("it is not locked by this command".to_owned());
        };
        let reply = self.request(Method::DELETE, &lock, Duration::ZERO).await?;
        if reply.status == 200 {
            return Ok(());
        }
        Err(if reply.status == 404 { "its lock has expired".to_owned() } else { self.unexpected(&reply) })
    }

    async fn close(self: Box<Self>) {
        // A message that cannot be unlocked becomes free when its lock expires.
        let unlock = stream::iter(self.locks.iter().flatten()).for_each_concurrent(UNLOCKS_AT_ONCE, |lock| async {
            let _ = self.request(Method::PUT, lock, Duration::ZERO).await;
        });
        let _ = tokio::time::timeout(CLOSE_WAIT, unlock).await;
    }
}

/// The path of `https://<host>/<path>`. The host is not used: a local bus has another address than its name.
fn path_of(location: &str) -> Option<String> {
    let (_, rest) = location.split_once("://")?;
    rest.split_once('/').map(|(_, path)| path.to_owned())
}

fn letter(number: usize, reply: Reply) -> DeadLetter {
    let header =
        |name: &str| reply.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let broker: Map<String, Value> =
        header("brokerproperties").and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
    let text = |name: &str| broker.get(name).and_then(Value::as_str);
    // String properties arrive in quotes.
    let property = |name: &str| header(name).map(|text| serde_json::from_str(&text).unwrap_or(text));
    let (reason, description) = (property("deadletterreason"), property("deadlettererrordescription"));
    let delivery = Delivery {
        message_id: text("MessageId").unwrap_or_default().to_owned(),
        delivery_count: broker.get("DeliveryCount").and_then(Value::as_i64).unwrap_or(0),
        enqueued_on: text("EnqueuedTimeUtc").and_then(|at| DateTime::parse_from_rfc2822(at).ok()).map(|at| at.to_utc()),
        traceparent: traceparent::among(property),
        body: reply.body,
    };
    let sequence_number = broker.get("SequenceNumber").and_then(Value::as_i64);
    DeadLetter { number, sequence_number, delivery, reason, description }
}
