//! The embedded store: every store port on one SQLite file, for a first look, for tests, for one machine.
//!
//! Same file names as the other dialects. Every write is BEGIN IMMEDIATE on one connection (SQLite has one writer);
//! reads have a connection of their own and, in WAL mode, never wait for it. Not for Azure: its disks are shared.

mod db;
mod errors;
pub mod migrate;
mod rows;
mod books;
mod books_read;
mod books_write;
mod outbox;
mod outbox_claim;
mod outbox_route;
mod outbox_settle;
mod breaker;
mod rate_limit;
mod inbox;
mod retention;
mod ops;
mod ops_read;
mod ops_remedies;
mod ops_copy;
mod ops_mail;
mod ops_record;

pub use db::{Sqlite, SqliteOptions};
