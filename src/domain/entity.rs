//! The description of a queue or topic that the bus reports.

use super::route::EntityKind;

/// The properties of a queue or topic that matter here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// A queue or a topic.
    pub kind: EntityKind,
    /// How long a repeated id is dropped. None: it drops no duplicates.
    pub duplicate_window_ms: Option<i64>,
    /// Every message needs a session id.
    pub sessions: bool,
    /// Messages are spread over several brokers.
    pub partitioned: bool,
    /// Whether it is enabled.
    pub state: EntityState,
    /// How long a message may wait in it. `i64::MAX`: without limit.
    pub life_ms: i64,
    /// The largest message. None: not reported, as with old versions of the interface.
    pub message_bytes_max: Option<u64>,
    /// Its size now. None: not reported.
    pub bytes: Option<u64>,
    /// The size at which it is full. None: not reported.
    pub bytes_max: Option<u64>,
    /// How long a receiver locks a message. None: a topic.
    pub lock_ms: Option<i64>,
    /// How often a message is delivered before it is dead-lettered. None: a topic.
    pub deliveries_max: Option<u32>,
    /// Messages in its dead-letter queue. None: a topic.
    pub dead_letters: Option<u64>,
    /// Subscriptions. None: a queue.
    pub subscriptions: Option<u64>,
}

/// Which directions are enabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntityState {
    /// It takes and hands out messages.
    Active,
    /// It does neither.
    Disabled,
    /// It takes nothing, and hands out what it has.
    SendDisabled,
    /// It takes everything, and hands out nothing.
    ReceiveDisabled,
    /// Being created, moved or restored; the bus's own word.
    Other(String),
}

/// The result of querying a queue or topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It exists.
    Found(Box<Entity>),
    /// There is no queue or topic of that name.
    Missing,
    /// The bus did not answer.
    Away {
        /// What was tried and what failed.
        why: String,
    },
    /// The credential may not query it.
    Unknown {
        /// What refused it, and what would allow it.
        why: String,
    },
}
