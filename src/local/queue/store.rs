//! The messages of the stand-in, durable in a SQLite file of its own.

use super::{QueueError, QueueOptions};
use crate::{ports::clock::Clock, private};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, named_params};
use serde_json::{Map, Value};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// A message as it was sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) message_id: String,
    pub(super) body: Vec<u8>,
    pub(super) content_type: Option<String>,
    pub(super) broker: Map<String, Value>,
    pub(super) properties: Map<String, Value>,
    pub(super) available_at_ms: Option<i64>,
    pub(super) time_to_live_ms: i64,
}

/// A locked message.
#[expect(clippy::struct_field_names, reason = "Service Bus calls it LockedUntil")]
#[derive(Debug, Clone)]
pub(super) struct Locked {
    pub(super) seq: i64,
    pub(super) token: String,
    pub(super) message_id: String,
    pub(super) body: Vec<u8>,
    pub(super) content_type: Option<String>,
    pub(super) broker: Map<String, Value>,
    pub(super) properties: Map<String, Value>,
    pub(super) enqueued_at_ms: i64,
    pub(super) expires_at_ms: i64,
    pub(super) delivery_count: u32,
    pub(super) locked_until_ms: i64,
    pub(super) dead_reason: Option<String>,
}

/// Which message was settled or dead-lettered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) message_id: String,
    pub(super) delivery_count: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settle {
    Complete,
    Abandon,
    Renew,
}

pub(super) struct Received {
    pub(super) message: Option<Locked>,
    pub(super) dead: Vec<Settled>,
    /// When to look again without a notification: a lock ends, or a scheduled message is due.
    pub(super) next_change_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub active: i64,
    pub locked: i64,
    pub dead: i64,
}

#[derive(Clone)]
pub(super) struct Store {
    connection: Arc<Mutex<Connection>>,
    clock: Arc<dyn Clock>,
    lock_ms: i64,
    max_delivery_count: u32,
    duplicate_window_ms: Option<i64>,
}

/// 1 GB in pages of 4 KB: the smallest size of a Service Bus queue. Without a limit a backlog would fill the disk.
const PAGES_MAX: i64 = 1 << 18;

