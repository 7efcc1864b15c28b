//! The queues and topics themselves: what they are, where the credential allows asking.

use crate::domain::{entity::Seen, route::Destination};
use async_trait::async_trait;

#[async_trait]
pub trait Entities: Send + Sync {
    /// Bounds its own time to some seconds. Sends nothing, takes nothing.
    async fn look(&self, at: &Destination) -> Seen;
}
