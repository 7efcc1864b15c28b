//! What each outcome of a publish means for its row and its destination.

use super::*;
use chrono::{DateTime, Utc};

const POLICY: Policy = Policy {
    retry_max: 3,
    retry_base_ms: 1_000,
    retry_delay_max_ms: 60_000,
    breaker_base_ms: 5_000,
    breaker_max_ms: 300_000,
};
const BATCH: ClaimMode = ClaimMode::Batch { rows_max: 100, bytes_max: 1_000_000 };

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap()
}

fn row(seq: i64) -> ClaimedRow {
    ClaimedRow {
        seq,
        id: format!("m{seq}"),
        event_type: "FinancialRecordCreated".into(),
        ordering_key: None,
        content_type: "application/json".into(),
        payload: b"{}".to_vec(),
        headers: "{}".into(),
        occurred_on: at(0),
        claims: 1,
        retry_count: 0,
        last_outcome: None,
        last_attempt_on: None,
    }
}

fn rows(n: i64) -> Claimed {
    Claimed { rows: (1..=n).map(row).collect(), ..Claimed::default() }
}

fn verdict_of(mode: ClaimMode, claimed: &Claimed, outcomes: &[PublishOutcome]) -> (Vec<Settlement>, BreakerChange) {
    let (settlements, breaker) = judge(mode, claimed, outcomes, &POLICY, || 1.0);
    (settlements.into_iter().map(|(_, s)| s).collect(), breaker)
}

fn cut() -> PublishOutcome {
    PublishOutcome::Cut { reason: "cut".into() }
}

fn timed_out() -> PublishOutcome {
    PublishOutcome::TimedOut { reason: "slow".into() }
}

fn blocked(after_ms: Option<i64>) -> PublishOutcome {
    PublishOutcome::Blocked { after_ms, reason: "503".into() }
}

#[test]
fn an_outage_burns_no_retry_and_opens_the_breaker() {
    let (settled, breaker) = verdict_of(BATCH, &rows(2), &[blocked(None), blocked(None)]);
    assert!(settled.iter().all(|s| matches!(s, Settlement::Release { delay_ms: 0, suspect: false, .. })));
    assert_eq!(breaker, BreakerChange::Open { for_ms: 5_000, reason: "503".into() });
}

#[test]
fn the_breaker_waits_longer_each_time_and_at_least_the_requested_pause() {
    let claimed = Claimed { breaker_failures: 3, ..rows(1) };
    let (_, breaker) = verdict_of(ClaimMode::Probe, &claimed, &[blocked(None)]);
    assert_eq!(breaker, BreakerChange::Open { for_ms: 20_000, reason: "503".into() });
    let (_, breaker) = verdict_of(ClaimMode::Probe, &claimed, &[blocked(Some(90_000))]);
    assert_eq!(breaker, BreakerChange::Open { for_ms: 90_000, reason: "503".into() });
}

#[test]
fn a_long_outage_does_not_make_the_probes_rare() {
    for failures in [3, 10, 10_000] {
        let claimed = Claimed { breaker_failures: failures, ..rows(1) };
        let BreakerChange::Open { for_ms, .. } = verdict_of(ClaimMode::Probe, &claimed, &[blocked(None)]).1 else {
            panic!()
        };
        assert_eq!(for_ms, 20_000, "{failures}");
    }
}

#[test]
fn a_failed_probe_moves_its_row_back() {
    let (settled, _) = verdict_of(ClaimMode::Probe, &rows(1), &[blocked(None)]);
    assert!(matches!(settled[0], Settlement::Release { delay_ms: 5_001, .. }));
}

#[test]
fn a_probe_that_is_judged_closes_the_breaker_even_if_the_message_is_bad() {
    for outcome in [
        PublishOutcome::Accepted,
        PublishOutcome::Permanent { reason: "400".into() },
        PublishOutcome::Retry { after_ms: None, reason: "later".into() },
    ] {
        assert_eq!(verdict_of(ClaimMode::Probe, &rows(1), &[outcome]).1, BreakerChange::Close);
    }
    assert_eq!(verdict_of(ClaimMode::Probe, &rows(1), &[PublishOutcome::NotTried]).1, BreakerChange::Leave);
}

#[test]
fn a_timeout_among_accepted_neighbours_counts_against_the_message() {
    let (settled, breaker) = verdict_of(BATCH, &rows(2), &[PublishOutcome::Accepted, timed_out()]);
    assert!(matches!(settled[1], Settlement::Retry { delay_ms: 1_000, outcome: LastOutcome::Unknown, .. }));
    assert_eq!(breaker, BreakerChange::Leave);
}

#[test]
fn timeouts_with_nothing_accepted_count_against_the_destination() {
    let (settled, breaker) = verdict_of(BATCH, &rows(2), &[timed_out(), timed_out()]);
    assert!(settled.iter().all(|s| matches!(s, Settlement::Release { .. })));
    assert!(matches!(breaker, BreakerChange::Open { .. }));
}

#[test]
fn the_rows_of_a_cut_batch_go_back_as_suspects() {
    let (settled, breaker) = verdict_of(BATCH, &rows(2), &[cut(), cut()]);
    let cut = Some(LastOutcome::Cut);
    assert!(settled.iter().all(|s| matches!(s, Settlement::Release { suspect: true, outcome, .. } if *outcome == cut)));
    assert!(matches!(breaker, BreakerChange::Open { .. }));
}

