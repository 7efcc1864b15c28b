//! The arguments of the command line, for clap.

#![expect(missing_docs, reason = "clap prints doc comments as help: that of a struct would replace the command's")]

use crate::{
    adapters::sqlserver::migrate_user::AppUser,
    ops::args::{DataArgs, OpsArgs},
};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Parser)]
#[command(
    name = "client-organizer",
    version = crate::config::version(),
    about = "A transactional outbox for Azure Functions: if the books changed, the message goes out",
    after_help = "Settings are environment variables: `client-organizer settings` lists them. Started by the Azure Functions host, \
                  no command means `serve`."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    #[cfg(feature = "local")]
    /// Everything on this machine: the API, the timers, a queue and a mail folder; needs nothing else installed
    Local(LocalArgs),
    /// The custom handler, as started by the Azure Functions host (FUNCTIONS_CUSTOMHANDLER_PORT)
    Serve,
    /// Creates or updates the database's tables
    Migrate(MigrateArgs),
    /// The dispatcher as a separate process, until Ctrl-C
    Dispatch(DispatchArgs),
    /// Copies host.json, the functions and this executable to a folder that can be published, or started by `func`
    /// (--local). `infra/package.sh` makes a build that can be published, and calls this
    Stage {
        /// A folder that is empty, missing, or an earlier stage
        folder: PathBuf,
        /// For `func start` on this machine: takes any build, and writes local.settings.json if there is none
        #[arg(long)]
        local: bool,
    },
    /// Every setting: its purpose, expected value and default
    Settings(SettingsArgs),
    /// Checks settings, database, bus and mail: what is wrong and how to fix it. Exit code 1 if there is a problem
    Doctor(DoctorArgs),
    /// The letters that clients receive
    Mail {
        #[command(subcommand)]
        command: MailCommand,
    },
    /// What waits and why, and the remedies
    Ops(Box<OpsArgs>),
    /// Prints a completion script: bash reads it by `source <(client-organizer completions bash)`
    Completions { shell: clap_complete::Shell },
}

#[derive(Debug, Args)]
pub struct SettingsArgs {
    /// Print the tables of src/config/README.md
    #[arg(long, conflicts_with = "example")]
    pub markdown: bool,
    /// Print local.settings.example.json
    #[arg(long)]
    pub example: bool,
}

#[cfg(feature = "local")]
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct LocalArgs {
    /// Port of the API; 0: a free one
    #[arg(long, default_value_t = 7071)]
    pub port: u16,
    /// Folder of the databases and the mails, for one host at a time
    #[arg(long, default_value = ".local")]
    pub data: PathBuf,
    /// Use this SQL Server database (an ADO connection string) instead of a file
    #[arg(long, value_name = "CONNECTION STRING")]
    pub sql: Option<String>,
    /// Send to this Service Bus namespace or emulator (a connection string) over AMQP instead of the local queue
    #[arg(long, value_name = "CONNECTION STRING", conflicts_with = "demo")]
    pub bus: Option<String>,
    /// Folder with host.json: a checkout, or a staged folder, whose handler is then run
    #[arg(long, default_value = ".")]
    pub root: PathBuf,
    /// Book a few sample clients and records, and show what happens to their messages
    #[arg(long)]
    pub demo: bool,
    /// With --demo: exit when its mails have arrived; an error if they do not within 30 s
    #[arg(long, requires = "demo")]
    pub exit_after_demo: bool,
    /// Ask for function keys as Azure does; they are made in the data folder and printed once
    #[arg(long, conflicts_with = "demo")]
    pub auth: bool,
    /// Print events as JSON lines instead of sentences
    #[arg(long)]
    pub json: bool,
    /// Seconds for which the queue drops repeated MessageIds; 0: not at all (Service Bus's default)
    #[arg(long, default_value_t = 0)]
    pub duplicate_detection: u64,
    /// For tests: deliver nothing until the handler has exited once
    #[arg(long, hide = true)]
    pub hold_deliveries_until_exit: bool,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct MigrateArgs {
    /// Only show the database, its version, and what would be applied
    #[arg(long)]
    pub dry_run: bool,
    /// Print the T-SQL that would be run, for a DBA; needs no connection
    #[arg(long)]
    pub script: bool,
    /// Print the T-SQL that creates the role for the program's own login
    #[arg(long)]
    pub grants: bool,
    /// Afterwards make this identity of Entra ID a user of the database (Azure SQL), with that role and nothing else
    #[arg(long, value_name = "NAME=CLIENT ID")]
    pub app_user: Option<AppUser>,
}

#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// Writes every letter in each language, with made-up data, to a folder: open its index.html
    Preview(PreviewArgs),
}

#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// The folder; files of an earlier preview are overwritten
    #[arg(long, default_value = ".local/preview")]
    pub out: PathBuf,
}

#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print JSON instead of sentences
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub data: DataArgs,
}

#[derive(Debug, Args)]
pub struct DispatchArgs {
    /// Run once and exit; exit code 1 if the store could not be reached
    #[arg(long)]
    pub once: bool,
    /// Milliseconds between runs
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(100..=3_600_000))]
    pub every_ms: u64,
}
