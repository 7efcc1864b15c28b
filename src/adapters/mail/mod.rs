//! Mail: letters written from templates, and the ways to send them.

mod folder;
mod letters;
mod mime;
mod smtp;
mod smtp_outcome;
mod words;

pub use folder::FolderMailer;
pub use letters::TemplateLetters;
pub use mime::Sender;
pub use smtp::{SmtpMailer, SmtpOptions, SmtpSecurity};
pub use words::Language;
