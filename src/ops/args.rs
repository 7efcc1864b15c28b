//! The arguments of `client-organizer ops`, for clap.

#![expect(missing_docs, reason = "clap prints doc comments as help: that of a struct would replace the command's")]
#![allow(rustdoc::invalid_html_tags, reason = "these comments are the help text, where `<name>` is a placeholder")]

use crate::domain::{delivery::MailState, outbox::RowState, route::NOT_ROUTED};
use clap::{Args, Subcommand};

#[derive(Debug, Clone, Args)]
pub struct OpsArgs {
    /// Print JSON instead of tables
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: OpsCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub enum OpsCommand {
    /// What waits for each destination, how long, and why
    Status,
    /// Outbox rows, oldest first; without --state those that are pending, leased or dead
    List {
        #[arg(long, value_parser = row_state)]
        state: Option<RowState>,
        /// queue:<name> or topic:<name>
        #[arg(long, value_parser = destination)]
        destination: Option<String>,
        #[arg(long)]
        event_type: Option<String>,
        /// Only rows with a greater Seq: the last one of the previous page
        #[arg(long, default_value_t = 0)]
        after: i64,
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Everything about one message and its mail, with its payload (personal data)
    Show {
        /// The message's id, or its row's seq
        id: String,
    },
    /// Makes dead rows pending again, under the same id
    #[command(
        override_usage = "client-organizer ops requeue <ID> [--destination <DESTINATION>] [--out-of-order] --reason <REASON>\n       \
                                client-organizer ops requeue --all-dead --destination <DESTINATION> [--limit <LIMIT>] [--out-of-order] --reason <REASON>"
    )]
    Requeue {
        #[command(flatten)]
        rows: Rows,
        /// Even if a later row of the same key was sent already
        #[arg(long)]
        out_of_order: bool,
        #[command(flatten)]
        why: Why,
    },
    /// Marks pending or dead rows as never to be sent
    #[command(
        override_usage = "client-organizer ops discard <ID> [--destination <DESTINATION>] --reason <REASON>\n       \
                                client-organizer ops discard --all-dead --destination <DESTINATION> [--limit <LIMIT>] --reason <REASON>"
    )]
    Discard {
        #[command(flatten)]
        rows: Rows,
        #[command(flatten)]
        why: Why,
    },
    /// Sends sent rows again
    Replay {
        #[command(flatten)]
        rows: OneRow,
        /// Even if a later row of the same key was sent already
        #[arg(long)]
        out_of_order: bool,
        /// As a new message with a new id: the client is mailed again, since nothing recognises a repeat
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        why: Why,
    },
    /// Stops dispatching to a destination, or mailing by mail:<provider>
    Pause {
        destination: String,
        #[command(flatten)]
        why: Why,
    },
    /// Ends a pause and closes the breaker
    Resume {
        destination: String,
        #[command(flatten)]
        why: Why,
    },
    /// Mails in the inbox, dead letters of the queue, and their remedies
    Mail {
        #[command(subcommand)]
        command: MailCommand,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub enum MailCommand {
    /// The newest mails, in the order received; without --state those that are not sent
    List {
        #[arg(long, value_parser = mail_state)]
        state: Option<MailState>,
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// The newest mails to one address, in the order received, within the retention of the inbox
    Find {
        address: String,
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Sends a refused mail or one in doubt (again), or all refused ones
    Resend {
        #[arg(required_unless_present = "refused")]
        id: Option<String>,
        /// All refused mails whose content is still there, newest first
        #[arg(long, conflicts_with = "id")]
        refused: bool,
        /// With --refused: only those whose reason contains this text
        #[arg(long, requires = "refused")]
        like: Option<String>,
        /// With --refused: consider at most this many
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        #[command(flatten)]
        why: Why,
    },
    /// The queue's dead letters, oldest first; each is locked for a moment and released
    DeadLetters {
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        #[command(subcommand)]
        command: Option<DeadLetterCommand>,
    },
    /// Marks a mail in doubt as sent
    AssumeSent {
        id: String,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub enum DeadLetterCommand {
    /// Stores them in the inbox, from where the next RetryEmail sends them, and removes them from the queue; a message
    /// that is already in the inbox is only removed
    TakeIn {
        /// Only these message ids
        ids: Vec<String>,
        /// At most this many
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Clone, Args)]
pub struct OneRow {
    /// The message's id, or its row's seq
    pub id: String,
    /// Only the row of this destination
    #[arg(long, value_parser = destination)]
    pub destination: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct Rows {
    /// The message's id, or its row's seq
    #[arg(required_unless_present = "all_dead", conflicts_with = "all_dead")]
    pub id: Option<String>,
    /// Only the row of this destination; with --all-dead, the destination
    #[arg(long, value_parser = destination)]
    pub destination: Option<String>,
    /// All dead rows of --destination
    #[arg(long, requires = "destination")]
    pub all_dead: bool,
    /// With --all-dead: at most this many
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
}

#[derive(Debug, Clone, Args)]
pub struct Why {
    /// The reason, recorded with who and when
    #[arg(long, value_parser = reason)]
    pub reason: String,
    /// Who; by default your login name
    #[arg(long, env = "USER", default_value = "unknown", hide_env = true)]
    pub by: String,
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 500 {
        return Err("expected a reason of 1 to 500 characters".to_owned());
    }
    Ok(text.to_owned())
}

/// Accepts a destination as `ops` prints it.
#[expect(clippy::unnecessary_wraps, reason = "clap requires a Result")]
fn destination(text: &str) -> Result<String, String> {
    Ok(if text == NOT_ROUTED { String::new() } else { text.to_owned() })
}

fn row_state(text: &str) -> Result<RowState, String> {
    let known = || RowState::ALL.map(RowState::name).join(", ");
    RowState::ALL.into_iter().find(|state| state.name() == text).ok_or_else(|| format!("expected one of {}", known()))
}

fn mail_state(text: &str) -> Result<MailState, String> {
    let known = || MailState::ALL.map(MailState::name).join(", ");
    MailState::ALL.into_iter().find(|state| state.name() == text).ok_or_else(|| format!("expected one of {}", known()))
}
