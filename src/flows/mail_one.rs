//! One leased mail: sends it or queries its status at the provider, and settles it in the inbox.

use super::{
    health::Part,
    lease,
    mailing::{NotifyContext, NotifyReport},
};
use crate::{
    domain::{
        delivery::{EMAIL_CONSUMER, MailOutcome, MailPolicy, MailStatus, MailWork},
        events::Notice,
        mail_doubt,
        mail_settlement::MailSettlement,
        mail_verdict::{self, Attempt, MailVerdict},
        outbox::{BreakerChange, Settled},
        rate_limit,
    },
    failpoints,
    ports::{
        error::StoreResult,
        inbox::{Alike, Lease},
    },
    telemetry::{meters, spans},
};
use std::time::Duration;
use tokio::time::{Instant, timeout};

pub(super) struct OneMail<'a> {
    context: &'a NotifyContext,
    work: &'a MailWork,
    /// It tests an open breaker.
    probe: bool,
    lease_end: Instant,
}

const NO_ANSWER: &str = "the provider gave no answer while the lease lasted";

impl<'a> OneMail<'a> {
    /// For a mail leased just now. A settlement that comes after the lease ended is refused as `LeaseLost`.
    pub(super) fn leased(context: &'a NotifyContext, work: &'a MailWork, probe: bool) -> Self {
        Self { context, work, probe, lease_end: Instant::now() + lease_time(context) }
    }

    /// Sends it. `notice` is the content to write a letter of, or why the message cannot be read.
    pub(super) async fn send(&self, notice: Result<Notice, String>) -> NotifyReport {
        let mailer = &self.context.mailer;
        let letter = match notice.and_then(|notice| self.context.letters.write(&notice)) {
            Ok(letter) => letter,
            Err(reason) => return self.leave(MailSettlement::Refused { reason }).await,
        };
        failpoints::reach("before-mail").await;
        // The mailer has its own timeout; this one guards the lease if that fails.
        let span = spans::mail("send", mailer.provider());
        let sending = span.around(timeout(lease_time(self.context), mailer.send(&letter))).await;
        let outcome = sending.unwrap_or_else(|_| MailOutcome::Unknown { reason: NO_ANSWER.to_owned() });
        // Without the reason, which may name the recipient.
        if let Some(kind) = outcome.error_type() {
            span.failed(kind, "");
        }
        drop(span);
        let alone = self.context.blames_us(&self.work.message_id, &outcome);
        let failures = match &outcome {
            MailOutcome::Provider { .. } => self.failures().await,
            MailOutcome::Unknown { .. } => 0,
            MailOutcome::Accepted { .. } => {
                failpoints::reach("after-mail").await;
                self.provider_works()
            }
            MailOutcome::RecipientTransient { .. } | MailOutcome::RecipientPermanent { .. } => self.provider_works(),
        };
        let policy = self.context.policy();
        let attempt = Attempt { alone, ..self.attempt(&policy, failures) };
        self.settle(mail_verdict::judge(&attempt, &outcome), true).await
    }

    /// Queries the status of a mail in doubt at the provider. Sends nothing.
    pub(super) async fn query(&self) -> NotifyReport {
        let Some(status_queries) = self.context.mailer.status_queries() else { return self.give_back().await };
        if let Some(young) = mail_doubt::too_young(self.work) {
            return self.leave(young).await;
        }
        match self.room_to_query().await {
            Ok(None) => {}
            Ok(Some(in_ms)) => return self.leave(mail_doubt::no_room(in_ms)).await,
            Err(report) => return report,
        }
        let span = spans::mail("query", self.context.mailer.provider());
        let querying = span.around(timeout(lease_time(self.context), status_queries.status_of(&self.work.message_id)));
        let querying = querying.await;
        drop(span);
        let answer = querying.unwrap_or_else(|_| MailStatus::Provider { after_ms: None, reason: NO_ANSWER.to_owned() });
        let failures = match &answer {
            MailStatus::Provider { .. } => self.failures().await,
            MailStatus::Taken { .. } | MailStatus::Failed { .. } | MailStatus::NotFound => self.provider_works(),
        };
        let attempt = self.attempt(&self.context.settings.policy, failures);
        self.settle(mail_doubt::judge(&attempt, &answer), true).await
    }

