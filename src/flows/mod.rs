//! The rivers: one file each, functions over borrowed ports that answer a typed report.
//!
//! Booking (`book`) writes; sending (`dispatch`, woken early by `nudge`) claims, publishes, settles; telling
//! (`notify`) takes in, mails, remembers, and takes up later (`retry_mails`); `prune` forgets what is finished.
//!
//! Choices of the dispatcher:
//! - At a paused or broken destination a claim does nothing at all: rows over the claim limit wait too.
//! - A failed probe counts once per outage and probe; the breaker waits as long as it says, not as long as the probe's
//!   lease.
//! - A settle whose every lease was lost changes neither the breaker nor the time of the last acceptance.
//! - A row that was cut while neighbours of its batch were accepted goes alone next, and opens nothing.

pub mod health;
pub mod book;
pub mod dispatch;
mod drain;
mod lease;
mod prepare;
pub mod nudge;
pub mod notify;
pub mod retry_mails;
pub mod dead_letters;
mod mail_one;
pub mod mailing;
pub mod prune;
