//! What operators see and do: each answer once, as the API and `--json` serialise it, tables print it and the page draws it.
//!
//! Times are the database's. Text in an answer may come from anywhere: a face escapes it for where it shows it.

mod attention;
mod audit;
mod groups;
mod judged;
mod mails;
mod masking;
mod messages;
mod minutes;
mod overview;
mod place;
mod remedies;
mod summary;
mod timeline;

pub use attention::{Attention, Thresholds, attention};
pub use audit::{AuditEntry, AuditFilter};
pub use groups::{FailureGroup, GroupFilter};
pub use judged::{Judged, one_row_of_each_message, report_of_run, there, verdicts};
pub use mails::{MailFilter, MailLine};
pub use masking::{masked, revealed};
pub use messages::{ACTIONS_MAX, Body, Event, EventKind, Message, MessageFilter, MessageLine, headers_of};
pub use minutes::late_functions;
pub use overview::{
    BreakerLine, DestinationLine, Heartbeat, MailLines, MailStateLine, Minute, Overview, PauseLine, Room, UnroutedLine,
};
pub use place::{checked_place, place, read_place};
pub use remedies::{
    Action, PauseAction, PauseReport, PauseRequest, Plan, PlannedRow, RemedyReport, RemedyRequest, RemedyRow,
    Selection, Signature,
};
pub use summary::summary;
pub use timeline::{MailAttempt, RowAttempt, timeline};

use serde::Serialize;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The items, newest first. There may be fewer than the limit although `next` is set: then the search was stopped
    /// after as many rows as one request may examine.
    pub items: Vec<T>,
    /// Where the next page begins: the value of `before`. Absent: this is the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
