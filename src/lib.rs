//! ClientOrganizer's outbox: if the books changed, the message goes out; if they did not, it does not.
//!
//! The house, in reading order: `domain` (what things are) ← `ports` (what we need from outside) ← `flows` (the
//! rivers: book, dispatch, notify, prune) ← `functions` (the Azure host's edge), `local` (a small host for newcomers)
//! and `ops` (for people); `adapters` implement `ports` and never see flows; `app` joins them.

pub mod domain;
pub mod ports;
pub mod flows;
pub mod adapters;
pub mod functions;
#[cfg(feature = "local")]
pub mod local;
pub mod ops;
pub mod config;
pub mod telemetry;
pub mod failpoints;
pub mod private;
pub mod http_server;
pub mod app;
