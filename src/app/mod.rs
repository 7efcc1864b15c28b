//! The only room with a door to all the others.
pub mod cli;
