//! What outcomes mean, for every batch and every mail: whose fault it was, what it counts, and how long anyone waits.

use super::one_in;
use chrono::{DateTime, Utc};
use client_organizer::domain::{
    backoff,
    delivery::{MailOutcome, MailPolicy, MailWork, OnDoubt},
    ids::LeaseToken,
    mail_settlement::MailSettlement,
    mail_verdict::{self, Attempt},
    outbox::{BreakerChange, ClaimMode, Claimed, ClaimedRow, LastOutcome, Settlement},
    retry_after::WAIT_MAX_MS,
    verdict::{self, Policy, PublishOutcome},
};
use proptest::{collection::vec, option, prelude::*, sample::select};

const POLICY: Policy = Policy {
    retry_max: 4,
    retry_base_ms: 1_000,
    retry_delay_max_ms: 60_000,
    breaker_base_ms: 5_000,
    breaker_max_ms: 300_000,
};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

fn row() -> impl Strategy<Value = ClaimedRow> {
    (1..5_i64, 0..5_i64, option::of(select(LastOutcome::ALL.to_vec())), option::of(0..100_i64)).prop_map(
        |(claims, retry_count, last_outcome, attempt)| ClaimedRow {
            seq: 0,
            id: "m".to_owned(),
            event_type: "Happened".to_owned(),
            ordering_key: None,
            content_type: "application/json".to_owned(),
            payload: Vec::new(),
            headers: "{}".to_owned(),
            occurred_on: at(0),
            claims,
            retry_count,
            last_outcome,
            last_attempt_on: attempt.map(at),
        },
    )
}

fn pause() -> impl Strategy<Value = Option<i64>> {
    option::of(prop_oneof![0..100_000_i64, 0..i64::MAX])
}

fn outcome() -> impl Strategy<Value = PublishOutcome> {
    let reason = || "why".to_owned();
    prop_oneof![
        3 => Just(PublishOutcome::Accepted),
        1 => pause().prop_map(move |after_ms| PublishOutcome::Retry { after_ms, reason: reason() }),
        1 => Just(PublishOutcome::Permanent { reason: reason() }),
        1 => Just(PublishOutcome::TimedOut { reason: reason() }),
        1 => Just(PublishOutcome::Cut { reason: reason() }),
        2 => pause().prop_map(move |after_ms| PublishOutcome::Blocked { after_ms, reason: reason() }),
        1 => Just(PublishOutcome::NotTried),
    ]
}

fn batch() -> impl Strategy<Value = (ClaimMode, Claimed, Vec<PublishOutcome>)> {
    let many = ClaimMode::Batch { rows_max: 100, bytes_max: 1_000_000 };
    let sized =
        prop_oneof![(Just(many), 1..8_usize), (select(vec![ClaimMode::Suspect, ClaimMode::Probe]), Just(1_usize)),];
    sized.prop_flat_map(|(mode, rows)| {
        let claimed =
            (vec(row(), rows), option::of(0..100_i64), 0..9_u32).prop_map(|(rows, accepted, failures)| Claimed {
                rows: (0..).zip(rows).map(|(seq, row)| ClaimedRow { seq, ..row }).collect(),
                set_dead: 0,
                last_accepted_on: accepted.map(at),
                breaker_failures: failures,
            });
        (Just(mode), claimed, vec(outcome(), rows))
    })
}

/// It went alone, failed in the same way before, and the destination took others since.
fn is_poison(claimed: &Claimed, outcome: &PublishOutcome) -> bool {
    let row = &claimed.rows[0];
    let alike: &[LastOutcome] = match outcome {
        PublishOutcome::Blocked { after_ms: None, .. } => &[LastOutcome::Blocked],
        PublishOutcome::TimedOut { .. } | PublishOutcome::Cut { .. } => &[LastOutcome::Cut, LastOutcome::Unknown],
        _ => &[],
    };
    let since = claimed.last_accepted_on.zip(row.last_attempt_on).is_some_and(|(accepted, attempt)| accepted > attempt);
    claimed.rows.len() == 1 && since && row.last_outcome.is_some_and(|last| alike.contains(&last))
}

