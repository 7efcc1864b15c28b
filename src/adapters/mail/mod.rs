//! Mail: letters rendered from templates, and the mailers that send them.
//!
#![doc = include_str!("README.md")]

mod acs;
mod acs_key;
mod acs_outcome;
mod folder;
mod letters;
mod mime;
mod preview;
mod smtp;
mod smtp_blame;
mod smtp_link;
mod smtp_outcome;
mod smtp_reply;
mod words;

pub use crate::{
    config::{SmtpSecurity, Unsubscribe, connection::acs::AcsConnectionString},
    domain::language::Language,
};
pub use acs::{AcsLogin, AcsMailer, AcsOptions};
pub use acs_outcome::ACS_ROLE;
pub use folder::FolderMailer;
pub use letters::TemplateLetters;
pub use mime::Sender;
pub use preview::{PreviewFile, preview};
pub use smtp::{SmtpMailer, SmtpOptions};
