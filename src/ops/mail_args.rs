//! The words of `client-organizer ops mail`, for clap.

#![expect(missing_docs, reason = "clap prints doc comments as help: that of a struct would replace the command's")]
#![allow(rustdoc::invalid_html_tags, reason = "these comments are the help text, where `<name>` is a placeholder")]

use super::{
    args::{HowLong, PageArgs, RunArgs, Why, Within},
    values::mail_state,
};
use crate::domain::delivery::MailState;
use clap::{ArgGroup, Args, Subcommand};

#[derive(Debug, Clone, Subcommand)]
pub enum MailCommand {
    /// Mails, newest first; without a condition those that are not sent
    List {
        #[command(flatten)]
        filter: MailFilterArgs,
        #[command(flatten)]
        page: PageArgs,
    },
    /// The mails to one address, newest first, within the retention of the inbox
    Find {
        address: String,
        #[command(flatten)]
        page: PageArgs,
    },
    /// One mail and its message: as `ops show`
    Show {
        /// The message's id
        id: String,
    },
    /// Sends refused mails or mails in doubt (again)
    Resend {
        #[command(flatten)]
        mails: Mails,
        /// All refused mails, at once: as --state refused --yes
        #[arg(long, group = "mails", conflicts_with_all = ["ids", "state", "token"])]
        refused: bool,
        /// With --refused: only those whose reason contains this text
        #[arg(long, requires = "refused")]
        like: Option<String>,
    },
    /// Marks mails in doubt as sent; by id also mails that wait, where you know that they went
    AssumeSent {
        #[command(flatten)]
        mails: Mails,
    },
    /// Stops mailing; mails wait in the inbox
    Pause {
        #[command(flatten)]
        how_long: HowLong,
        #[command(flatten)]
        why: Why,
    },
    /// As pause, and waits until no mail is being sent any more
    Drain {
        #[command(flatten)]
        how_long: HowLong,
        #[command(flatten)]
        within: Within,
        #[command(flatten)]
        why: Why,
    },
    /// Ends a pause of mailing and closes the provider's breaker
    Resume {
        #[command(flatten)]
        why: Why,
    },
    /// The queue's dead letters, oldest first; each is locked for a moment and released
    #[command(args_conflicts_with_subcommands = true)]
    DeadLetters {
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        #[command(subcommand)]
        command: Option<DeadLetterCommand>,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub enum DeadLetterCommand {
    /// Stores them in the inbox, from where the next RetryEmail sends them, and removes them from the queue; a message
    /// that is already in the inbox is only removed
    TakeIn {
        /// Only these message ids
        #[arg(conflicts_with = "token")]
        ids: Vec<String>,
        #[command(flatten)]
        run: RunArgs,
    },
}

/// Conditions on mails; all that are given must hold.
#[derive(Debug, Clone, Default, Args)]
pub struct MailFilterArgs {
    #[arg(long, value_parser = mail_state())]
    pub state: Option<MailState>,
    /// The client's number
    #[arg(long)]
    pub client: Option<i64>,
    /// The failure group, as `ops groups` prints it
    #[arg(long, value_name = "FINGERPRINT")]
    pub group: Option<String>,
}

/// Which mails a remedy is about.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("mails").required(true).multiple(true)
    .args(["ids", "state", "client", "group", "token"]))]
pub struct Mails {
    /// The messages' ids
    #[arg(conflicts_with_all = ["state", "client", "group", "token"])]
    pub ids: Vec<String>,
    #[command(flatten)]
    pub filter: MailFilterArgs,
    #[command(flatten)]
    pub run: RunArgs,
}
