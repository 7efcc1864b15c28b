//! The parts of the outside world we can use, each implementing ports. They never see flows.

pub mod clock;
pub mod entra;
pub mod schema;
mod columns;
pub mod sqlite;
pub mod sqlserver;
pub mod servicebus;
pub mod mail;
