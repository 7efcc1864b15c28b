//! What clients, records, messages and deliveries are. Pure: no async, no I/O, no clock.

pub mod ids;
pub mod money;
pub mod period;
pub mod client;
pub mod record;
pub mod route;
pub mod message;
pub mod timing;
pub mod json_fault;
pub mod event;
pub mod idempotency;
pub mod booking;
pub mod outbox;
pub mod backoff;
pub mod verdict;
pub mod delivery;
pub mod pace;
pub mod mail_verdict;
pub mod mail_doubt;
pub mod entity;
pub mod duplicates;
pub mod finding;
pub mod checkup;
pub mod remedy;
pub mod mail_remedy;
pub mod replay;
