//! Rows that kill their claimers: they are found, sent alone, then set dead, and the other rows are sent.

use super::*;

/// Claims as the dispatcher does, a batch and a suspect by turns, until neither finds a row. The process that claims
/// the killer dies before it settles: true.
async fn drain_until_killed(backend: &impl Backend, killer: &str) -> bool {
    let (mut mode, mut empty) = (BATCH, 0);
    while empty < 2 {
        let (token, claimed) = claim(backend, mode).await;
        if ids(&claimed).contains(&killer) {
            return true;
        }
        assert!(mode != ClaimMode::Suspect || claimed.rows.len() <= 1, "a suspect goes alone");
        empty = if claimed.rows.is_empty() { empty + 1 } else { 0 };
        settle(backend, token, &claimed, Settlement::Sent).await;
        mode = if mode == BATCH { ClaimMode::Suspect } else { BATCH };
    }
    false
}

async fn of_500_rows_with_one_killer_499_are_sent(backend: &impl Backend) {
    let names: Vec<_> = (0..500).map(|n| format!("m{n}")).collect();
    enqueue(backend, MAILS, None, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut deaths = 0;
    while drain_until_killed(backend, "m250").await {
        deaths += 1;
        assert!(deaths <= 10, "it kills for ever");
        backend.advance_ms(LEASE_MS + 1);
    }
    assert_eq!(number(backend, "SELECT count(*) FROM OutboxMessages WHERE State = 2"), 499);
    assert_eq!(counts(backend, "m250")[0], 3);
    assert_eq!(column(backend, "m250", "LeaseToken"), None, "a late settle must not be taken for a repeat");
    assert!(column(backend, "m250", "LastError").unwrap().contains("claimed 5 times"));
    assert_eq!(deaths, 2 + i64::from(CLAIMS_MAX), "twice in a batch, then alone");
}

async fn a_claim_that_sets_a_row_dead_reports_it_and_leases_the_next(backend: &impl Backend) {
    enqueue(backend, MAILS, Some("k"), &["killer", "next"]);
    for turn in 0..2 + CLAIMS_MAX {
        let mode = if turn < 2 { BATCH } else { ClaimMode::Suspect };
        let (_, claimed) = claim(backend, mode).await;
        assert_eq!((ids(&claimed), claimed.set_dead), (vec!["killer"], 0), "turn {turn}");
        assert_eq!(claimed.rows[0].claims, i64::from(turn) + 1);
        backend.advance_ms(LEASE_MS + 1);
    }
    let (_, claimed) = claim(backend, BATCH).await;
    assert_eq!((ids(&claimed), claimed.set_dead), (vec!["next"], 1));
}

async fn the_last_holder_of_a_row_set_dead_has_lost_the_lease(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["m"]);
    backend.execute("UPDATE OutboxMessages SET Claims = 4");
    let (token, claimed) = claim(backend, ClaimMode::Suspect).await;
    backend.advance_ms(LEASE_MS + 1);
    assert_eq!(claim(backend, BATCH).await.1.set_dead, 1);
    assert_eq!(settle(backend, token, &claimed, Settlement::Sent).await, [Settled::LeaseLost]);
    assert_eq!(counts(backend, "m")[0], 3);
}

async fn a_claim_for_a_suspect_and_one_for_a_batch_lease_different_rows(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["m1", "suspect 1", "suspect 2"]);
    backend.execute("UPDATE OutboxMessages SET Claims = 2 WHERE Id <> 'm1'");
    assert_eq!(due(backend, MAILS).await.map(|due| (due.rows, due.suspects)), Some((3, 2)));
    assert_eq!(ids(&claim(backend, ClaimMode::Suspect).await.1), ["suspect 1"]);
    assert_eq!(ids(&claim(backend, BATCH).await.1), ["m1"]);
    assert!(claim(backend, BATCH).await.1.rows.is_empty());
    assert_eq!(ids(&claim(backend, ClaimMode::Suspect).await.1), ["suspect 2"]);
}

async fn a_row_released_as_suspect_is_claimed_alone_next(backend: &impl Backend) {
    enqueue(backend, MAILS, None, &["m"]);
    for suspect in [true, false] {
        let (token, claimed) = claim(backend, if suspect { BATCH } else { ClaimMode::Suspect }).await;
        assert_eq!(ids(&claimed), ["m"]);
        let (outcome, error) = (Some(LastOutcome::Cut), Some("cut".to_owned()));
        settle(backend, token, &claimed, Settlement::Release { delay_ms: 0, outcome, error, suspect }).await;
    }
    assert!(claim(backend, ClaimMode::Suspect).await.1.rows.is_empty(), "any other settle clears it");
    assert_eq!(ids(&claim(backend, BATCH).await.1), ["m"]);
}

async fn a_suspect_waits_for_the_head_of_its_key_too(backend: &impl Backend) {
    enqueue(backend, MAILS, Some("k1"), &["head", "behind it"]);
    enqueue(backend, "", Some("k2"), &["unrouted"]);
    enqueue(backend, MAILS, Some("k2"), &["behind the unrouted"]);
    backend.execute("UPDATE OutboxMessages SET Claims = 2 WHERE Id LIKE 'behind%'");
    assert!(claim(backend, ClaimMode::Suspect).await.1.rows.is_empty());
    let (token, claimed) = claim(backend, BATCH).await;
    assert_eq!(ids(&claimed), ["head"]);
    settle(backend, token, &claimed, Settlement::Sent).await;
    assert_eq!(ids(&claim(backend, ClaimMode::Suspect).await.1), ["behind it"]);
}

contract!(
    of_500_rows_with_one_killer_499_are_sent,
    a_claim_that_sets_a_row_dead_reports_it_and_leases_the_next,
    the_last_holder_of_a_row_set_dead_has_lost_the_lease,
    a_claim_for_a_suspect_and_one_for_a_batch_lease_different_rows,
    a_row_released_as_suspect_is_claimed_alone_next,
    a_suspect_waits_for_the_head_of_its_key_too,
);
