//! The words of `client-organizer ops`, for clap.

#![allow(
    rustdoc::invalid_html_tags,
    reason = "these comments are the help's text, where `<name>` is a place to fill in"
)]

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
    /// Outbox rows, oldest first; without --state those that are not finished, and the dead
    List {
        #[arg(long, value_parser = row_state)]
        state: Option<RowState>,
        /// queue:<name> or topic:<name>
        #[arg(long, value_parser = destination)]
        destination: Option<String>,
        #[arg(long)]
        event_type: Option<String>,
        /// Only rows with a greater Seq: the last one of the page before
        #[arg(long, default_value_t = 0)]
        after: i64,
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// All there is to one message and its mail, with its payload (personal data)
    Show {
        /// The message's id, or its row's seq
        id: String,
    },
    /// Dead rows go back into the line, under the same id
    #[command(
        override_usage = "client-organizer ops requeue <ID> [--destination <DESTINATION>] [--out-of-order] --reason <REASON>\n       \
                                client-organizer ops requeue --all-dead --destination <DESTINATION> [--limit <LIMIT>] [--out-of-order] --reason <REASON>"
    )]
    Requeue {
        #[command(flatten)]
        rows: Rows,
        /// Although a later row of the same key was sent already
        #[arg(long)]
        out_of_order: bool,
        #[command(flatten)]
        why: Why,
    },
    /// Pending or dead rows will never be sent
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
    /// Sent rows go out again
    Replay {
        #[command(flatten)]
        rows: OneRow,
        #[arg(long)]
        out_of_order: bool,
        /// As a new message with a new id: the client is mailed again, whatever is remembered
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
    /// Mails: what was taken in, and what became of it
    Mail {
        #[command(subcommand)]
        command: MailCommand,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub enum MailCommand {
    /// The newest mails, in the order they came; without --state those that are not sent
    List {
        #[arg(long, value_parser = mail_state)]
        state: Option<MailState>,
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// The newest mails to one address, in the order they came, as long as they are remembered
    Find {
        address: String,
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// A refused or doubtful mail is sent (again), or all refused ones
    Resend {
        #[arg(required_unless_present = "refused")]
        id: Option<String>,
        /// All refused mails whose content is still there, newest first
        #[arg(long, conflicts_with = "id")]
        refused: bool,
        /// With --refused: only those whose reason holds this text
        #[arg(long, requires = "refused")]
        like: Option<String>,
        /// With --refused: at most so many are looked at
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        #[command(flatten)]
        why: Why,
    },
    /// Messages that the queue set aside before they reached us, oldest first; each is held for a moment and given back
    DeadLetters {
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        #[command(subcommand)]
        command: Option<DeadLetterCommand>,
    },
    /// A doubtful mail is taken as sent
    AssumeSent {
        id: String,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub enum DeadLetterCommand {
    /// They are stored here, to be mailed by the next RetryEmail, and leave the queue; one that we know only leaves it
    TakeIn {
        /// Only these message ids
        ids: Vec<String>,
        /// At most so many
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
    /// With --all-dead: at most so many
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
}

#[derive(Debug, Clone, Args)]
pub struct Why {
    /// Why; recorded with who and when
    #[arg(long, value_parser = reason)]
    pub reason: String,
    /// Who; else the name you are logged in by
    #[arg(long, env = "USER", default_value = "unknown", hide_env = true)]
    pub by: String,
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 500 {
        return Err("say why, in 1 to 500 characters".to_owned());
    }
    Ok(text.to_owned())
}

/// As it is printed.
#[expect(clippy::unnecessary_wraps, reason = "clap asks for it")]
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
