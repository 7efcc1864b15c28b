//! One mail whose lease we hold: write the letter, hand it over, store what came of it.

use super::{lease, notify::NotifyContext, vitals::Part};
use crate::{
    domain::{
        backoff,
        delivery::{EMAIL_CONSUMER, MailFinish, MailOutcome, MailPolicy, MailWork, Whereabouts},
        event::CloudEvent,
        mail_doubt, mail_verdict,
        outbox::{BreakerChange, Settled},
        pace,
    },
    failpoints,
    ports::inbox::{Alike, Lease},
};
use std::{sync::PoisonError, time::Duration};
use tokio::time::Instant;

pub(super) enum MailResult {
    Sent,
    Parked { reason: String },
    Refused { reason: String },
    InDoubt { reason: String },
    LeaseLost,
    NotStored { reason: String },
}

/// Whether a mail was handed to the provider, or it was asked about it, under its lease, which its pace counts.
#[derive(Clone, Copy)]
enum Sending {
    Done,
    None,
}

/// Of a mail taken just now. A retry that goes on a little longer than the lease is told that it was lost.
fn lease_end(context: &NotifyContext) -> Instant {
    Instant::now() + lease_time(context)
}

fn lease_time(context: &NotifyContext) -> Duration {
    Duration::from_millis(u64::try_from(context.settings.lease_ms).unwrap_or(0))
}

pub(super) async fn send(context: &NotifyContext, work: &MailWork, event: &CloudEvent, probe: bool) -> MailResult {
    let lease_end = lease_end(context);
    let letter = match context.letters.write(event) {
        Ok(letter) => letter,
        Err(reason) => return refuse(context, work, reason, probe).await,
    };
    let provider = context.mailer.provider();
    failpoints::reach("before-mail").await;
    // The mailer bounds itself; this only guards the lease against one that does not.
    let outcome = tokio::time::timeout(lease_time(context), context.mailer.send(&letter)).await.unwrap_or_else(|_| {
        MailOutcome::Unknown { reason: "the provider gave no answer while the lease lasted".to_owned() }
    });
    if matches!(outcome, MailOutcome::Accepted { .. }) {
        failpoints::reach("after-mail").await;
    }

    let failures = match &outcome {
        MailOutcome::Provider { .. } => context.breakers.breaker(provider).await.map_or(0, |state| state.failures),
        _ => 0,
    };
    let dice = context.dice.lock().unwrap_or_else(PoisonError::into_inner).f64();
    let (finish, breaker) = mail_verdict::judge(provider, work, &outcome, &policy(context), failures, probe, dice);
    note(context, &outcome);
    if let (MailOutcome::RecipientPermanent { alike: Some(alike), .. }, MailFinish::Refused { reason }) =
        (&outcome, &finish)
    {
        let inbox = &context.inbox;
        let refused = || inbox.finish(EMAIL_CONSUMER, &work.message_id, work.token, &finish);
        if matches!(lease::within(lease_end, refused).await, Ok(Settled::Applied))
            && let Some(open) = taken_back(context, work, alike, reason, probe).await
        {
            change_breaker(context, work, &open, probe, lease_end).await;
            return MailResult::Parked { reason: reason.clone() };
        }
        // It stays refused: storing that again finds it stored.
    }
    store(context, work, Sending::Done, finish, &breaker, probe, lease_end).await
}

