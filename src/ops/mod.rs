//! The operator's command line: what waits and why, and the remedies.
//!
#![doc = include_str!("README.md")]

pub mod args;
mod dead_letters;
pub mod doctor;
mod linkage;
mod print;
mod run;
pub mod stage;
mod tables;
mod windows;

pub use print::time;
pub use run::{MailQueue, OpsContext, run};
