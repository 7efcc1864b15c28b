//! The words of `client-organizer ops`, for clap.

#![expect(missing_docs, reason = "clap prints doc comments as help: that of a struct would replace the command's")]
#![allow(rustdoc::invalid_html_tags, reason = "these comments are the help text, where `<name>` is a placeholder")]

use super::{
    mail_args::MailCommand,
    values::{Moment, destination, duration_ms, name_of_person, reason, row_state},
};
use crate::domain::{operations::checked_place, outbox::RowState};
use clap::{ArgGroup, Args, Subcommand};
use std::path::PathBuf;

/// Without it, clap lists every condition as an alternative.
macro_rules! usage {
    ($word:literal, $more:literal) => {
        concat!(
            "client-organizer ops ",
            $word,
            " <ID>... ",
            $more,
            "--reason <REASON>\n       ",
            "client-organizer ops ",
            $word,
            " <CONDITIONS> ",
            $more,
            "[--dry-run | --yes] --reason <REASON>\n       ",
            "client-organizer ops ",
            $word,
            " --token <TOKEN> --reason <REASON>"
        )
    };
}

#[derive(Debug, Clone, Args)]
pub struct OpsArgs {
    /// Print JSON, as the HTTP API answers it, instead of tables
    #[arg(long, global = true)]
    pub json: bool,
    #[command(flatten)]
    pub data: DataArgs,
    #[command(subcommand)]
    pub command: OpsCommand,
}

#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    /// Use the data folder of a local host, and its queue while it runs
    #[arg(long = "data", value_name = "FOLDER", global = true)]
    pub folder: Option<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum OpsCommand {
    /// What waits, how long and why; what was done; whether the timers run; what needs a person
    #[command(alias = "status")]
    Overview {
        /// How many minutes back the counts and latencies go
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1440))]
        minutes: u32,
        /// For monitors: print only what needs a person; exit code 1 if anything does
        #[arg(long, conflicts_with = "watch")]
        check: bool,
        /// Print it again every two seconds, until Ctrl-C
        #[arg(long)]
        watch: bool,
    },
    /// Messages, newest first
    #[command(alias = "list")]
    Find {
        /// The message's id, or its row's seq
        id: Option<String>,
        #[command(flatten)]
        filter: FilterArgs,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Everything about one message and its mail, from the commit on
    Show {
        /// The message's id, or its row's seq
        id: String,
        /// Show the payload with personal data; recorded with --reason and --by
        #[arg(long, requires = "reason")]
        reveal: bool,
        /// The reason, recorded with who and when
        #[arg(long, value_parser = reason, requires = "reveal")]
        reason: Option<String>,
        /// Who; by default your login name
        #[arg(long, env = "USER", hide_env = true, value_parser = name_of_person, required_if_eq("reveal", "true"))]
        by: Option<String>,
    },
    /// Failures that are alike, last seen first
    Groups {
        /// Only this destination or mail provider
        name: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Makes dead rows pending again, under the same id
    #[command(override_usage = usage!("requeue", "[--out-of-order] "))]
    Requeue {
        #[command(flatten)]
        rows: Rows,
        /// Even if a later row of the same key was sent already
        #[arg(long)]
        out_of_order: bool,
    },
    /// Marks pending or dead rows as never to be sent
    #[command(override_usage = usage!("discard", ""))]
    Discard {
        #[command(flatten)]
        rows: Rows,
    },
    /// Sends sent rows again
    #[command(override_usage = usage!("replay", "[--force] [--out-of-order] "))]
    Replay {
        #[command(flatten)]
        rows: Rows,
        /// Even if a later row of the same key was sent already
        #[arg(long)]
        out_of_order: bool,
        /// As a new message with a new id: the client is mailed again, since nothing recognises a repeat
        #[arg(long)]
        force: bool,
    },
    /// Gives pending or dead rows another destination; a dead one is requeued there
    #[command(override_usage = usage!("route", "--to <TO> [--out-of-order] "))]
    Route {
        #[command(flatten)]
        rows: Rows,
        /// The new destination, queue:<name> or topic:<name>
        #[arg(long, required_unless_present = "token")]
        to: Option<String>,
        /// Even if a later row of the same key was sent already
        #[arg(long)]
        out_of_order: bool,
    },
    /// Stops dispatching to a destination, or mailing by mail:<provider>
    Pause {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        how_long: HowLong,
        #[command(flatten)]
        why: Why,
    },
    /// As pause, and waits until nothing is being sent any more
    Drain {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        how_long: HowLong,
        #[command(flatten)]
        within: Within,
        #[command(flatten)]
        why: Why,
    },
    /// Ends a pause and closes the breaker
    Resume {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        why: Why,
    },
    /// What operators did, newest first
    Audit {
        /// Only what was done to this message
        id: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Mails in the inbox, dead letters of the queue, and their remedies
    Mail {
        #[command(subcommand)]
        command: MailCommand,
    },
}

/// Conditions on messages; all that are given must hold.
#[derive(Debug, Clone, Default, Args)]
pub struct FilterArgs {
    /// The client's number
    #[arg(long)]
    pub client: Option<i64>,
    #[arg(long)]
    pub event_type: Option<String>,
    /// queue:<name> or topic:<name>
    #[arg(long, value_parser = destination)]
    pub destination: Option<String>,
    #[arg(long, value_parser = row_state())]
    pub state: Option<RowState>,
    #[arg(long)]
    pub ordering_key: Option<String>,
    /// The failure group, as `groups` prints it
    #[arg(long, value_name = "FINGERPRINT")]
    pub group: Option<String>,
    /// Events that happened then or later: a time, or how long ago (90m, 12h, 2d)
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,
    /// Events that happened before then
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,
}

#[derive(Debug, Clone, Args)]
pub struct PageArgs {
    /// Continue here: what the previous page printed last
    #[arg(long, value_name = "NEXT", value_parser = checked_place)]
    pub before: Option<String>,
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
}

/// Which rows a remedy is about.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("selection").required(true).multiple(true)
    .args(["ids", "client", "event_type", "state", "ordering_key", "group", "since", "until", "destination", "token"]))]
