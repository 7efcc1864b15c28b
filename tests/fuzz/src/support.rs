//! The part of the tests' helpers that the targets use.

#[path = "../../it/support/backend.rs"]
pub mod backend;
#[path = "../../it/support/edge.rs"]
pub mod edge;
#[path = "../../it/support/fakes.rs"]
pub mod fakes;
#[path = "../../it/support/http_client.rs"]
pub mod http_client;
#[path = "../../it/support/world.rs"]
pub mod world;

pub mod host {
    pub const DEADLINE: std::time::Duration = std::time::Duration::from_secs(40);
}
