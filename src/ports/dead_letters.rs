//! What a queue set aside before it reached us: looked at, or taken out one by one.

use crate::domain::{delivery::Delivery, route::Destination};
use async_trait::async_trait;

/// As the queue keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number in the pile it was taken from.
    pub number: usize,
    pub delivery: Delivery,
    /// The queue's word for why (`MaxDeliveryCountExceeded`), and more of it.
    pub reason: Option<String>,
    pub description: Option<String>,
}

#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// # Errors
    /// Why it cannot be read, and what to do.
    async fn open(&self, queue: &Destination) -> Result<Box<dyn Pile>, String>;
}

/// Each letter is held under the queue's own lock, so that nobody else has it, until it is removed or given back; of a
/// process that dies, when its lock ends.
#[async_trait]
pub trait Pile: Send {
    /// The oldest that nobody holds, now held by us. None: there is no other. Bounds its own time.
    ///
    /// # Errors
    /// The queue cannot be read any more.
    async fn next(&mut self) -> Result<Option<DeadLetter>, String>;

    /// It leaves the queue for good.
    ///
    /// # Errors
    /// It stays, or nobody knows: then it comes again.
    async fn remove(&mut self, number: usize) -> Result<(), String>;

    /// Gives back what was not removed.
    async fn close(self: Box<Self>);
}
