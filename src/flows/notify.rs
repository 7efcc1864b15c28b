//! Telling: takes a delivery in, mails it at once where it may, and later takes up what was parked or left behind.

use super::{
    lease,
    mail_one::{self, MailResult},
    vitals::Vitals,
};
use crate::{
    domain::{
        delivery::{self, Delivery, EMAIL_CONSUMER, MailState, MailWork},
        event::CloudEvent,
        flow_settings::NotifySettings,
        ids::{LeaseToken, MessageId},
        recipient::RecipientKey,
    },
    ports::{
        breaker::Breakers,
        clock::Clock,
        error::StoreResult,
        inbox::{Begun, Inbox, Lease},
        mailer::{Letters, Mailer},
        outbox::Breaker,
    },
};
use chrono::{DateTime, Utc};
use futures::FutureExt;
use serde::Serialize;
use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;
use uuid::Uuid;

pub struct NotifyContext {
    pub inbox: Arc<dyn Inbox>,
    pub breakers: Arc<dyn Breakers>,
    pub mailer: Arc<dyn Mailer>,
    pub letters: Arc<dyn Letters>,
    pub clock: Arc<dyn Clock>,
    pub recipients: RecipientKey,
    pub settings: NotifySettings,
    pub vitals: Arc<Vitals>,
    pub dice: Mutex<fastrand::Rng>,
}

/// What became of one delivery. All of these are answered 200.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub enum NotifyReport {
    Sent,
    Parked {
        reason: String,
    },
    Refused {
        reason: String,
    },
    InDoubt {
        reason: String,
    },
    /// Stored; RetryEmail sends it.
    Accepted,
    /// A repeat of one we know.
    Duplicate {
        state: MailState,
    },
    /// The lease was lost while sending: another decides.
    LeaseLost,
    /// Sent or not, the outcome could not be stored: the lease will run out and the mail be in doubt.
    NotStored {
        reason: String,
    },
}

/// # Errors
/// Only where the message could not be stored: then the broker must deliver it again.
pub async fn take_in(context: &NotifyContext, delivery: Delivery) -> StoreResult<NotifyReport> {
    let whose = context.recipients.whose(&delivery.body);
    let event = match delivery::read_event(&delivery, context.clock.now(), context.settings.tombstone_days) {
        Ok(event) => event,
        Err(reason) => {
            let keyed = with_key(delivery);
            context.inbox.refuse(EMAIL_CONSUMER, &keyed, &whose, &reason).await?;
            // Without the reason, which may quote the body.
            tracing::warn!(message_id = keyed.message_id, "message refused: see `ops mail list`");
            return Ok(NotifyReport::Refused { reason });
        }
    };
    let lease = lease(context);
    let begun = context.inbox.begin(EMAIL_CONSUMER, &delivery, &whose, &lease).await;
    context.vitals.stored(context.clock.now(), &begun);
    match begun? {
        Begun::Ours(work) => Ok(match send_taken(context, &work, &delivery, &event).await {
            MailResult::Sent => NotifyReport::Sent,
            MailResult::Parked { reason, .. } => NotifyReport::Parked { reason },
            MailResult::Refused { reason } => NotifyReport::Refused { reason },
            MailResult::InDoubt { reason } => NotifyReport::InDoubt { reason },
            MailResult::LeaseLost => NotifyReport::LeaseLost,
            MailResult::NotStored { reason } => NotifyReport::NotStored { reason },
        }),
        Begun::Busy(MailState::Accepted) => Ok(NotifyReport::Accepted),
        Begun::Busy(state) | Begun::Done(state) => Ok(NotifyReport::Duplicate { state }),
    }
}

/// What was stored is what is sent, also where a repeat of the message says something else.
async fn send_taken(context: &NotifyContext, work: &MailWork, delivery: &Delivery, event: &CloudEvent) -> MailResult {
    if work.body == delivery.body {
        return mail_one::send(context, work, event, false).await;
    }
    tracing::warn!(message_id = work.message_id, "a repeat of this message has another body: the first one is sent");
    send_stored(context, work, false).await
}

/// A message without an id that can be a key is remembered by its content, so that its redeliveries are one row.
pub(super) fn with_key(delivery: Delivery) -> Delivery {
    if MessageId::parse(&delivery.message_id).is_ok() {
        return delivery;
    }
    let by_content = Uuid::new_v5(&Uuid::NAMESPACE_OID, &delivery.body);
    Delivery { message_id: format!("no-id:{by_content}"), ..delivery }
}

fn lease(context: &NotifyContext) -> Lease {
    Lease {
        token: LeaseToken::fresh(),
        lease_ms: context.settings.lease_ms,
        provider: context.mailer.provider().to_owned(),
        pace: context.settings.pace,
        asks: context.mailer.inquiries().is_some(),
    }
}

/// What one RetryEmail run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryReport {
    pub taken: u32,
    pub sent: u32,
    pub parked: u32,
    pub refused: u32,
    /// MessageIds whose lease ran out, or whose provider gave no answer: each may have been sent already.
    pub in_doubt: Vec<String>,
    pub lost_leases: u32,
    pub out_of_time: bool,
    /// "open" or "paused" where the provider is not to be used now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<&'static str>,
    /// Mails that are due wait until then for the provider's pace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paced_until: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_error: Option<String>,
}

