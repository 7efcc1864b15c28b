//! For people: what waits and why, and the remedies, on the command line.

pub mod args;
mod linkage;
mod run;
pub mod stage;
mod tables;

pub use run::{OpsContext, run};