/// Where several recipients in a row were refused alike, their mails wait, and the provider is at fault.
async fn taken_back(
    context: &NotifyContext,
    work: &MailWork,
    alike: &str,
    reason: &str,
    probe: bool,
) -> Option<BreakerChange> {
    let provider = context.mailer.provider();
    let failures = context.breakers.breaker(provider).await.map_or(0, |state| state.failures);
    let dice = context.dice.lock().unwrap_or_else(PoisonError::into_inner).f64();
    let policy = policy(context);
    let for_ms = backoff::delay_ms(failures + 1, policy.breaker_base_ms, policy.breaker_max_ms, dice);
    let alike = Alike {
        provider: provider.to_owned(),
        fingerprint: alike.to_owned(),
        // A failed probe goes behind the others, so that the next probe tries another mail.
        delay_ms: if probe { for_ms + 1 } else { 0 },
    };
    match context.inbox.take_back(EMAIL_CONSUMER, &work.message_id, &alike).await {
        Ok(0) => None,
        Ok(mails) => {
            tracing::warn!(provider, mails, "different recipients were refused alike: their mails wait");
            let reason = format!("it refuses different recipients alike: {reason}");
            context.vitals.failed(Part::Mail, context.clock.now(), reason.clone());
            Some(BreakerChange::Open { for_ms, reason })
        }
        Err(error) => {
            tracing::warn!(provider, %error, "whether a refusal is the provider's could not be found out");
            None
        }
    }
}

/// In doubt, and not yet asked about often enough to be sent again.
pub(super) fn to_be_asked(context: &NotifyContext, work: &MailWork) -> bool {
    context.mailer.inquiries().is_some() && mail_doubt::open(work)
}

/// Asks the provider what became of a mail in doubt. Sends nothing.
pub(super) async fn ask(context: &NotifyContext, work: &MailWork, probe: bool) -> MailResult {
    let (provider, lease_end) = (context.mailer.provider(), lease_end(context));
    if let Some(young) = mail_doubt::too_young(work) {
        return store(context, work, Sending::None, young, &BreakerChange::Leave, probe, lease_end).await;
    }
    let Some(inquiries) = context.mailer.inquiries() else { return give_back(context, work).await };
    if context.settings.queries.is_limited() {
        let queries = Lease {
            token: work.token,
            lease_ms: context.settings.lease_ms,
            provider: pace::of_queries(provider),
            pace: context.settings.queries,
            asks: true,
        };
        match lease::within(lease_end, || context.inbox.take_query(&work.message_id, &queries)).await {
            Ok(None) => {}
            Ok(Some(in_ms)) => {
                let waits = mail_doubt::no_room(in_ms);
                return store(context, work, Sending::None, waits, &BreakerChange::Leave, probe, lease_end).await;
            }
            Err(error) => {
                tracing::error!(message_id = work.message_id, %error, "the provider was not asked about a mail in doubt");
                return MailResult::NotStored { reason: error.to_string() };
            }
        }
    }
    let asking = tokio::time::timeout(lease_time(context), inquiries.what_became_of(&work.message_id));
    let answer = asking.await.unwrap_or_else(|_| Whereabouts::Provider {
        after_ms: None,
        reason: "the provider gave no answer while the lease lasted".to_owned(),
    });
    let failures = match &answer {
        Whereabouts::Provider { reason, .. } => {
            context.vitals.failed(Part::Mail, context.clock.now(), reason.clone());
            context.breakers.breaker(provider).await.map_or(0, |state| state.failures)
        }
        Whereabouts::Taken { .. } | Whereabouts::Failed { .. } | Whereabouts::NotFound => {
            context.vitals.ok(Part::Mail, context.clock.now());
            0
        }
    };
    let dice = context.dice.lock().unwrap_or_else(PoisonError::into_inner).f64();
    let (finish, breaker) = mail_doubt::judge(provider, work, &answer, &context.settings.policy, failures, probe, dice);
    store(context, work, Sending::Done, finish, &breaker, probe, lease_end).await
}

/// Not tried again: it may have been sent too often already, and each further try may be one more mail.
pub(super) async fn hold(context: &NotifyContext, work: &MailWork, probe: bool) -> MailResult {
    let reason = format!("may have been sent {} times: decide by `ops mail resend` or `assume-sent`", work.doubts);
    store(context, work, Sending::None, MailFinish::Held { reason }, &BreakerChange::Leave, probe, lease_end(context))
        .await
}

/// Given back before it was tried: another goes alone first.
pub(super) async fn give_back(context: &NotifyContext, work: &MailWork) -> MailResult {
    let reason = "waits for another mail in doubt to go alone".to_owned();
    let parked = MailFinish::Parked { delay_ms: 0, reason, recipient_failed: false };
    store(context, work, Sending::None, parked, &BreakerChange::Leave, false, lease_end(context)).await
}

