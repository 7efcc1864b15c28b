//! What a provider's answer about a mail in doubt means: the provider has it, gave it up, or never got it. Pure.
//!
//! "No such mail" counts only the second time, and only while the provider can be expected to remember the mail: then
//! it is sent again, under the same ids. Every other answer sends nothing.

use super::{
    delivery::{MailPolicy, MailStatus, MailWork, OnDoubt},
    mail_settlement::MailSettlement,
    mail_verdict::{Attempt, MailVerdict},
};

/// A provider may need this long until it can find a mail it has taken.
pub const QUERY_AFTER_MS: i64 = 60_000;
/// Past this, "not found" may mean "forgotten".
const REMEMBERED_MS: i64 = 24 * 3_600_000;
const NOT_FOUND_ENOUGH: i64 = 2;

/// What RetryEmail does with a due mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// In doubt, and the provider answers status queries: one is made, which sends nothing.
    Query,
    /// It may have been sent too often already: a person decides.
    Hold,
    /// Sends it.
    Send,
}

/// Chooses the step. `queries`: the provider answers status queries.
#[must_use]
pub fn next_step(work: &MailWork, policy: &MailPolicy, queries: bool) -> Step {
    // Doubts that a person has settled no longer hold the mail.
    let in_doubt = work.doubted_on.is_some();
    if queries && open(work) {
        Step::Query
    } else if in_doubt && work.doubts >= policy.doubts_max {
        Step::Hold
    } else {
        Step::Send
    }
}

/// In doubt, and not yet missing often enough to be sent again.
fn open(work: &MailWork) -> bool {
    work.doubted_on.is_some() && work.not_found < NOT_FOUND_ENOUGH
}

/// The policy for sending. Where the provider answers status queries, a doubt is always followed by one, however many
/// doubts there were and whatever `on_doubt` is; that setting is for providers that cannot be queried.
#[must_use]
pub fn queried_first(policy: MailPolicy, queries: bool) -> MailPolicy {
    if queries { MailPolicy { on_doubt: OnDoubt::Resend, doubts_max: i64::MAX, ..policy } } else { policy }
}

/// Postpones a status query that is too early. None: it is not too early.
#[must_use]
pub fn too_young(work: &MailWork) -> Option<MailSettlement> {
    let delay_ms = QUERY_AFTER_MS - age_ms(work);
    let reason = "may have been sent: a status query follows soon".to_owned();
    (delay_ms > 0).then_some(MailSettlement::StillInDoubt { delay_ms, reason, not_found: false })
}

/// Postpones a status query that exceeds the limit of queries.
#[must_use]
pub fn no_room(in_ms: i64) -> MailSettlement {
    let reason = "may have been sent: a status query follows when their limit has room".to_owned();
    MailSettlement::StillInDoubt { delay_ms: in_ms, reason, not_found: false }
}

/// Holds a mail that is not tried again, because each further attempt may send one more copy.
#[must_use]
pub fn held(work: &MailWork) -> MailSettlement {
    let reason = format!("may have been sent {} times: decide with `ops mail resend` or `assume-sent`", work.doubts);
    MailSettlement::Held { reason }
}

/// Judges the answer to a status query.
#[must_use]
pub fn judge(attempt: &Attempt<'_>, answer: &MailStatus) -> MailVerdict {
    match answer {
        MailStatus::Taken { reference } => attempt.sent(reference),
        // Not sent again by itself: under the same Message-ID it could be dropped as a duplicate, and be lost as sent.
        // But a fault of ours does not refuse a client's mail: the whole mail is kept for a person, for as long as it
        // takes.
        MailStatus::Failed { reason, ours: true } => attempt.answered(MailSettlement::Held {
            reason: format!("not sent: {reason}. Repair that, then `ops mail resend`"),
        }),
        MailStatus::Failed { reason, ours: false } => {
            attempt.answered(MailSettlement::Refused { reason: reason.clone() })
        }
        MailStatus::NotFound => attempt.answered(not_found(attempt.work, attempt.policy)),
        MailStatus::Provider { after_ms, reason } => {
            let (breaker, delay_ms) = attempt.provider_failed(*after_ms, reason);
            let settlement = MailSettlement::StillInDoubt { delay_ms, reason: reason.clone(), not_found: false };
            MailVerdict { breaker, ..MailVerdict::of(settlement) }
        }
    }
}

fn not_found(work: &MailWork, policy: &MailPolicy) -> MailSettlement {
    if age_ms(work) > REMEMBERED_MS {
        let reason = "may have been sent: the provider does not know it, but after 24 h it may have forgotten it. Decide \
                      with `ops mail resend` or `assume-sent`";
        return MailSettlement::Held { reason: reason.to_owned() };
    }
    if work.not_found + 1 < NOT_FOUND_ENOUGH {
        let reason = "may have been sent: the provider does not know it yet".to_owned();
        return MailSettlement::StillInDoubt { delay_ms: QUERY_AFTER_MS, reason, not_found: true };
    }
    if policy.on_doubt == OnDoubt::Hold || work.doubts >= policy.doubts_max {
        let reason = format!(
            "may have been sent ({} times in doubt): two status queries did not find it. Decide with `ops \
             mail resend` or `assume-sent`",
            work.doubts
        );
        return MailSettlement::Held { reason };
    }
    let reason = "two status queries did not find it: it is sent again".to_owned();
    MailSettlement::StillInDoubt { delay_ms: 0, reason, not_found: true }
}

