//! What a mail provider's outcome means: a failure of the recipient parks or refuses the mail, a failure of the
//! provider opens its breaker and costs the mail nothing, and a mail that may have been sent is in doubt. Pure.

use super::{
    backoff,
    delivery::{MailOutcome, MailPolicy, MailWork, OnDoubt},
    mail_settlement::MailSettlement,
    outbox::BreakerChange,
    retry_after,
};

/// When this many different recipients in a row are refused alike, the provider is at fault.
pub const ALIKE_RECIPIENTS: u32 = 5;
/// A mail that was taken back this often and refused again, while the provider took others, is itself at fault.
pub const TAKEN_BACK_MAX: u32 = 3;
/// Only this many of the mails that ended last are compared, which bounds the query.
pub const ALIKE_AMONG: u32 = 500;

/// What becomes of a mail and of its provider's breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailVerdict {
    /// How the attempt ended.
    pub settlement: MailSettlement,
    /// What happens to the provider's breaker.
    pub breaker: BreakerChange,
    /// The fingerprint of a refusal that may be the provider's fault: several alike in a row are.
    pub alike: Option<String>,
}

impl MailVerdict {
    /// A verdict that leaves the breaker alone: the provider was not contacted, or its answer does not show whether it
    /// works.
    #[must_use]
    pub fn of(settlement: MailSettlement) -> Self {
        Self { settlement, breaker: BreakerChange::Leave, alike: None }
    }
}

/// An attempt to send a mail or to query its status, with everything that judging the answer needs.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Breaker name of the provider.
    pub provider: &'a str,
    /// The leased mail.
    pub work: &'a MailWork,
    /// The settings.
    pub policy: &'a MailPolicy,
    /// How often in a row the provider's breaker opened.
    pub failures: u32,
    /// The attempt was the probe of an open breaker.
    pub probe: bool,
    /// Since the provider last took or judged another mail, it refused only this one for a reason that concerns us.
    pub alone: bool,
    /// A random number in 0.0..1.0.
    pub dice: f64,
}

impl Attempt<'_> {
    /// The provider took it.
    pub(super) fn sent(&self, reference: &str) -> MailVerdict {
        self.answered(MailSettlement::Sent { provider: self.provider.to_owned(), reference: reference.to_owned() })
    }

    /// The provider answered, so it works, whatever the answer.
    pub(super) fn answered(&self, settlement: MailSettlement) -> MailVerdict {
        let breaker = if self.probe { BreakerChange::Close } else { BreakerChange::Leave };
        MailVerdict { breaker, ..MailVerdict::of(settlement) }
    }

    /// The provider itself fails: the change of its breaker, and after how many milliseconds this mail is due.
    #[must_use]
    pub fn provider_failed(&self, after_ms: Option<i64>, reason: &str) -> (BreakerChange, i64) {
        let (base_ms, max_ms) = (self.policy.breaker_base_ms, self.policy.breaker_max_ms);
        let own = backoff::delay_ms(self.failures + 1, base_ms, max_ms, self.dice);
        // The pause that the provider requests is the minimum.
        let for_ms = own.max(after_ms.unwrap_or(0).min(retry_after::WAIT_MAX_MS));
        // The mail of a failed probe moves behind the others, so that the next probe tries another.
        let delay_ms = if self.probe { for_ms + 1 } else { 0 };
        (BreakerChange::Open { for_ms, reason: reason.to_owned() }, delay_ms)
    }

    fn retry_ms(&self) -> i64 {
        let attempts = u32::try_from(self.work.attempts).unwrap_or(u32::MAX);
        backoff::delay_ms(attempts, self.policy.retry_base_ms, self.policy.retry_delay_max_ms, self.dice)
    }
}

