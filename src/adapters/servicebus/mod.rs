//! Azure Service Bus as a bus: AMQP in batches, AMQP inside WebSocket, or REST with one request per message.
//!
#![doc = include_str!("README.md")]

mod access;
mod properties;
mod outcome;
mod destination_state;
mod rest;
mod http_client;
mod web;
mod management;
mod description;
mod amqp;
mod amqp_message;
mod packing;
mod session;
mod link;
mod endings;
mod amqp_dead;
mod rest_dead;
mod amqp_outcome;
mod socket;
mod proxy;

pub use crate::config::connection::bus::ConnectionString;
pub use amqp::{AmqpBus, AmqpOptions, Shapes};
pub use amqp_dead::AmqpDeadLetters;
pub use management::Management;
pub use rest::{RestBus, RestOptions};
pub use rest_dead::RestDeadLetters;

/// What a destination requires of the messages sent to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape {
    /// Each message needs a session: its ordering key.
    pub sessions: bool,
    /// Each message has a partition key, and a batch has one partition.
    pub partitioned: bool,
    /// Together with `partitioned`, each message travels alone.
    pub duplicate_detection: bool,
}

/// The payload of one AMQP transfer, for tests that compare it with other clients.
///
/// # Errors
/// A message cannot be sent over AMQP.
pub fn amqp_payload(messages: &[crate::ports::bus::Outgoing], shape: Shape) -> Result<Vec<u8>, String> {
    amqp_message::payload(messages, shape)
}