    /// Holds it for an operator: it may have been sent too often already.
    pub(super) async fn hold(&self) -> NotifyReport {
        self.leave(mail_doubt::held(self.work)).await
    }

    /// Gives it back untried: another mail in doubt is sent alone first.
    pub(super) async fn give_back(&self) -> NotifyReport {
        let reason = "waits for another mail in doubt to go alone".to_owned();
        self.leave(MailSettlement::Parked { delay_ms: 0, reason, recipient_failed: false }).await
    }

    /// Settles it without a call to the provider.
    async fn leave(&self, settlement: MailSettlement) -> NotifyReport {
        self.settle(MailVerdict::of(settlement), false).await
    }

    /// None: a status query may be sent now; otherwise in how many milliseconds.
    async fn room_to_query(&self) -> Result<Option<i64>, NotifyReport> {
        let NotifyContext { inbox, mailer, settings, .. } = self.context;
        if !settings.queries.is_limited() {
            return Ok(None);
        }
        let queries = Lease {
            token: self.work.token,
            lease_ms: settings.lease_ms,
            provider: rate_limit::of_queries(mailer.provider()),
            rate_limit: settings.queries,
            status_queries: true,
        };
        let room = lease::within(self.lease_end, || inbox.take_query(&self.work.message_id, &queries)).await;
        room.map_err(|error| {
            let (message_id, trace) = (&self.work.message_id, self.work.trace_id());
            tracing::error!(message_id, trace, %error, "the status query for a mail in doubt was not sent");
            NotifyReport::NotStored { reason: error.to_string() }
        })
    }

    fn provider_works(&self) -> u32 {
        self.context.health.ok(Part::Mail, self.context.clock.now());
        0
    }

    async fn failures(&self) -> u32 {
        self.context.breakers.breaker(self.context.mailer.provider()).await.map_or(0, |state| state.failures)
    }

    fn attempt<'b>(&'b self, policy: &'b MailPolicy, failures: u32) -> Attempt<'b> {
        Attempt {
            provider: self.context.mailer.provider(),
            work: self.work,
            policy,
            failures,
            probe: self.probe,
            alone: false,
            dice: self.context.roll(),
        }
    }

    async fn settle(&self, verdict: MailVerdict, provider_met: bool) -> NotifyReport {
        let report = self.settled(verdict, provider_met).await;
        meters::mail(self.context.mailer.provider(), report.name());
        report
    }

