//! RetryEmail: takes up the mails that were parked, left behind or are in doubt, until none is due or time is up.

use super::{
    lease,
    mail_one::OneMail,
    mailing::{NotifyContext, NotifyReport},
};
use crate::{
    domain::{
        delivery::{EMAIL_CONSUMER, MailWork},
        mail_doubt::{self, Step},
        reading,
    },
    ports::{breaker::BreakerState, error::StoreResult, outbox::Breaker},
};
use chrono::{DateTime, Utc};
use futures::FutureExt;
use serde::Serialize;
use std::{panic::AssertUnwindSafe, time::Duration};
use tokio::time::Instant;

/// What one run did.
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
    pub rate_limited_until: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_error: Option<String>,
}

/// Doubts turned up in one step of a run, so that a huge backlog does not hold the write lock.
const EXPIRE_ROWS_MAX: u32 = 100;

pub async fn retry(context: &NotifyContext) -> RetryReport {
    let mut report = RetryReport::default();
    let ended = run(context, &mut report).await;
    if let Err(error) = &ended {
        report.store_error = Some(error.to_string());
        context.health.stored(context.clock.now(), &ended);
    }
    report
}

async fn run(context: &NotifyContext, report: &mut RetryReport) -> StoreResult<()> {
    let until = Instant::now() + Duration::from_millis(context.settings.run_ms);
    let provider = context.mailer.provider();
    while report.store_error.is_none() {
        turn_up_doubts(context, report).await?;
        let probe = match way(context.breakers.breaker(provider).await?) {
            Way::Free => false,
            Way::Probe => true,
            Way::Shut(why) => {
                report.provider = Some(why);
                break;
            }
        };
        if Instant::now() >= until {
            report.out_of_time = true;
            break;
        }
        let lease = context.lease();
        if probe && !context.breakers.take_probe(provider, lease.token, lease.lease_ms).await? {
            break;
        }
        let rows_max = if probe { 1 } else { context.settings.at_once };
        let works = context.inbox.take_due(EMAIL_CONSUMER, &lease, probe, rows_max).await?;
        if works.is_empty() {
            if probe {
                lease::within(until, || context.breakers.give_back_probe(provider, lease.token)).await?;
            }
            if !room_comes(context, until, report).await? {
                break;
            }
        }
        report.taken += u32::try_from(works.len()).unwrap_or(u32::MAX);
        take_up(context, &works, probe, report).await;
    }
    Ok(())
}

async fn turn_up_doubts(context: &NotifyContext, report: &mut RetryReport) -> StoreResult<()> {
    let doubts = context.inbox.expire(EMAIL_CONSUMER, context.policy().on_doubt, EXPIRE_ROWS_MAX).await?;
    for message_id in &doubts {
        tracing::warn!(message_id, "mail in doubt: its lease ran out without an outcome, it may have been sent");
    }
    report.in_doubt.extend(doubts);
    Ok(())
}

/// To the provider.
enum Way {
    Free,
    Probe,
    Shut(&'static str),
}

fn way(state: BreakerState) -> Way {
    match state.breaker {
        _ if state.paused => Way::Shut("paused"),
        Breaker::Closed => Way::Free,
        Breaker::ProbeDue => Way::Probe,
        Breaker::Open { .. } => Way::Shut("open"),
    }
}

/// Nothing could be taken: true where mails that are due waited for room in the provider's pace, and now it has some.
async fn room_comes(context: &NotifyContext, until: Instant, report: &mut RetryReport) -> StoreResult<bool> {
    let Some(rate_limited) = context.breakers.breaker(context.mailer.provider()).await?.rate_limited else {
        return Ok(false);
    };
    let room_at = Instant::now() + Duration::from_millis(u64::try_from(rate_limited.in_ms).unwrap_or(0));
    if room_at >= until {
        report.rate_limited_until = Some(rate_limited.until);
        return Ok(false);
    }
    // Left to the next run, a pace of so many a minute would be half of it.
    tokio::time::sleep_until(room_at).await;
    Ok(true)
}

async fn take_up(context: &NotifyContext, works: &[MailWork], probe: bool, report: &mut RetryReport) {
    let steps = works
        .iter()
        .map(|work| (work, mail_doubt::next_step(work, &context.settings.policy, context.answers_queries())));
    let (alone, together): (Vec<_>, Vec<_>) = steps.partition(|(work, step)| work.doubts > 0 && *step != Step::Query);
    send_together(context, &together, probe, report).await;
    // One that was in doubt may be the one that kills the process: it goes alone, and the others of its kind are
    // given back first, so that no lease of theirs runs out with it.
    if let Some((first, rest)) = alone.split_first() {
        for (work, _) in rest {
            let given_back = OneMail::leased(context, work, false).give_back().await;
            report.count(work, given_back);
        }
        send_together(context, &[*first], probe, report).await;
    }
}

async fn send_together(context: &NotifyContext, works: &[(&MailWork, Step)], probe: bool, report: &mut RetryReport) {
    // Made first: a closure over borrowed rows inside the join would keep this future from being Send.
    // And each with a panic of its own: its neighbours would else be dropped in the middle of their sending.
    let sends: Vec<_> = works
        .iter()
        .map(|(work, step)| AssertUnwindSafe(send_again(context, work, *step, probe)).catch_unwind())
        .collect();
    let results = futures::future::join_all(sends).await;
    for ((work, _), result) in works.iter().zip(results) {
        let panicked = |_| NotifyReport::InDoubt { reason: "it panicked: a defect".to_owned() };
        report.count(work, result.unwrap_or_else(panicked));
    }
}

async fn send_again(context: &NotifyContext, work: &MailWork, step: Step, probe: bool) -> NotifyReport {
    let mail = OneMail::leased(context, work, probe);
    match step {
        Step::Query => mail.query().await,
        Step::Hold => mail.hold().await,
        Step::Send => mail.send(reading::stored(work)).await,
    }
}

impl RetryReport {
    fn count(&mut self, work: &MailWork, became: NotifyReport) {
        let message_id = &work.message_id;
        match became {
            // What went otherwise was logged where it was stored.
            NotifyReport::Sent => {
                self.sent += 1;
                tracing::info!(message_id, outcome = "sent", "taken up");
            }
            NotifyReport::Parked { .. } => {
                self.parked += 1;
                tracing::info!(message_id, outcome = "parked", "taken up");
            }
            NotifyReport::Refused { .. } => self.refused += 1,
            NotifyReport::InDoubt { .. } => self.in_doubt.push(message_id.clone()),
            NotifyReport::LeaseLost => self.lost_leases += 1,
            NotifyReport::NotStored { reason } => self.store_error = Some(reason),
            NotifyReport::Accepted | NotifyReport::Duplicate { .. } => {}
        }
    }
}
