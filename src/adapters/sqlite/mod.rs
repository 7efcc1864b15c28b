//! The embedded store: every store port on one SQLite file, for a first look, for tests, for one machine.
//!
//! The files have the same names as in the other dialect. Every write is BEGIN IMMEDIATE on one connection (SQLite has
//! one writer), and those that wait share a commit; reads have their own connection and, in WAL mode, never wait for it. Not for Azure, where disks are
//! shared.

mod db;
mod writer;
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
mod history;
mod breaker;
mod rate_limit;
mod inbox;
mod retention;
mod reports;
mod report_overview;
mod report_lists;
mod report_message;
mod remedies;
mod remedy_plan;
mod remedy_run;
mod remedy_record;
mod take_in;
mod pauses;
mod heartbeats;

pub use db::{Sqlite, SqliteOptions};