    async fn settled(&self, verdict: MailVerdict, provider_met: bool) -> NotifyReport {
        let MailVerdict { settlement, breaker, alike } = verdict;
        if let BreakerChange::Open { reason, .. } = &breaker {
            self.context.health.failed(Part::Mail, self.context.clock.now(), reason);
        }
        let (message_id, trace) = (&self.work.message_id, self.work.trace_id());
        let blames = match alike {
            Some(fingerprint) => Some(self.blames(fingerprint, &settlement).await),
            None => None,
        };
        let transaction = spans::transaction("settle", "InboxMessages");
        let settled = transaction
            .around(lease::within(self.lease_end, || self.store(&settlement, blames.as_ref(), provider_met)));
        let settled = settled.await;
        drop(transaction);
        failpoints::reach("after-mail-settled").await;
        let taken_back = match (&settled, blames) {
            (Ok((_, mails @ 1..)), Some(Blames { open, reason, .. })) => {
                let provider = self.context.mailer.provider();
                tracing::warn!(provider, mails, "different recipients were refused alike: their mails wait");
                self.context.health.failed(Part::Mail, self.context.clock.now(), reason);
                Some(open)
            }
            _ => None,
        };
        let settled = settled.map(|(settled, _)| settled);
        // The breaker is stored second: if that write is lost, the next failure opens it again. A lost outcome would
        // leave the mail in doubt.
        self.change_breaker(taken_back.as_ref().unwrap_or(&breaker)).await;
        match (settled, settlement) {
            (Err(error), _) => {
                tracing::error!(message_id, trace, %error, "the outcome of a mail could not be stored: it will be in doubt");
                NotifyReport::NotStored { reason: error.to_string() }
            }
            (Ok(Settled::LeaseLost), _) => {
                tracing::warn!(message_id, trace, "lease lost while mailing: the mail may go twice");
                NotifyReport::LeaseLost
            }
            (Ok(Settled::Applied), MailSettlement::Sent { .. }) => NotifyReport::Sent,
            // Not a new doubt: it was reported when it began.
            (
                Ok(Settled::Applied),
                MailSettlement::Parked { reason, .. } | MailSettlement::StillInDoubt { reason, .. },
            ) => NotifyReport::Parked { reason },
            (Ok(Settled::Applied), MailSettlement::Refused { reason }) if taken_back.is_some() => {
                NotifyReport::Parked { reason }
            }
            (Ok(Settled::Applied), MailSettlement::Refused { reason }) => {
                // The provider's reason may name the recipient: it stays in the inbox.
                tracing::warn!(message_id, trace, "mail refused: see `ops mail list`");
                NotifyReport::Refused { reason }
            }
            (Ok(Settled::Applied), MailSettlement::InDoubt { reason, .. } | MailSettlement::Held { reason }) => {
                tracing::warn!(message_id, trace, "mail in doubt: it may have been sent");
                NotifyReport::InDoubt { reason }
            }
        }
    }

    async fn store(
        &self,
        settlement: &MailSettlement,
        blames: Option<&Blames>,
        provider_met: bool,
    ) -> StoreResult<(Settled, u32)> {
        let (inbox, message_id, token) = (&self.context.inbox, &self.work.message_id, self.work.token);
        if let Some(Blames { alike, .. }) = blames {
            return inbox.settle_alike(EMAIL_CONSUMER, message_id, token, settlement, alike).await;
        }
        let provider = self.context.mailer.provider();
        let settled = inbox.settle(EMAIL_CONSUMER, message_id, token, settlement, provider, provider_met);
        Ok((settled.await?, 0))
    }

    /// What follows if the provider refuses different recipients alike.
    async fn blames(&self, fingerprint: String, refused: &MailSettlement) -> Blames {
        let provider = self.context.mailer.provider();
        let reason = format!("it refuses different recipients alike: {}", refused.columns().error.unwrap_or_default());
        let policy = self.context.policy();
        let (open, delay_ms) = self.attempt(&policy, self.failures().await).provider_failed(None, &reason);
        Blames { alike: Alike { provider: provider.to_owned(), fingerprint, delay_ms }, open, reason }
    }

    async fn change_breaker(&self, breaker: &BreakerChange) {
        let (breakers, provider, token) = (&self.context.breakers, self.context.mailer.provider(), self.work.token);
        let changed = match breaker {
            BreakerChange::Leave if self.probe => {
                lease::within(self.lease_end, || breakers.give_back_probe(provider, token)).await
            }
            BreakerChange::Leave => Ok(()),
            BreakerChange::Close | BreakerChange::Open { .. } => {
                lease::within(self.lease_end, || breakers.change(provider, token, breaker)).await
            }
        };
        if let BreakerChange::Open { for_ms, reason } = breaker {
            tracing::warn!(provider, for_ms, reason, "mail provider failed: its breaker is open");
        }
        if let Err(error) = changed {
            tracing::warn!(provider, %error, "the provider's breaker could not be stored");
        }
    }
}

/// What follows from a refusal if several recipients in a row were refused alike: the fault is the provider's, their mails
/// wait, and its breaker opens.
struct Blames {
    alike: Alike,
    open: BreakerChange,
    reason: String,
}

fn lease_time(context: &NotifyContext) -> Duration {
    Duration::from_millis(u64::try_from(context.settings.lease_ms).unwrap_or(0))
}
