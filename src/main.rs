//! The executable: parses the command line, calls `app`.

use clap::Parser;
use client_organizer::app::{self, cli::Cli};
use std::process::ExitCode;

fn main() -> ExitCode {
    app::main(Cli::parse())
}