/// Doubts turned up in one step of a run, so that a huge backlog does not hold the write lock.
const EXPIRE_ROWS_MAX: u32 = 100;

pub async fn retry(context: &NotifyContext) -> RetryReport {
    let mut report = RetryReport::default();
    let ended = run_retry(context, &mut report).await;
    if let Err(error) = &ended {
        report.store_error = Some(error.to_string());
        context.vitals.stored(context.clock.now(), &ended);
    }
    report
}

async fn run_retry(context: &NotifyContext, report: &mut RetryReport) -> StoreResult<()> {
    let until = Instant::now() + Duration::from_millis(context.settings.run_ms);
    let provider = context.mailer.provider().to_owned();
    loop {
        let doubts = context.inbox.expire(EMAIL_CONSUMER, mail_one::policy(context).on_doubt, EXPIRE_ROWS_MAX).await?;
        for id in &doubts {
            tracing::warn!(
                message_id = id,
                "mail in doubt: its lease ran out without an outcome, it may have been sent"
            );
        }
        report.in_doubt.extend(doubts);
        let state = context.breakers.breaker(&provider).await?;
        if state.paused {
            report.provider = Some("paused");
            return Ok(());
        }
        let probe = match state.breaker {
            Breaker::Closed => false,
            Breaker::ProbeDue => true,
            Breaker::Open { .. } => {
                report.provider = Some("open");
                return Ok(());
            }
        };
        if Instant::now() >= until {
            report.out_of_time = true;
            return Ok(());
        }
        let lease = lease(context);
        if probe && !context.breakers.take_probe(&provider, lease.token, lease.lease_ms).await? {
            return Ok(());
        }
        let rows_max = if probe { 1 } else { context.settings.at_once };
        let works = context.inbox.take_due(EMAIL_CONSUMER, &lease, probe, rows_max).await?;
        if works.is_empty() {
            if probe {
                lease::within(until, || context.breakers.give_back_probe(&provider, lease.token)).await?;
            }
            let Some(paced) = context.breakers.breaker(&provider).await?.paced else { return Ok(()) };
            let room_at = Instant::now() + Duration::from_millis(u64::try_from(paced.in_ms).unwrap_or(0));
            if room_at >= until {
                report.paced_until = Some(paced.until);
                return Ok(());
            }
            // Left to the next run, a pace of so many a minute would be half of it.
            tokio::time::sleep_until(room_at).await;
            continue;
        }
        report.taken += u32::try_from(works.len()).unwrap_or(u32::MAX);
        let (alone, together): (Vec<_>, Vec<_>) =
            works.iter().partition(|work| work.doubts > 0 && !mail_one::to_be_asked(context, work));
        send_together(context, &together, probe, report).await;
        // One that was in doubt may be the one that kills the process: it goes alone, and the others of its kind are
        // given back first, so that no lease of theirs runs out with it.
        if let Some((first, rest)) = alone.split_first() {
            for work in rest {
                count(report, work, mail_one::give_back(context, work).await);
            }
            send_together(context, &[*first], probe, report).await;
        }
        if report.store_error.is_some() {
            return Ok(());
        }
    }
}

async fn send_together(context: &NotifyContext, works: &[&MailWork], probe: bool, report: &mut RetryReport) {
    // Made first: a closure over borrowed rows inside the join would keep this future from being Send.
    // And each with a panic of its own: its neighbours would else be dropped in the middle of their sending.
    let sends: Vec<_> =
        works.iter().map(|work| AssertUnwindSafe(send_again(context, work, probe)).catch_unwind()).collect();
    let results = futures::future::join_all(sends).await;
    for (work, result) in works.iter().zip(results) {
        let panicked = |_| MailResult::InDoubt { reason: "it panicked: a defect".to_owned() };
        count(report, work, result.unwrap_or_else(panicked));
    }
}

fn count(report: &mut RetryReport, work: &MailWork, result: MailResult) {
    let message_id = &work.message_id;
    match result {
        // What went otherwise was logged where it was stored.
        MailResult::Sent => {
            report.sent += 1;
            tracing::info!(message_id, outcome = "sent", "taken up");
        }
        MailResult::Parked { .. } => {
            report.parked += 1;
            tracing::info!(message_id, outcome = "parked", "taken up");
        }
        MailResult::Refused { .. } => report.refused += 1,
        MailResult::InDoubt { .. } => report.in_doubt.push(work.message_id.clone()),
        MailResult::LeaseLost => report.lost_leases += 1,
        MailResult::NotStored { reason } => report.store_error = Some(reason),
    }
}

async fn send_again(context: &NotifyContext, work: &MailWork, probe: bool) -> MailResult {
    if mail_one::to_be_asked(context, work) {
        return mail_one::ask(context, work, probe).await;
    }
    if work.doubts >= context.settings.policy.doubts_max {
        return mail_one::hold(context, work, probe).await;
    }
    send_stored(context, work, probe).await
}

async fn send_stored(context: &NotifyContext, work: &MailWork, probe: bool) -> MailResult {
    let stored =
        Delivery { message_id: work.message_id.clone(), body: work.body.clone(), delivery_count: 0, enqueued_on: None };
    // It was young enough when it was taken in; its age no longer matters, since its row is here.
    match delivery::read_event(&stored, work.now, i64::MAX) {
        Ok(event) => mail_one::send(context, work, &event, probe).await,
        Err(reason) => mail_one::refuse(context, work, reason, probe).await,
    }
}
