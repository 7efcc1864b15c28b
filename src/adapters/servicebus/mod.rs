//! Azure Service Bus as a bus: messages go out over REST, one request each.

mod connection;
mod http_client;
mod outcome;
mod properties;
mod rest;

pub use connection::{ConnectionString, LOCAL_NAMESPACE};
pub use rest::{RestBus, RestOptions};