/// Never handed over: no letter can be made of it.
pub(super) async fn refuse(context: &NotifyContext, work: &MailWork, reason: String, probe: bool) -> MailResult {
    let refused = MailFinish::Refused { reason };
    store(context, work, Sending::None, refused, &BreakerChange::Leave, probe, lease_end(context)).await
}

/// A provider that can be asked is asked, whatever is to become of mails that nobody can ask about.
pub(super) fn policy(context: &NotifyContext) -> MailPolicy {
    let policy = context.settings.policy;
    if context.mailer.inquiries().is_some() { mail_doubt::asked_first(policy) } else { policy }
}

fn note(context: &NotifyContext, outcome: &MailOutcome) {
    let now = context.clock.now();
    match outcome {
        MailOutcome::Provider { reason, .. } => context.vitals.failed(Part::Mail, now, reason.clone()),
        MailOutcome::Unknown { .. } => {}
        MailOutcome::Accepted { .. }
        | MailOutcome::RecipientTransient { .. }
        | MailOutcome::RecipientPermanent { .. } => context.vitals.ok(Part::Mail, now),
    }
}

async fn store(
    context: &NotifyContext,
    work: &MailWork,
    sending: Sending,
    finish: MailFinish,
    breaker: &BreakerChange,
    probe: bool,
    lease_end: Instant,
) -> MailResult {
    let (inbox, id) = (&context.inbox, &work.message_id);
    let settled = lease::within(lease_end, || match sending {
        Sending::Done => inbox.finish(EMAIL_CONSUMER, id, work.token, &finish),
        Sending::None => inbox.finish_unsent(EMAIL_CONSUMER, id, work.token, &finish),
    })
    .await;
    failpoints::reach("after-finish").await;
    // The breaker goes second: were it lost, the next failure opens it again; a lost outcome would be a doubt.
    change_breaker(context, work, breaker, probe, lease_end).await;
    match settled {
        Err(error) => {
            tracing::error!(message_id = work.message_id, %error, "the outcome of a mail could not be stored: it will be in doubt");
            MailResult::NotStored { reason: error.to_string() }
        }
        Ok(Settled::LeaseLost) => {
            tracing::warn!(message_id = work.message_id, "lease lost while mailing: the mail may go twice");
            MailResult::LeaseLost
        }
        Ok(Settled::Applied) => match finish {
            MailFinish::Sent { .. } => MailResult::Sent,
            // Not a doubt more: it was reported when it began.
            MailFinish::Parked { reason, .. } | MailFinish::StillInDoubt { reason, .. } => {
                MailResult::Parked { reason }
            }
            MailFinish::Refused { reason } => {
                // A provider's words may name the recipient: they stay in the inbox.
                tracing::warn!(message_id = work.message_id, "mail refused: see `ops mail list`");
                MailResult::Refused { reason }
            }
            MailFinish::InDoubt { reason, .. } | MailFinish::Held { reason } => {
                tracing::warn!(message_id = work.message_id, "mail in doubt: it may have been sent");
                MailResult::InDoubt { reason }
            }
        },
    }
}

async fn change_breaker(
    context: &NotifyContext,
    work: &MailWork,
    breaker: &BreakerChange,
    probe: bool,
    lease_end: Instant,
) {
    let provider = context.mailer.provider();
    let changed = match breaker {
        BreakerChange::Leave if probe => {
            lease::within(lease_end, || context.breakers.give_back_probe(provider, work.token)).await
        }
        BreakerChange::Leave => Ok(()),
        BreakerChange::Close | BreakerChange::Open { .. } => {
            lease::within(lease_end, || context.breakers.change(provider, work.token, breaker)).await
        }
    };
    if let BreakerChange::Open { for_ms, reason } = breaker {
        tracing::warn!(provider, for_ms, reason, "mail provider failed: its breaker is open");
    }
    if let Err(error) = changed {
        tracing::warn!(provider, %error, "the provider's breaker could not be stored");
    }
}
