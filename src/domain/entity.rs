//! What a queue or topic is, as the bus itself tells.

use super::route::EntityKind;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    pub kind: EntityKind,
    /// None: it drops no duplicates.
    pub duplicate_window_ms: Option<i64>,
    pub sessions: bool,
    pub partitioned: bool,
    pub state: EntityState,
    /// How long a message may wait in it. `i64::MAX`: for ever.
    pub life_ms: i64,
    /// Of one message. None: it was not told, which is so on old versions of the interface.
    pub message_bytes_max: Option<u64>,
    pub bytes: Option<u64>,
    pub bytes_max: Option<u64>,
    /// Of a queue: how long a receiver holds a message, and how often it is delivered before it is set aside.
    pub lock_ms: Option<i64>,
    pub deliveries_max: Option<u32>,
    pub dead_letters: Option<u64>,
    /// Of a topic.
    pub subscriptions: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntityState {
    Active,
    Disabled,
    /// It takes nothing, and hands out what it has.
    SendDisabled,
    /// It takes everything, and hands out nothing.
    ReceiveDisabled,
    /// Being made, moved or restored; the bus's own word.
    Other(String),
}

/// What came of looking at one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Found(Box<Entity>),
    /// There is no queue or topic of that name.
    Missing,
    /// Nobody answered.
    Away {
        why: String,
    },
    /// It may not be looked at: why, and what would allow it.
    Unknown {
        why: String,
    },
}