fn age_ms(work: &MailWork) -> i64 {
    work.doubted_on.map_or(0, |since| (work.now - since).num_milliseconds())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        mail_verdict::tests::{HOUR_MS, POLICY, work as tried},
        outbox::BreakerChange,
    };
    use chrono::TimeDelta;

    fn work(age_ms: i64, not_found: i64) -> MailWork {
        let tried = tried(None);
        let doubted_on = Some(tried.now - TimeDelta::milliseconds(age_ms));
        MailWork { doubts: 1, doubted_on, not_found, ..tried }
    }

    fn judged(work: &MailWork, answer: &MailStatus, policy: &MailPolicy, probe: bool) -> MailVerdict {
        judge(&Attempt { provider: "mail:acs", work, policy, failures: 0, probe, alone: true, dice: 1.0 }, answer)
    }

    fn verdict_of(work: &MailWork, answer: &MailStatus) -> MailSettlement {
        judged(work, answer, &POLICY, false).settlement
    }

    #[test]
    fn doubts_hold_a_mail_until_a_person_has_settled_them() {
        let often = MailWork { doubts: 3, ..work(120_000, 2) };
        assert_eq!(next_step(&often, &POLICY, true), Step::Hold);
        assert_eq!(next_step(&MailWork { not_found: 0, ..often.clone() }, &POLICY, true), Step::Query);
        assert_eq!(next_step(&MailWork { not_found: 0, ..often.clone() }, &POLICY, false), Step::Hold);
        assert_eq!(next_step(&MailWork { doubts: 2, ..often.clone() }, &POLICY, false), Step::Send);
        assert_eq!(next_step(&MailWork { doubted_on: None, ..often }, &POLICY, true), Step::Send);
    }

    #[test]
    fn a_status_query_is_made_after_a_minute() {
        assert!(matches!(too_young(&work(0, 0)), Some(MailSettlement::StillInDoubt { delay_ms: 60_000, .. })));
        assert!(matches!(too_young(&work(59_000, 0)), Some(MailSettlement::StillInDoubt { delay_ms: 1_000, .. })));
        assert_eq!(too_young(&work(60_000, 0)), None);
    }

    #[test]
    fn what_the_provider_knows_ends_the_doubt_at_any_age() {
        for age_ms in [60_000, 30 * HOUR_MS] {
            let taken = verdict_of(&work(age_ms, 1), &MailStatus::Taken { reference: "Running".into() });
            assert_eq!(taken, MailSettlement::Sent { provider: "mail:acs".into(), reference: "Running".into() });
            let failed = verdict_of(&work(age_ms, 1), &MailStatus::Failed { reason: "dropped".into(), ours: false });
            assert_eq!(failed, MailSettlement::Refused { reason: "dropped".into() });
        }
    }

    #[test]
    fn a_mail_given_up_for_a_fault_of_ours_is_kept_for_a_person() {
        let ours = MailStatus::Failed { reason: "the quota is used up".into(), ours: true };
        let held = verdict_of(&work(60_000, 0), &ours);
        assert!(matches!(&held, MailSettlement::Held { reason } if reason.contains("quota")), "{held:?}");
    }

    #[test]
    fn not_found_counts_the_second_time_and_then_it_is_sent_again() {
        let first = verdict_of(&work(60_000, 0), &MailStatus::NotFound);
        assert!(
            matches!(first, MailSettlement::StillInDoubt { delay_ms: QUERY_AFTER_MS, not_found: true, .. }),
            "{first:?}"
        );
        assert_eq!(next_step(&work(60_000, 1), &POLICY, true), Step::Query);
        let second = verdict_of(&work(120_000, 1), &MailStatus::NotFound);
        assert!(matches!(second, MailSettlement::StillInDoubt { delay_ms: 0, not_found: true, .. }), "{second:?}");
        assert_eq!(next_step(&work(120_000, 2), &POLICY, true), Step::Send);
    }

    #[test]
    fn not_found_after_a_day_is_for_a_person() {
        for not_found in [0, 1] {
            let late = verdict_of(&work(24 * HOUR_MS + 1, not_found), &MailStatus::NotFound);
            assert!(matches!(late, MailSettlement::Held { .. }), "{late:?}");
        }
        assert!(!matches!(verdict_of(&work(24 * HOUR_MS, 1), &MailStatus::NotFound), MailSettlement::Held { .. }));
    }

    #[test]
    fn a_mail_that_would_be_sent_too_often_or_against_the_setting_is_held() {
        let often = MailWork { doubts: 3, ..work(120_000, 1) };
        assert!(matches!(verdict_of(&often, &MailStatus::NotFound), MailSettlement::Held { .. }));
        let hold = MailPolicy { on_doubt: OnDoubt::Hold, ..POLICY };
        let settlement = judged(&work(120_000, 1), &MailStatus::NotFound, &hold, false).settlement;
        assert!(matches!(settlement, MailSettlement::Held { .. }));
    }

    #[test]
    fn a_provider_that_cannot_be_queried_settles_nothing_and_opens_its_breaker() {
        let away = MailStatus::Provider { after_ms: Some(45_000), reason: "429".into() };
        let MailVerdict { settlement, breaker, .. } = judged(&work(60_000, 1), &away, &POLICY, false);
        assert_eq!(settlement, MailSettlement::StillInDoubt { delay_ms: 0, reason: "429".into(), not_found: false });
        assert_eq!(breaker, BreakerChange::Open { for_ms: 45_000, reason: "429".into() });
        assert_eq!(judged(&work(60_000, 0), &MailStatus::NotFound, &POLICY, true).breaker, BreakerChange::Close);
    }
}
