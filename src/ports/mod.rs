//! What we need from outside, in our own terms: traits and their errors. Adapters implement them, flows use them.

pub mod error;
pub mod clock;
pub mod books;
pub mod outbox;
pub mod breaker;
pub mod bus;
pub mod entities;
pub mod dead_letters;
pub mod inbox;
pub mod mailer;
pub mod retention;
pub mod operations;