proptest! {
    #![proptest_config(one_in(4))]

    #[test]
    fn a_delay_doubles_within_its_bounds(failures in 0..80_u32, base in 0..10_000_000_i64, max in 0..1_000_000_000_i64, dice in 0.0..1.0) {
        let full = (i128::from(base) << failures.saturating_sub(1).min(60)).min(i128::from(max));
        let delay = i128::from(backoff::delay_ms(failures, base, max, dice));
        prop_assert!((full / 2..=full).contains(&delay), "{delay} of {full}");
        prop_assert!(backoff::delay_ms(failures + 1, base, max, dice) >= backoff::delay_ms(failures, base, max, dice));
    }

    #[test]
    fn a_failure_counts_against_the_one_whose_it_is((mode, claimed, outcomes) in batch(), dice in 0.0..1.0) {
        let (settlements, breaker) = verdict::judge(mode, &claimed, &outcomes, &POLICY, || dice);
        let accepted_any = outcomes.contains(&PublishOutcome::Accepted);
        prop_assert_eq!(settlements.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), claimed.rows.iter().map(|row| row.seq).collect::<Vec<_>>());
        for (((_, settlement), outcome), row) in settlements.iter().zip(&outcomes).zip(&claimed.rows) {
            let counted = match settlement {
                Settlement::Retry { delay_ms, .. } => {
                    prop_assert!((0..=POLICY.retry_delay_max_ms).contains(delay_ms));
                    prop_assert!(row.retry_count + 1 < i64::from(POLICY.retry_max), "no retry beyond the most");
                    true
                }
                Settlement::Dead { count_retry, .. } => {
                    let last = row.retry_count + 1 >= i64::from(POLICY.retry_max);
                    prop_assert!(last || matches!(outcome, PublishOutcome::Permanent { .. }), "dead before its last retry");
                    *count_retry
                }
                Settlement::Release { delay_ms, .. } => {
                    prop_assert!(*delay_ms >= 0);
                    false
                }
                Settlement::Sent => false,
            };
            prop_assert_eq!(*settlement == Settlement::Sent, *outcome == PublishOutcome::Accepted);
            let of_the_message = match outcome {
                PublishOutcome::Retry { .. } | PublishOutcome::Permanent { .. } => true,
                PublishOutcome::TimedOut { .. } => accepted_any || is_poison(&claimed, outcome),
                PublishOutcome::Cut { .. } | PublishOutcome::Blocked { .. } => is_poison(&claimed, outcome),
                PublishOutcome::Accepted | PublishOutcome::NotTried => false,
            };
            prop_assert_eq!(counted, of_the_message, "{:?}: {:?}", outcome, settlement);
            if let (PublishOutcome::Retry { after_ms: Some(after), .. }, Settlement::Retry { delay_ms, .. }) = (outcome, settlement) {
                prop_assert!(*delay_ms >= (*after).min(POLICY.retry_delay_max_ms), "the requested pause is kept");
            }
        }
        let failed = |outcome: &PublishOutcome| matches!(outcome, PublishOutcome::Blocked { .. } | PublishOutcome::TimedOut { .. } | PublishOutcome::Cut { .. });
        let judged = |outcome: &PublishOutcome| matches!(outcome, PublishOutcome::Accepted | PublishOutcome::Permanent { .. } | PublishOutcome::Retry { .. });
        let requested = outcomes.iter().filter_map(|outcome| if let PublishOutcome::Blocked { after_ms, .. } = outcome { *after_ms } else { None }).max();
        match &breaker {
            BreakerChange::Open { for_ms, .. } => {
                prop_assert!(outcomes.iter().any(failed));
                prop_assert!((0..=WAIT_MAX_MS).contains(for_ms));
                // Probes stay frequent, so no breaker of a destination opens for longer by itself.
                let own_ms = backoff::delay_ms(claimed.breaker_failures + 1, POLICY.breaker_base_ms, 20_000, dice);
                prop_assert!(*for_ms == own_ms.max(requested.unwrap_or(0).min(WAIT_MAX_MS)), "{for_ms}, not {own_ms} or the longest requested pause");
                let behind = settlements.iter().all(|(_, s)| matches!(s, Settlement::Release { delay_ms, .. } if delay_ms > for_ms));
                prop_assert!(mode != ClaimMode::Probe || behind, "the next probe tries another row");
            }
            BreakerChange::Close => prop_assert!(mode == ClaimMode::Probe && outcomes.iter().any(judged)),
            BreakerChange::Leave => prop_assert_eq!(requested, None, "a requested pause opens"),
        }
    }
}