pub struct Rows {
    /// The messages' ids, or their rows' seqs
    #[arg(conflicts_with_all = ["client", "event_type", "state", "ordering_key", "group", "since", "until", "token"])]
    pub ids: Vec<String>,
    #[command(flatten)]
    pub filter: FilterArgs,
    /// All dead rows of --destination, at once: as --state dead --yes
    #[arg(long, requires = "destination", conflicts_with_all = ["ids", "state", "token"])]
    pub all_dead: bool,
    #[command(flatten)]
    pub run: RunArgs,
}

/// How a remedy is run: rows that were named at once, others after a dry run.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// At most this many; by default 1,000, and 100 copies
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: Option<u32>,
    /// Change nothing: show how many it would change, some of them, and a token
    #[arg(long, conflicts_with_all = ["yes", "token"])]
    pub dry_run: bool,
    /// Run what the dry run of this token showed
    #[arg(long, conflicts_with = "yes")]
    pub token: Option<String>,
    /// Without a dry run first, where rows are selected by conditions
    #[arg(long)]
    pub yes: bool,
    /// The reason, recorded with who and when
    #[arg(long, value_parser = reason, required_unless_present = "dry_run")]
    pub reason: Option<String>,
    /// Who; by default your login name
    #[arg(long, env = "USER", hide_env = true, value_parser = name_of_person, required_unless_present = "dry_run")]
    pub by: Option<String>,
}

#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct Target {
    /// queue:<name>, topic:<name> or mail:<provider>
    pub destination: Option<String>,
    /// Every destination of the bus
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, Clone, Args)]
pub struct HowLong {
    /// Resume by itself after this time (30m, 2h, 1d); without it, a person resumes
    #[arg(long = "for", value_name = "TIME", value_parser = duration_ms)]
    pub for_ms: Option<i64>,
}

#[derive(Debug, Clone, Args)]
pub struct Within {
    /// Wait at most this long (60s, 5m); the pause stays
    #[arg(long = "timeout", value_name = "TIME", value_parser = duration_ms, default_value = "60s")]
    pub timeout_ms: i64,
}

#[derive(Debug, Clone, Args)]
pub struct Why {
    /// The reason, recorded with who and when
    #[arg(long, value_parser = reason)]
    pub reason: String,
    /// Who; by default your login name
    #[arg(long, env = "USER", hide_env = true, value_parser = name_of_person)]
    pub by: String,
}
