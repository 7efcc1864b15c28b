//! The operator's port: reports of what waits and what was done, remedies with a dry run, pauses, heartbeats.

use super::error::StoreResult;
use crate::domain::{
    delivery::{Delivery, MailState},
    duplicates::DuplicateWindows,
    operations::{
        AuditEntry, AuditFilter, FailureGroup, GroupFilter, MailFilter, MailLine, Message, MessageFilter, MessageLine,
        Overview, Page, PauseReport, PauseRequest, Plan, RemedyReport, RemedyRequest, Signature,
    },
    rate_limit::RateLimit,
    recipient::Addressee,
};
use async_trait::async_trait;

/// What an overview is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverviewQuery {
    /// Event types that have a route setting; others are listed as unrouted.
    pub routed_types: Vec<String>,
    /// The mail provider, `mail:<name>`.
    pub provider: String,
    /// Its rate limit.
    pub rate_limit: RateLimit,
    /// How many minutes back, 1 to 1,440.
    pub minutes: u32,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// `next` of the page before it. None: the newest.
    pub before: Option<String>,
    /// Most items, 1 to 200.
    pub limit: u32,
}

/// A message as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Without `summary`, `trace_id` and `payload`, which the flow makes.
    pub message: Message,
    /// The payload, unmasked, of its first row.
    pub payload: Option<Vec<u8>>,
}

/// What a row that is sent again under its id must respect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemedyRules {
    /// Duplicate detection: within its destination's window, a row that the bus may have stored would vanish silently.
    pub windows: DuplicateWindows,
    /// The queue that SendEmail reads, as a destination: a message that its inbox knows is not mailed again. None:
    /// nothing is mailed.
    pub mail_queue: Option<String>,
}

/// The result of taking in a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenIn {
    /// It was stored.
    New,
    /// It was stored before, in this state, and is unchanged.
    Known(MailState),
}

/// What became of the run of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran {
    /// It was run now.
    Now(RemedyReport),
    /// It was run before: the report of that run.
    Before(RemedyReport),
    /// There is no plan of this token, or it has expired.
    Unknown,
}

/// Reports. None of them scans the history: each reads what is unfinished, or a bounded piece of an index.
#[async_trait]
pub trait Reports: Send + Sync {
    /// What waits and what was done. `attention` is left empty, for the flow to fill.
    async fn overview(&self, query: &OverviewQuery) -> StoreResult<Overview>;
    /// The rows that match, newest first. An invalid `before` is an empty page.
    async fn messages(&self, filter: &MessageFilter, page: &PageRequest) -> StoreResult<Page<MessageLine>>;
    /// Everything about the message that a person means by an id in any casing, or by a row's Seq. None: there is none.
    async fn message(&self, consumer: &str, text: &str) -> StoreResult<Option<StoredMessage>>;
    /// Failure groups that a row or mail is in now, last seen first.
    async fn groups(&self, filter: &GroupFilter, page: &PageRequest) -> StoreResult<Page<FailureGroup>>;
    /// The mails that match, newest first.
    async fn mails(&self, consumer: &str, filter: &MailFilter, page: &PageRequest) -> StoreResult<Page<MailLine>>;
    /// What operators did, newest first.
    async fn audit(&self, filter: &AuditFilter, page: &PageRequest) -> StoreResult<Page<AuditEntry>>;
    /// Records that an operator did something that changed no row, such as looking at personal data of a message.
    async fn record(&self, action: &str, message_id: &str, by: &Signature) -> StoreResult<()>;
}

/// Remedies: first a plan, which is the dry run, then its run.
#[async_trait]
pub trait Remedies: Send + Sync {
    /// The names of all destinations and mail providers.
    async fn destinations(&self) -> StoreResult<Vec<String>>;
    /// Finds the rows or mails, judges each, and stores what it found under `token`. Changes none of them. Dead letters are
    /// the queue's: their ids are stored as they are.
    async fn plan(&self, request: &RemedyRequest, rules: &RemedyRules, token: &str) -> StoreResult<Plan>;
    /// What the plan of this token was made for, and the report of its run. None: there is none, or it has expired.
    async fn planned(&self, token: &str) -> StoreResult<Option<(RemedyRequest, Option<RemedyReport>)>>;
    /// Applies the plan's remedy to its rows, each judged again, in one transaction with the audit entry. Rows that
    /// changed since the plan are left. Safe to repeat.
    async fn run(&self, token: &str, rules: &RemedyRules, by: &Signature) -> StoreResult<Ran>;
    /// Stores the report of a run that the store did not make; an earlier one stays.
    async fn store_report(&self, token: &str, report: &RemedyReport) -> StoreResult<()>;
    /// Stores a message that never reached us: accepted and due now, or refused for this reason. A known message is
    /// left unchanged.
    async fn take_in(
        &self,
        consumer: &str,
        delivery: &Delivery,
        addressee: &Addressee,
        refused: Option<&str>,
        by: &Signature,
    ) -> StoreResult<TakenIn>;
    /// Pauses, drains or resumes. None: there is no destination or provider of that name.
    async fn change_pause(&self, request: &PauseRequest, by: &Signature) -> StoreResult<Option<PauseReport>>;
    /// The answer that was stored under an idempotency key with its fingerprint. None: the key is new.
    async fn answer_of(&self, key: &str) -> StoreResult<Option<(String, String)>>;
    /// Stores an answer under an idempotency key; an earlier one stays.
    async fn store_answer(&self, key: &str, fingerprint: &str, answer: &str) -> StoreResult<()>;
}

/// The last runs of timer functions.
#[async_trait]
pub trait Heartbeats: Send + Sync {
    /// Stores that a run of this instance ended now, and within how many milliseconds the next one should have.
    async fn beat(&self, function: &str, next_in_ms: i64, error: Option<&str>) -> StoreResult<()>;
}
