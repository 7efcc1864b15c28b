//! The production store: every store port on SQL Server or Azure SQL, by TDS.
//!
//! The files have the same names as in the other dialect. Each call is one batch that is a whole transaction, so no
//! lock is held while the answer travels. Where the program must decide between reading and writing, it reads, decides,
//! and then writes with a batch that checks that what was read still holds.
//!
#![doc = include_str!("README.md")]

mod connect;
mod session;
mod presence;
mod db;
mod errors;
mod error_numbers;
pub mod migrate;
mod migrate_foreign;
mod migrate_legacy;
pub mod migrate_script;
pub mod migrate_user;
mod rows;
mod statement;
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

pub use crate::config::PoolOptions;
pub use db::{SqlServer, SqlServerOptions};
pub use presence::Presence;
