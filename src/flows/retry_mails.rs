//! RetryEmail: sends the mails that are parked, waiting or in doubt, until none is due or the time is up.

use super::{
    lease,
    mail_one::OneMail,
    mailing::{NotifyContext, NotifyReport},
};
use crate::{
    domain::{
        delivery::{EMAIL_CONSUMER, MailWork},
        mail_doubt::{self, Step},
        reading, traceparent,
    },
    ports::{breaker::BreakerState, error::StoreResult, inbox::Doubted, outbox::Breaker},
    telemetry::spans,
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
    /// Mails leased by this run.
    pub taken: u32,
    /// Mails that the provider accepted.
    pub sent: u32,
    /// Mails that are tried again later.
    pub parked: u32,
    /// Mails that will not be sent unless an operator resends them.
    pub refused: u32,
    /// MessageIds whose lease ended without an outcome, or whose provider gave no answer: each may have been sent.
    pub in_doubt: Vec<String>,
    /// Mails that another process took over.
    pub lost_leases: u32,
    /// More was due when the time was up; the next run continues.
    pub out_of_time: bool,
    /// `open` or `paused` where the provider must not be used now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<&'static str>,
    /// Due mails wait until then for the provider's rate limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limited_until: Option<DateTime<Utc>>,
    /// How the store failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_error: Option<String>,
}

/// Expired leases marked in doubt in one step: a huge backlog must not hold the write lock for long.
const EXPIRE_ROWS_MAX: u32 = 100;

/// Runs until no mail is due, the time is up, or the provider must not be used.
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
    let (provider, on_doubt) = (context.mailer.provider(), context.policy().on_doubt);
    let doubts = context.inbox.expire(EMAIL_CONSUMER, provider, on_doubt, EXPIRE_ROWS_MAX).await?;
    for Doubted { message_id, traceparent } in doubts {
        let trace = traceparent.as_deref().and_then(traceparent::trace_id);
        tracing::warn!(message_id, trace, "mail in doubt: its lease ran out without an outcome, it may have been sent");
        report.in_doubt.push(message_id);
    }
    Ok(())
}

/// Whether the provider may be used.
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

/// Called when nothing could be leased. True if due mails waited for the rate limit and may go now.
async fn room_comes(context: &NotifyContext, until: Instant, report: &mut RetryReport) -> StoreResult<bool> {
    let Some(rate_limited) = context.breakers.breaker(context.mailer.provider()).await?.rate_limited else {
        return Ok(false);
    };
    let room_at = Instant::now() + Duration::from_millis(u64::try_from(rate_limited.in_ms).unwrap_or(0));
    if room_at >= until {
        report.rate_limited_until = Some(rate_limited.until);
        return Ok(false);
    }
    // Waits here: left to the next run, a limit per minute would be used by half.
    tokio::time::sleep_until(room_at).await;
    Ok(true)
}

async fn take_up(context: &NotifyContext, works: &[MailWork], probe: bool, report: &mut RetryReport) {
    let steps = works
        .iter()
        .map(|work| (work, mail_doubt::next_step(work, &context.settings.policy, context.answers_queries())));
    let (alone, together): (Vec<_>, Vec<_>) = steps.partition(|(work, step)| work.doubts > 0 && *step != Step::Query);
    send_together(context, &together, probe, report).await;
    // A mail in doubt may be the one that kills the process: it is sent alone, and the others in doubt are given back
    // first, so that their leases do not end with it.
    if let Some((first, rest)) = alone.split_first() {
        for (work, _) in rest {
            let given_back = OneMail::leased(context, work, false).give_back().await;
            report.count(work, given_back);
        }
        send_together(context, &[*first], probe, report).await;
    }
}

async fn send_together(context: &NotifyContext, works: &[(&MailWork, Step)], probe: bool, report: &mut RetryReport) {
    // Collected first: a closure over borrowed rows inside the join would make this future not Send. Each future
    // catches its own panic: otherwise one would drop the others in the middle of sending.
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
    let span = spans::process(None, &work.message_id, work.traceparent.as_deref());
    let step = async {
        match step {
            Step::Query => mail.query().await,
            Step::Hold => mail.hold().await,
            Step::Send => mail.send(reading::stored(work)).await,
        }
    };
    span.around(step).await
}

impl RetryReport {
    fn count(&mut self, work: &MailWork, result: NotifyReport) {
        let (message_id, trace) = (&work.message_id, work.trace_id());
        match result {
            // Other outcomes were logged where they were stored.
            NotifyReport::Sent => {
                self.sent += 1;
                tracing::info!(message_id, trace, outcome = "sent", "taken up");
            }
            NotifyReport::Parked { .. } => {
                self.parked += 1;
                tracing::info!(message_id, trace, outcome = "parked", "taken up");
            }
            NotifyReport::Refused { .. } => self.refused += 1,
            NotifyReport::InDoubt { .. } => self.in_doubt.push(message_id.clone()),
            NotifyReport::LeaseLost => self.lost_leases += 1,
            NotifyReport::NotStored { reason } => self.store_error = Some(reason),
            NotifyReport::Accepted | NotifyReport::Duplicate { .. } => {}
        }
    }
}