impl Store {
    pub(super) fn open(path: &Path, options: &QueueOptions, clock: Arc<dyn Clock>) -> Result<Self, QueueError> {
        // If this fails, SQLite reports why. Its journals inherit the mode of the file.
        let _ = private::make(path);
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(2))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "max_page_count", PAGES_MAX)?;
        connection.set_prepared_statement_cache_capacity(32);
        connection.execute_batch(include_str!("sql/tables.sql"))?;
        connection.execute(include_str!("sql/unlock_all.sql"), [])?;
        let ms = |d: Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX / 4);
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            clock,
            lock_ms: ms(options.lock_duration),
            max_delivery_count: options.max_delivery_count,
            duplicate_window_ms: options.duplicate_detection.map(ms),
        })
    }

    /// Stores a message. False: it was a duplicate inside the window, accepted and dropped.
    pub(super) async fn send(&self, entity: String, message: Sent) -> Result<bool, QueueError> {
        let window = self.duplicate_window_ms;
        // FULL: after a 201 the message is on the disk, even after a power failure.
        self.write("FULL", move |transaction, now| {
            if let Some(window) = window {
                transaction.prepare_cached(include_str!("sql/forget.sql"))?.execute(named_params! {":now": now})?;
                let seen = named_params! {":entity": entity, ":id": message.message_id, ":until": now + window};
                if transaction.prepare_cached(include_str!("sql/remember.sql"))?.execute(seen)? == 0 {
                    return Ok(false);
                }
            }
            transaction.prepare_cached(include_str!("sql/send.sql"))?.query_row(
                named_params! {
                    ":entity": entity, ":id": message.message_id, ":body": message.body,
                    ":type": message.content_type, ":broker": Value::from(message.broker).to_string(),
                    ":properties": Value::from(message.properties).to_string(), ":now": now,
                    ":available": message.available_at_ms.unwrap_or(now),
                    ":expires": now.saturating_add(message.time_to_live_ms),
                },
                |_| Ok(()),
            )?;
            Ok(true)
        })
        .await
    }

    /// Locks the oldest free message, after dead-lettering those that reached the delivery limit.
    pub(super) async fn receive(&self, entity: String) -> Result<Received, QueueError> {
        let (lock_ms, max) = (self.lock_ms, self.max_delivery_count);
        self.write("NORMAL", move |transaction, now| {
            let at = named_params! {":entity": entity, ":now": now};
            transaction.prepare_cached(include_str!("sql/expire.sql"))?.execute(at)?;
            let dead = dead_letter(transaction, &entity, now, max)?;
            let token = uuid::Uuid::new_v4().to_string();
            let lock = named_params! {":entity": entity, ":now": now, ":until": now + lock_ms, ":token": token};
            let mut statement = transaction.prepare_cached(include_str!("sql/lock.sql"))?;
            let message = statement.query_row(lock, |row| locked(row, &token)).optional()?;
            let next_change_ms = if message.is_some() {
                None
            } else {
                let next = named_params! {":entity": entity};
                transaction.prepare_cached(include_str!("sql/next_change.sql"))?.query_row(next, |row| row.get(0))?
            };
            Ok(Received { message, dead, next_change_ms })
        })
        .await
    }

    /// The settled message, or None when no message has this lock or the lock has ended; and the messages that an
    /// abandon dead-lettered.
    pub(super) async fn settle(
        &self,
        how: Settle,
        entity: String,
        id: String,
        token: String,
    ) -> Result<(Option<Settled>, Vec<Settled>), QueueError> {
        let (lock_ms, max) = (self.lock_ms, self.max_delivery_count);
        self.write("NORMAL", move |transaction, now| {
            let at = named_params! {":entity": entity, ":id": id, ":token": token, ":now": now};
            let until = named_params! {
                ":entity": entity, ":id": id, ":token": token, ":now": now, ":until": now + lock_ms
            };
            let one = match how {
                Settle::Complete => {
                    let mut statement = transaction.prepare_cached(include_str!("sql/complete.sql"))?;
                    statement.query_row(at, settled).optional()?
                }
                Settle::Abandon => {
                    let mut statement = transaction.prepare_cached(include_str!("sql/abandon.sql"))?;
                    statement.query_row(at, settled).optional()?
                }
                Settle::Renew => {
                    let mut statement = transaction.prepare_cached(include_str!("sql/renew.sql"))?;
                    statement.query_row(until, settled).optional()?
                }
            };
            let dead = if how == Settle::Abandon { dead_letter(transaction, &entity, now, max)? } else { Vec::new() };
            Ok((one, dead))
        })
        .await
    }

    pub(super) async fn counts(&self, entity: String) -> Result<Counts, QueueError> {
        self.write("NORMAL", move |transaction, now| {
            let at = named_params! {":entity": entity, ":now": now};
            transaction.query_row(include_str!("sql/counts.sql"), at, |row| {
                Ok(Counts { active: row.get(0)?, locked: row.get(1)?, dead: row.get(2)? })
            })
        })
        .await
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.clock.now().timestamp_millis()
    }

    async fn write<T: Send + 'static>(
        &self,
        synchronous: &'static str,
        work: impl FnOnce(&Transaction<'_>, i64) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, QueueError> {
        let mut connection = self.connection.clone().lock_owned().await;
        let now = self.now_ms();
        let task = tokio::task::spawn_blocking(move || {
            connection.pragma_update(None, "synchronous", synchronous)?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answer = work(&transaction, now)?;
            transaction.commit()?;
            Ok(answer)
        });
        task.await.unwrap_or(Err(QueueError::Lost))
    }
}

fn dead_letter(transaction: &Transaction<'_>, entity: &str, now: i64, max: u32) -> rusqlite::Result<Vec<Settled>> {
    // Messages in a dead-letter queue have no delivery limit.
    if entity.ends_with(super::DEAD_LETTERS) {
        return Ok(Vec::new());
    }
    let mut statement = transaction.prepare_cached(include_str!("sql/dead_letter.sql"))?;
    statement.query_map(named_params! {":entity": entity, ":now": now, ":max": max}, settled)?.collect()
}

fn settled(row: &Row<'_>) -> rusqlite::Result<Settled> {
    Ok(Settled { message_id: row.get(0)?, delivery_count: row.get(1)? })
}

fn locked(row: &Row<'_>, token: &str) -> rusqlite::Result<Locked> {
    // Written by `send`, so always an object.
    let object = |text: String| serde_json::from_str(&text).unwrap_or_default();
    Ok(Locked {
        seq: row.get("Seq")?,
        token: token.to_owned(),
        message_id: row.get("MessageId")?,
        body: row.get("Body")?,
        content_type: row.get("ContentType")?,
        broker: object(row.get("Broker")?),
        properties: object(row.get("Properties")?),
        enqueued_at_ms: row.get("EnqueuedAt")?,
        expires_at_ms: row.get("ExpiresAt")?,
        delivery_count: row.get("DeliveryCount")?,
        locked_until_ms: row.get("LockedUntil")?,
        dead_reason: row.get("DeadReason")?,
    })
}
