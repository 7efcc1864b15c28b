//! For people: what waits and why, and the remedies, on the command line.
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
