//! Messages that a queue dead-lettered before they reached us: read, or removed one by one.

use crate::domain::{delivery::Delivery, route::Destination};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// A dead-lettered message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number in the opened `DeadLetterQueue`.
    pub number: usize,
    /// The queue's own number for it, the same whenever it is delivered. None: the queue has no such numbers.
    pub sequence_number: Option<i64>,
    /// The message.
    pub delivery: Delivery,
    /// The queue's reason, such as `MaxDeliveryCountExceeded`.
    pub reason: Option<String>,
    /// The queue's longer reason.
    pub description: Option<String>,
}

/// The identity of a dead letter, the same whenever it is delivered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Mark {
    /// The queue's own number.
    Sequence(i64),
    /// For a queue without numbers: the message's id and when it was enqueued.
    Sent(String, Option<DateTime<Utc>>),
}

impl DeadLetter {
    /// The identity of this dead letter.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let sent = || Mark::Sent(self.delivery.message_id.clone(), self.delivery.enqueued_on);
        self.sequence_number.map_or_else(sent, Mark::Sequence)
    }
}

/// Access to the dead letters of queues.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Opens the dead-letter queue of a queue.
    ///
    /// # Errors
    /// Why it cannot be read, and what to do.
    async fn open(&self, queue: &Destination) -> Result<Box<dyn DeadLetterQueue>, String>;

    /// Whether receiving from the queue itself works, as its trigger does: it can be connected to, it exists, and we
    /// may listen. Takes nothing. None: this transport cannot test it without taking a message.
    ///
    /// # Errors
    /// The obstacle, and what to do.
    async fn may_listen(&self, _queue: &Destination) -> Option<Result<(), String>> {
        None
    }
}

/// An opened dead-letter queue. Each letter is locked by the queue, so that no other receiver gets it, until it is
/// removed or given back; if the process dies, until the lock ends.
#[async_trait]
pub trait DeadLetterQueue: Send {
    /// Locks and returns the oldest letter that no receiver has locked; this may be one returned before whose lock has
    /// ended. None: there is no other. Bounds its own time.
    ///
    /// # Errors
    /// The queue cannot be read any more.
    async fn next(&mut self) -> Result<Option<DeadLetter>, String>;

    /// Removes a letter permanently. REST waits for the queue's answer, AMQP only until the request is sent: a letter
    /// that the queue did not remove is delivered again.
    ///
    /// # Errors
    /// It was not removed, or that is not known: then it is delivered again.
    async fn remove(&mut self, number: usize) -> Result<(), String>;

    /// Unlocks what was not removed.
    async fn close(self: Box<Self>);
}
