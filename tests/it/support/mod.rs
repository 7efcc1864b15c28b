//! What several test files share.

pub mod backend;
pub mod fakes;
pub mod host;
pub mod http_client;
pub mod world;
