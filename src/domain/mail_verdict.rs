//! What a mail provider's outcome means: the recipient's failure parks or refuses the mail, the provider's own opens
//! its breaker and burns nothing, and what may have been sent is in doubt. Pure.

use super::{
    backoff,
    delivery::{MailFinish, MailOutcome, MailPolicy, MailWork, OnDoubt},
    outbox::BreakerChange,
};

/// Different recipients in a row that are refused alike, until the provider is at fault.
pub const ALIKE_RECIPIENTS: u32 = 5;
/// Taken back so often, and refused again after the provider took others: then it is the mail's own.
pub const TAKEN_BACK_MAX: u32 = 3;
/// Of the mails that ended last, so many are looked at: a row is found without reading all there were.
pub const ALIKE_AMONG: u32 = 500;

/// `failures`: how often in a row the provider's breaker opened. `probe`: this try went through an open breaker.
#[must_use]
pub fn judge(
    provider: &str,
    work: &MailWork,
    outcome: &MailOutcome,
    policy: &MailPolicy,
    failures: u32,
    probe: bool,
    dice: f64,
) -> (MailFinish, BreakerChange) {
    let attempts = u32::try_from(work.attempts).unwrap_or(u32::MAX);
    let alive = if probe { BreakerChange::Close } else { BreakerChange::Leave };
    match outcome {
        MailOutcome::Accepted { reference } => {
            (MailFinish::Sent { provider: provider.to_owned(), reference: reference.clone() }, alive)
        }
        MailOutcome::RecipientPermanent { reason, .. } => (MailFinish::Refused { reason: reason.clone() }, alive),
        MailOutcome::RecipientTransient { after_ms, reason } => {
            let failing_ms = work.first_transient_on.map_or(0, |first| (work.now - first).num_milliseconds());
            if work.first_transient_on.is_some() && failing_ms >= policy.give_up_ms {
                let hours = policy.give_up_ms / 3_600_000;
                return (
                    MailFinish::Refused { reason: format!("given up after {hours} h of trying: {reason}") },
                    alive,
                );
            }
            let own = backoff::delay_ms(attempts, policy.retry_base_ms, policy.retry_delay_max_ms, dice);
            let delay_ms = own.max(after_ms.unwrap_or(0).min(policy.retry_delay_max_ms));
            (MailFinish::Parked { delay_ms, reason: reason.clone(), recipient_failed: true }, alive)
        }
        MailOutcome::Provider { after_ms, reason } => {
            let own = backoff::delay_ms(failures + 1, policy.breaker_base_ms, policy.breaker_max_ms, dice);
            // The provider's own word is a floor, within a day: a typo there must not stop us for years.
            let for_ms = own.max(after_ms.unwrap_or(0).min(86_400_000));
            // A failed probe goes behind the others, so that the next probe tries another mail.
            let delay_ms = if probe { for_ms + 1 } else { 0 };
            let parked = MailFinish::Parked { delay_ms, reason: reason.clone(), recipient_failed: false };
            (parked, BreakerChange::Open { for_ms, reason: reason.clone() })
        }
        MailOutcome::Unknown { reason } => {
            let delay_ms = match policy.on_doubt {
                OnDoubt::Resend if work.doubts + 1 >= policy.doubts_max => None,
                OnDoubt::Resend => {
                    Some(backoff::delay_ms(attempts, policy.retry_base_ms, policy.retry_delay_max_ms, dice))
                }
                OnDoubt::Hold => None,
            };
            (MailFinish::InDoubt { delay_ms, reason: reason.clone() }, BreakerChange::Leave)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::LeaseToken;
    use chrono::DateTime;

    const HOUR_MS: i64 = 3_600_000;
    const POLICY: MailPolicy = MailPolicy {
        on_doubt: OnDoubt::Resend,
        doubts_max: 3,
        retry_base_ms: 60_000,
        retry_delay_max_ms: HOUR_MS,
        give_up_ms: 48 * HOUR_MS,
        breaker_base_ms: 30_000,
        breaker_max_ms: 600_000,
    };

    fn work(first_transient_ms: Option<i64>) -> MailWork {
        MailWork {
            message_id: "m".into(),
            token: LeaseToken::fresh(),
            body: Vec::new(),
            attempts: 1,
            doubts: 0,
            first_transient_on: first_transient_ms.and_then(DateTime::from_timestamp_millis),
            doubted_on: None,
            not_found: 0,
            now: DateTime::from_timestamp_millis(100 * HOUR_MS).unwrap(),
        }
    }

    fn ask(work: &MailWork, outcome: &MailOutcome, probe: bool) -> (MailFinish, BreakerChange) {
        judge("mail:folder", work, outcome, &POLICY, 0, probe, 1.0)
    }

    #[test]
    fn an_outage_of_the_provider_parks_without_a_clock_and_opens_its_breaker() {
        let outage = MailOutcome::Provider { after_ms: Some(45_000), reason: "busy".into() };
        let (finish, breaker) = ask(&work(Some(0)), &outage, false);
        assert_eq!(finish, MailFinish::Parked { delay_ms: 0, reason: "busy".into(), recipient_failed: false });
        assert_eq!(breaker, BreakerChange::Open { for_ms: 45_000, reason: "busy".into() });
    }

    #[test]
    fn a_recipient_is_given_up_only_after_its_hours() {
        let full = MailOutcome::RecipientTransient { after_ms: None, reason: "mailbox full".into() };
        let parked = |w: &MailWork| matches!(ask(w, &full, false).0, MailFinish::Parked { recipient_failed: true, .. });
        assert!(parked(&work(None)));
        assert!(parked(&work(Some(53 * HOUR_MS))));
        let (finish, _) = ask(&work(Some(52 * HOUR_MS)), &full, false);
        assert!(matches!(finish, MailFinish::Refused { reason } if reason.contains("48 h")));
    }

    #[test]
    fn what_may_have_been_sent_is_in_doubt_and_closes_nothing() {
        let unknown = MailOutcome::Unknown { reason: "cut after DATA".into() };
        let (finish, breaker) = ask(&work(None), &unknown, true);
        assert!(matches!(finish, MailFinish::InDoubt { delay_ms: Some(60_000), .. }));
        assert_eq!(breaker, BreakerChange::Leave);
        let often = MailWork { doubts: 2, ..work(None) };
        assert!(
            matches!(ask(&often, &unknown, false).0, MailFinish::InDoubt { delay_ms: None, .. }),
            "it may be the third"
        );
        let hold = MailPolicy { on_doubt: OnDoubt::Hold, ..POLICY };
        let (finish, _) = judge("mail:x", &work(None), &unknown, &hold, 0, false, 1.0);
        assert!(matches!(finish, MailFinish::InDoubt { delay_ms: None, .. }));
    }

    #[test]
    fn a_probe_that_the_provider_answers_closes_the_breaker() {
        let refused = MailOutcome::RecipientPermanent { reason: "550".into(), alike: None };
        assert_eq!(ask(&work(None), &refused, true).1, BreakerChange::Close);
        assert_eq!(ask(&work(None), &refused, false).1, BreakerChange::Leave);
    }
}
