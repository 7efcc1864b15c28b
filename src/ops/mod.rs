//! The operator's command line: what waits and why, and the remedies.
//!
#![doc = include_str!("README.md")]

pub mod args;
pub mod mail_args;
pub mod values;
mod dead_letters;
pub mod doctor;
mod linkage;
mod lists;
mod overview_table;
mod pauses;
mod print;
mod remedies;
mod run;
pub mod stage;
mod tables;

pub use print::time;
pub use run::{OpsContext, run};
