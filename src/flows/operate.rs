//! What operators ask and do, the same for the HTTP API and the command line.

use super::overviews::Overviews;
use crate::{
    domain::{
        delivery::EMAIL_CONSUMER,
        operations::{
            AuditEntry, AuditFilter, FailureGroup, GroupFilter, MailFilter, MailLine, Message, MessageFilter,
            MessageLine, Overview, Page, Signature, Thresholds, attention, masked, revealed, summary,
        },
        rate_limit::RateLimit,
        recipient::RecipientKey,
        route::{Destination, Routes},
        traceparent::trace_id,
    },
    ports::{
        clock::Clock,
        dead_letters::DeadLetters,
        entities::Entities,
        error::StoreResult,
        operations::{OverviewQuery, PageRequest, Remedies, Reports, StoredMessage},
    },
};
use std::sync::Arc;

/// What operating needs.
pub struct OperateContext {
    /// Reports of the store.
    pub reports: Arc<dyn Reports>,
    /// The overviews of the last second.
    pub overviews: Overviews,
    /// Remedies of the store.
    pub remedies: Arc<dyn Remedies>,
    /// Reads queues' and topics' properties; an error is the reason why that is not possible.
    pub entities: Result<Arc<dyn Entities>, String>,
    /// Reads the email queue's dead letters; an error is the reason why that is not possible.
    pub dead_letters: Result<Arc<dyn DeadLetters>, String>,
    /// Where each event type goes.
    pub routes: Arc<Routes>,
    /// Key of the recipients' hashes; an error is the reason why there is none.
    pub recipients: Result<RecipientKey, String>,
    /// The duplicate detection window, in milliseconds, of destinations whose properties cannot be read; 0: none.
    pub duplicate_window_ms: i64,
    /// The queue that SendEmail reads. None: not set.
    pub mail_queue: Option<Destination>,
    /// Retention of inbox entries, in days.
    pub tombstone_days: i64,
    /// The mail provider, `mail:<name>`.
    pub provider: String,
    /// Its rate limit.
    pub rate_limit: RateLimit,
    /// One take-in at a time: the letters that one has locked, another would report as gone.
    pub taking_in: tokio::sync::Mutex<()>,
    /// The time of the command.
    pub clock: Arc<dyn Clock>,
}

/// What waits, how long and why, and what needs a person.
///
/// # Errors
/// The store's.
pub async fn overview(context: &OperateContext, minutes: u32) -> StoreResult<Overview> {
    let query = OverviewQuery {
        routed_types: context.routes.0.keys().cloned().collect(),
        provider: context.provider.clone(),
        rate_limit: context.rate_limit,
        minutes,
    };
    let compute = async || {
        let mut overview = context.reports.overview(&query).await?;
        overview.attention = attention(&overview, Thresholds::DEFAULT);
        Ok(overview)
    };
    context.overviews.get(minutes, compute).await
}

/// The rows that match, newest first.
///
/// # Errors
/// The store's.
pub async fn messages(
    context: &OperateContext,
    filter: &MessageFilter,
    page: &PageRequest,
) -> StoreResult<Page<MessageLine>> {
    context.reports.messages(filter, page).await
}

/// Everything about one message. `reveal`: its payload with personal data; that somebody looks at it is recorded first.
/// None: there is none.
///
/// # Errors
/// The store's.
pub async fn message(context: &OperateContext, text: &str, reveal: Option<&Signature>) -> StoreResult<Option<Message>> {
    let Some(StoredMessage { mut message, payload }) = context.reports.message(EMAIL_CONSUMER, text).await? else {
        return Ok(None);
    };
    let mail_queue = context.mail_queue.as_ref().map(ToString::to_string);
    message.summary = summary(&message, mail_queue.as_deref());
    message.trace_id = message.headers.get("traceparent").and_then(|parent| trace_id(parent)).map(str::to_owned);
    message.payload = match (payload, reveal) {
        (Some(payload), Some(by)) => {
            context.reports.record(REVEAL, &message.id, by).await?;
            Some(revealed(&payload))
        }
        (payload, _) => payload.map(|payload| masked(&payload)),
    };
    Ok(Some(message))
}

/// The name of this action in the audit.
const REVEAL: &str = "reveal";

/// Failure groups that a row or mail is in now.
///
/// # Errors
/// The store's.
pub async fn groups(
    context: &OperateContext,
    filter: &GroupFilter,
    page: &PageRequest,
) -> StoreResult<Page<FailureGroup>> {
    context.reports.groups(filter, page).await
}

/// The mails that match, newest first.
///
/// # Errors
/// The store's.
pub async fn mails(context: &OperateContext, filter: &MailFilter, page: &PageRequest) -> StoreResult<Page<MailLine>> {
    context.reports.mails(EMAIL_CONSUMER, filter, page).await
}

/// What operators did, newest first.
///
/// # Errors
/// The store's.
pub async fn audit(
    context: &OperateContext,
    filter: &AuditFilter,
    page: &PageRequest,
) -> StoreResult<Page<AuditEntry>> {
    context.reports.audit(filter, page).await
}
