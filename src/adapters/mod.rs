//! The outside world: each adapter implements ports. Adapters never see flows.

pub mod clock;
pub mod entra;
pub mod schema_version;
mod columns;
mod selection;
mod paging;
mod quoted;
pub mod sqlite;
pub mod sqlserver;
pub mod servicebus;
pub mod mail;
