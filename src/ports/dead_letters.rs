//! What a queue set aside before it reached us: looked at, or taken out one by one.

use crate::domain::{delivery::Delivery, route::Destination};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// As the queue keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number in the pile it was taken from.
    pub number: usize,
    /// The queue's own number for it, the same whenever it is handed out.
    pub sequence_number: Option<i64>,
    pub delivery: Delivery,
    /// The queue's word for why (`MaxDeliveryCountExceeded`), and more of it.
    pub reason: Option<String>,
    pub description: Option<String>,
}

/// What is the same whenever the same letter is handed out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Mark {
    Sequence(i64),
    /// Of a queue that numbers nothing: its id, and when it came.
    Sent(String, Option<DateTime<Utc>>),
}

impl DeadLetter {
    #[must_use]
    pub fn mark(&self) -> Mark {
        let sent = || Mark::Sent(self.delivery.message_id.clone(), self.delivery.enqueued_on);
        self.sequence_number.map_or_else(sent, Mark::Sequence)
    }
}

#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// # Errors
    /// Why it cannot be read, and what to do.
    async fn open(&self, queue: &Destination) -> Result<Box<dyn DeadLetterQueue>, String>;

    /// Whether the queue itself may be received from, as its trigger does: connected, allowed to listen, there. Takes
    /// nothing. None: this transport cannot tell without taking a message.
    ///
    /// # Errors
    /// Why not, and what to do.
    async fn may_listen(&self, _queue: &Destination) -> Option<Result<(), String>> {
        None
    }
}

/// Each letter is held under the queue's own lock, so that nobody else has it, until it is removed or given back; of a
/// process that dies, when its lock ends.
#[async_trait]
pub trait DeadLetterQueue: Send {
    /// The oldest that nobody holds, now held by us; again one that was handed out before, if its lock has ended.
    /// None: there is no other. Bounds its own time.
    ///
    /// # Errors
    /// The queue cannot be read any more.
    async fn next(&mut self) -> Result<Option<DeadLetter>, String>;

    /// Asks the queue to let it go for good. REST waits for its word, AMQP only until it is sent: what the queue did
    /// not let go comes again.
    ///
    /// # Errors
    /// It stays, or nobody knows: then it comes again.
    async fn remove(&mut self, number: usize) -> Result<(), String>;

    /// Gives back what was not removed.
    async fn close(self: Box<Self>);
}