fn mail_outcome() -> impl Strategy<Value = MailOutcome> {
    let reason = || "why".to_owned();
    prop_oneof![
        Just(MailOutcome::Accepted { reference: "r".to_owned() }),
        pause().prop_map(move |after_ms| MailOutcome::RecipientTransient { after_ms, reason: reason() }),
        option::of(Just("550".to_owned()))
            .prop_map(move |alike| MailOutcome::RecipientPermanent { reason: reason(), alike }),
        (pause(), any::<bool>()).prop_map(move |(after_ms, of_mail)| MailOutcome::Provider {
            after_ms,
            reason: reason(),
            of_mail
        }),
        Just(MailOutcome::Unknown { reason: reason() }),
    ]
}

const MAIL_POLICY: MailPolicy = MailPolicy {
    on_doubt: OnDoubt::Resend,
    doubts_max: 3,
    retry_base_ms: 60_000,
    retry_delay_max_ms: 3_600_000,
    give_up_ms: 48 * 3_600_000,
    breaker_base_ms: 30_000,
    breaker_max_ms: 600_000,
};

proptest! {
    #![proptest_config(one_in(4))]

    #[test]
    fn a_mail_is_sent_refused_or_in_doubt_only_where_that_is_known(
        outcome in mail_outcome(), (attempts, doubts, failing) in (1..20_i64, 0..5_i64, option::of(0..300_000_i64)),
        (probe, alone, hold) in any::<(bool, bool, bool)>(), failures in 0..9_u32, dice in 0.0..1.0,
    ) {
        let now = at(400_000);
        let work = MailWork {
            message_id: "m".to_owned(), token: LeaseToken::fresh(), body: Vec::new(), traceparent: None, attempts, doubts,
            first_transient_on: failing.map(|seconds| now - chrono::TimeDelta::seconds(seconds)), doubted_on: None, not_found: 0, now,
        };
        let policy = MailPolicy { on_doubt: if hold { OnDoubt::Hold } else { OnDoubt::Resend }, ..MAIL_POLICY };
        let attempt = Attempt { provider: "mail:fake", work: &work, policy: &policy, failures, probe, alone, dice };
        let judged = mail_verdict::judge(&attempt, &outcome);
        let given_up = failing.is_some_and(|seconds| seconds * 1_000 >= policy.give_up_ms);
        match (&outcome, &judged.settlement) {
            (MailOutcome::Accepted { .. }, MailSettlement::Sent { .. }) => {}
            (MailOutcome::RecipientPermanent { alike, .. }, MailSettlement::Refused { .. }) => prop_assert_eq!(alike, &judged.alike),
            (MailOutcome::RecipientTransient { .. }, MailSettlement::Refused { .. }) => prop_assert!(given_up),
            (MailOutcome::RecipientTransient { after_ms, .. }, MailSettlement::Parked { delay_ms, recipient_failed: true, .. }) => {
                prop_assert!(!given_up && (after_ms.unwrap_or(0).min(policy.retry_delay_max_ms)..=policy.retry_delay_max_ms).contains(delay_ms));
            }
            // Whatever the provider's fault is, it never counts against the recipient.
            (MailOutcome::Provider { of_mail, .. }, MailSettlement::Parked { recipient_failed: false, .. }) => {
                let spared = *of_mail && alone && !probe && attempts > 1;
                prop_assert_eq!(matches!(judged.breaker, BreakerChange::Open { .. }), !spared);
            }
            (MailOutcome::Unknown { .. }, MailSettlement::InDoubt { delay_ms, .. }) => {
                prop_assert_eq!(delay_ms.is_some(), !hold && doubts + 1 < policy.doubts_max);
            }
            (outcome, settlement) => prop_assert!(false, "{outcome:?}: {settlement:?}"),
        }
        match (&judged.breaker, &outcome) {
            (BreakerChange::Open { for_ms, .. }, MailOutcome::Provider { after_ms, .. }) => {
                prop_assert!((after_ms.unwrap_or(0).min(WAIT_MAX_MS)..=WAIT_MAX_MS).contains(for_ms));
            }
            (BreakerChange::Open { .. }, _) => prop_assert!(false, "only the provider's own failure stops it"),
            (BreakerChange::Close, _) => prop_assert!(probe),
            (BreakerChange::Leave, _) => {}
        }
    }
}
