//! Mail: letters written from templates, and the ways to send them.

mod folder;
mod letters;
mod mime;
mod words;

pub use folder::FolderMailer;
pub use letters::TemplateLetters;
pub use mime::Sender;
pub use words::Language;
