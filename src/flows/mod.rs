//! The rivers: one file each, functions over borrowed ports that answer a typed report.
//!
//! Booking (`book`) writes; sending (`dispatch`, woken early by `nudge`) claims, publishes, settles; telling
//! (`notify`) takes in, mails, remembers, and takes up later (`retry_mails`); `prune` forgets what is finished.

pub mod vitals;
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