/// Judges an attempt to send.
#[must_use]
pub fn judge(attempt: &Attempt<'_>, outcome: &MailOutcome) -> MailVerdict {
    let Attempt { work, policy, .. } = attempt;
    match outcome {
        MailOutcome::Accepted { reference } => attempt.sent(reference),
        MailOutcome::RecipientPermanent { reason, alike } => {
            let refused = attempt.answered(MailSettlement::Refused { reason: reason.clone() });
            MailVerdict { alike: alike.clone(), ..refused }
        }
        MailOutcome::RecipientTransient { after_ms, reason } => {
            let failing_ms = work.first_transient_on.map(|first| (work.now - first).num_milliseconds());
            if failing_ms.is_some_and(|failing_ms| failing_ms >= policy.give_up_ms) {
                let hours = policy.give_up_ms / 3_600_000;
                let reason = format!("given up after {hours} h of trying: {reason}");
                return attempt.answered(MailSettlement::Refused { reason });
            }
            let delay_ms = attempt.retry_ms().max(after_ms.unwrap_or(0).min(policy.retry_delay_max_ms));
            attempt.answered(MailSettlement::Parked { delay_ms, reason: reason.clone(), recipient_failed: true })
        }
        // The mail is at fault, whatever the words: it was tried before, and no other mail is refused like this.
        MailOutcome::Provider { of_mail: true, reason, .. } if attempt.alone && !attempt.probe && work.attempts > 1 => {
            let (delay_ms, reason) = (attempt.retry_ms(), reason.clone());
            MailVerdict::of(MailSettlement::Parked { delay_ms, reason, recipient_failed: false })
        }
        MailOutcome::Provider { after_ms, reason, .. } => {
            let (breaker, delay_ms) = attempt.provider_failed(*after_ms, reason);
            let settlement = MailSettlement::Parked { delay_ms, reason: reason.clone(), recipient_failed: false };
            MailVerdict { breaker, ..MailVerdict::of(settlement) }
        }
        MailOutcome::Unknown { reason } => {
            let delay_ms = match policy.on_doubt {
                OnDoubt::Resend if work.doubts + 1 < policy.doubts_max => Some(attempt.retry_ms()),
                OnDoubt::Resend | OnDoubt::Hold => None,
            };
            MailVerdict::of(MailSettlement::InDoubt { delay_ms, reason: reason.clone() })
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::ids::LeaseToken;
    use chrono::DateTime;

    pub const HOUR_MS: i64 = 3_600_000;
    pub const POLICY: MailPolicy = MailPolicy {
        on_doubt: OnDoubt::Resend,
        doubts_max: 3,
        retry_base_ms: 60_000,
        retry_delay_max_ms: HOUR_MS,
        give_up_ms: 48 * HOUR_MS,
        breaker_base_ms: 30_000,
        breaker_max_ms: 600_000,
    };

    pub fn work(first_transient_ms: Option<i64>) -> MailWork {
        MailWork {
            message_id: "m".into(),
            token: LeaseToken::fresh(),
            body: Vec::new(),
            traceparent: None,
            attempts: 1,
            doubts: 0,
            first_transient_on: first_transient_ms.and_then(DateTime::from_timestamp_millis),
            doubted_on: None,
            not_found: 0,
            now: DateTime::from_timestamp_millis(100 * HOUR_MS).unwrap(),
        }
    }

    fn judged(
        work: &MailWork,
        outcome: &MailOutcome,
        policy: &MailPolicy,
        probe: bool,
    ) -> (MailSettlement, BreakerChange) {
        let attempt = Attempt { provider: "mail:folder", work, policy, failures: 0, probe, alone: true, dice: 1.0 };
        let verdict = judge(&attempt, outcome);
        (verdict.settlement, verdict.breaker)
    }

    fn verdict_of(work: &MailWork, outcome: &MailOutcome, probe: bool) -> (MailSettlement, BreakerChange) {
        judged(work, outcome, &POLICY, probe)
    }

    #[test]
    fn an_outage_of_the_provider_parks_without_a_clock_and_opens_its_breaker() {
        let outage = MailOutcome::Provider { after_ms: Some(45_000), reason: "busy".into(), of_mail: false };
        let (settlement, breaker) = verdict_of(&work(Some(0)), &outage, false);
        assert_eq!(settlement, MailSettlement::Parked { delay_ms: 0, reason: "busy".into(), recipient_failed: false });
        assert_eq!(breaker, BreakerChange::Open { for_ms: 45_000, reason: "busy".into() });
    }

    #[test]
    fn the_breaker_waits_longer_each_time_and_the_mail_of_a_failed_probe_moves_behind_the_others() {
        let work = work(None);
        let failed = |failures, probe| {
            let attempt =
                Attempt { provider: "m", work: &work, policy: &POLICY, failures, probe, alone: false, dice: 1.0 };
            attempt.provider_failed(None, "away")
        };
        let open = |for_ms| BreakerChange::Open { for_ms, reason: "away".into() };
        assert_eq!(failed(2, false), (open(120_000), 0));
        assert_eq!(failed(2, true), (open(120_000), 120_001));
    }

    #[test]
    fn a_recipient_is_given_up_only_after_the_set_hours() {
        let full = MailOutcome::RecipientTransient { after_ms: None, reason: "mailbox full".into() };
        let parked = |w: &MailWork| {
            matches!(verdict_of(w, &full, false).0, MailSettlement::Parked { recipient_failed: true, .. })
        };
        assert!(parked(&work(None)));
        assert!(parked(&work(Some(53 * HOUR_MS))));
        let (settlement, _) = verdict_of(&work(Some(52 * HOUR_MS)), &full, false);
        assert!(matches!(settlement, MailSettlement::Refused { reason } if reason.contains("48 h")));
    }

    #[test]
    fn what_may_have_been_sent_is_in_doubt_and_closes_nothing() {
        let unknown = MailOutcome::Unknown { reason: "cut after DATA".into() };
        let (settlement, breaker) = verdict_of(&work(None), &unknown, true);
        assert!(matches!(settlement, MailSettlement::InDoubt { delay_ms: Some(60_000), .. }));
        assert_eq!(breaker, BreakerChange::Leave);
        let often = MailWork { doubts: 2, ..work(None) };
        assert!(
            matches!(verdict_of(&often, &unknown, false).0, MailSettlement::InDoubt { delay_ms: None, .. }),
            "it may be the third"
        );
        let hold = MailPolicy { on_doubt: OnDoubt::Hold, ..POLICY };
        let (settlement, _) = judged(&work(None), &unknown, &hold, false);
        assert!(matches!(settlement, MailSettlement::InDoubt { delay_ms: None, .. }));
    }

    #[test]
    fn a_refusal_that_blames_the_sender_counts_against_the_mail_where_others_are_taken() {
        let policy = MailOutcome::Provider { after_ms: None, reason: "550 5.7.1".into(), of_mail: true };
        let judged = |attempts, probe, alone| {
            let work = &MailWork { attempts, ..work(None) };
            let attempt = Attempt { provider: "m", work, policy: &POLICY, failures: 0, probe, alone, dice: 1.0 };
            judge(&attempt, &policy)
        };
        let waits = MailSettlement::Parked { delay_ms: 120_000, reason: "550 5.7.1".into(), recipient_failed: false };
        assert_eq!(judged(2, false, true), MailVerdict::of(waits));
        for (attempts, probe, alone) in [(1, false, true), (2, true, true), (2, false, false)] {
            let breaker = judged(attempts, probe, alone).breaker;
            assert!(matches!(breaker, BreakerChange::Open { .. }), "{attempts} {probe} {alone}");
        }
    }

    #[test]
    fn a_probe_that_the_provider_answers_closes_the_breaker() {
        let refused = MailOutcome::RecipientPermanent { reason: "550".into(), alike: None };
        assert_eq!(verdict_of(&work(None), &refused, true).1, BreakerChange::Close);
        assert_eq!(verdict_of(&work(None), &refused, false).1, BreakerChange::Leave);
    }
}
