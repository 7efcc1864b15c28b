//! The queues and topics themselves: their properties, where the credential may read them.

use crate::domain::{entity::Seen, route::Destination};
use async_trait::async_trait;

/// Descriptions of queues and topics.
#[async_trait]
pub trait Entities: Send + Sync {
    /// Reads the description of one. Bounds its own time to some seconds. Sends nothing and receives nothing.
    async fn look(&self, at: &Destination) -> Seen;
}
