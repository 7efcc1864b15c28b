//! The flows: one file each, functions over borrowed ports that return a typed report.
//!
//! `book` writes to the books and the outbox; `dispatch`, woken early by `nudge`, claims, publishes and settles outbox
//! rows; `notify` stores a delivery in the inbox and sends its mail; `retry_mails` sends later what could not be sent
//! then; `dead_letters` stores what the queue dead-lettered; `prune` deletes what is past its retention.
//!
//! Choices of the dispatcher:
//! - Of a destination up to four batches are under way, a suspect or a probe only alone; of all destinations, one suspect
//!   at a time. When the breaker opens, what was claimed meanwhile is put back unsent.
//! - A claim changes nothing at a paused destination or behind an open breaker: rows over the claim limit wait too.
//! - A failed probe counts as one failure; the breaker stays open for its own delay, not for the probe's lease.
//! - A settle that lost all its leases changes neither the breaker nor the time of the last acceptance.
//! - A row without an answer, where others of its batch were accepted, is sent alone next and opens no breaker.

pub mod health;
pub mod book;
pub mod dispatch;
mod drain;
mod batch;
mod lease;
mod prepare;
pub mod nudge;
pub mod notify;
pub mod retry_mails;
pub mod dead_letters;
mod mail_one;
pub mod mailing;
pub mod prune;
pub mod operate;
pub mod watch;
pub mod overviews;
pub mod remedy;
mod take_in;
mod duplicate_windows;