#[test]
fn a_row_cut_among_accepted_neighbours_is_sent_alone_and_opens_no_breaker() {
    let (settled, breaker) = verdict_of(BATCH, &rows(2), &[PublishOutcome::Accepted, cut()]);
    assert!(matches!(settled[1], Settlement::Release { delay_ms: 0, suspect: true, .. }), "{settled:?}");
    assert_eq!(breaker, BreakerChange::Leave);
}

#[test]
fn a_row_cut_alone_twice_while_others_were_accepted_is_poison() {
    let mut claimed = rows(1);
    claimed.rows[0].last_outcome = Some(LastOutcome::Cut);
    claimed.rows[0].last_attempt_on = Some(at(10));
    claimed.last_accepted_on = Some(at(20));
    let (settled, breaker) = verdict_of(ClaimMode::Suspect, &claimed, &[cut()]);
    assert!(matches!(settled[0], Settlement::Retry { suspect: true, .. }), "it stays alone: {settled:?}");
    assert_eq!(breaker, BreakerChange::Leave);

    claimed.last_accepted_on = Some(at(10));
    let (settled, breaker) = verdict_of(ClaimMode::Suspect, &claimed, &[cut()]);
    assert!(matches!(settled[0], Settlement::Release { suspect: true, .. }), "nothing accepted since: an outage");
    assert!(matches!(breaker, BreakerChange::Open { .. }));
}

#[test]
fn a_row_blocked_among_accepted_neighbours_is_sent_alone_and_opens_no_breaker() {
    let ok = || PublishOutcome::Accepted;
    let (settled, breaker) = verdict_of(BATCH, &rows(3), &[ok(), blocked(None), ok()]);
    assert!(matches!(settled[1], Settlement::Release { delay_ms: 0, suspect: true, .. }), "{settled:?}");
    assert_eq!(breaker, BreakerChange::Leave);
    for outcomes in [[ok(), blocked(None), blocked(None)], [ok(), blocked(Some(2_000)), ok()]] {
        let (settled, breaker) = verdict_of(BATCH, &rows(3), &outcomes);
        assert!(matches!(settled[1], Settlement::Release { suspect: false, .. }), "{settled:?}");
        assert!(matches!(breaker, BreakerChange::Open { .. }), "several, or a pause that is named: the destination");
    }
}

#[test]
fn a_message_blocked_alone_twice_while_others_were_accepted_counts_against_itself_whatever_the_code() {
    let mut claimed = rows(1);
    claimed.rows[0].last_outcome = Some(LastOutcome::Blocked);
    claimed.rows[0].last_attempt_on = Some(at(10));
    claimed.last_accepted_on = Some(at(20));
    for mode in [BATCH, ClaimMode::Suspect, ClaimMode::Probe] {
        let (settled, breaker) = verdict_of(mode, &claimed, &[blocked(None)]);
        assert!(matches!(settled[0], Settlement::Retry { suspect: true, outcome: LastOutcome::Blocked, .. }));
        assert_eq!(breaker, BreakerChange::Leave);
        let (settled, breaker) = verdict_of(mode, &claimed, &[blocked(Some(2_000))]);
        assert!(matches!(settled[0], Settlement::Release { suspect: false, .. }), "a named pause is a throttle");
        assert!(matches!(breaker, BreakerChange::Open { .. }));
    }
    let mut two = claimed.clone();
    two.rows.push(row(2));
    let (settled, breaker) = verdict_of(BATCH, &two, &[blocked(None), blocked(None)]);
    let suspects = settled.iter().map(|s| matches!(s, Settlement::Release { suspect: true, .. })).collect::<Vec<_>>();
    assert_eq!(suspects, [true, false], "it is sent alone, to tell it from its neighbours");
    assert!(matches!(breaker, BreakerChange::Open { .. }));
    claimed.last_accepted_on = Some(at(10));
    claimed.rows[0].claims = 3;
    let (settled, breaker) = verdict_of(ClaimMode::Suspect, &claimed, &[blocked(None)]);
    let released = matches!(settled[0], Settlement::Release { suspect: true, .. });
    assert!(released, "nothing accepted since: an outage; and it stays alone: {settled:?}");
    assert!(matches!(breaker, BreakerChange::Open { .. }));
}

#[test]
fn a_message_dies_at_its_retry_limit_and_a_hopeless_one_at_once() {
    let mut claimed = rows(1);
    claimed.rows[0].retry_count = 2;
    let refused = PublishOutcome::Retry { after_ms: None, reason: "no".into() };
    let (settled, _) = verdict_of(BATCH, &claimed, std::slice::from_ref(&refused));
    assert!(matches!(settled[0], Settlement::Dead { outcome: LastOutcome::Refused, .. }));
    let (settled, _) = verdict_of(BATCH, &rows(1), &[PublishOutcome::Permanent { reason: "413".into() }]);
    assert!(matches!(settled[0], Settlement::Dead { outcome: LastOutcome::Permanent, .. }));
}

#[test]
fn a_row_that_was_not_tried_is_put_back_unchanged() {
    for (claims, came_as_suspect) in [(1, false), (2, false), (3, true)] {
        let mut claimed = rows(1);
        claimed.rows[0].claims = claims;
        let (settled, _) = verdict_of(BATCH, &claimed, &[PublishOutcome::NotTried]);
        let unchanged = Settlement::Release { delay_ms: 0, outcome: None, error: None, suspect: came_as_suspect };
        assert_eq!(settled, [unchanged], "claims: {claims}, this one included");
    }
}
