//! Order: one row of a key at a time, and no key, row or destination delays another.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

async fn a_waiting_head_holds_back_only_its_own_key(backend: &impl Backend) {
    enqueue(backend, MAILS, Some("k1"), &["k1 first", "k1 second"]);
    enqueue(backend, MAILS, Some("k2"), &["k2 first"]);
    enqueue(backend, MAILS, None, &["free 1", "free 2"]);
    let (token, claimed) = claim(backend, ClaimMode::Batch { rows_max: 1, bytes_max: 1_000 }).await;
    assert_eq!(ids(&claimed), ["k1 first"]);
    settle(backend, token, &claimed, retry(30_000)).await;
    // It is due at once, unlike the rows that waited behind the head when that was put back.
    enqueue(backend, MAILS, Some("k1"), &["k1 third"]);
    assert_eq!(ids(&claim(backend, BATCH).await.1), ["k2 first", "free 1", "free 2"]);
    backend.advance_ms(30_001);
    let (token, claimed) = claim(backend, BATCH).await;
    assert_eq!(ids(&claimed), ["k1 first"]);
    assert!(claim(backend, BATCH).await.1.rows.is_empty(), "leased, it holds back its key too");
    settle(backend, token, &claimed, Settlement::Sent).await;
    assert_eq!(ids(&claim(backend, BATCH).await.1), ["k1 second"]);
}

async fn a_dead_row_no_longer_blocks_its_key(backend: &impl Backend) {
    enqueue(backend, MAILS, Some("k"), &["first", "second"]);
    let (token, claimed) = claim(backend, BATCH).await;
    settle(backend, token, &claimed, dead()).await;
    assert_eq!(ids(&claim(backend, BATCH).await.1), ["second"]);
}

async fn followers_move_with_their_head_and_never_earlier(backend: &impl Backend) {
    enqueue(backend, MAILS, Some("k"), &["head", "soon", "late"]);
    enqueue(backend, MAILS, Some("other"), &["other"]);
    enqueue(backend, AUDIT, Some("k"), &["elsewhere"]);
    let later = backend.plus_ms("DueAt", 90_000);
    backend.execute(&format!("UPDATE OutboxMessages SET DueAt = {later} WHERE Id = 'late'"));
    let before = |id| column(backend, id, "DueAt");
    let others = ["late", "other", "elsewhere"].map(before);
    let (token, claimed) = claim(backend, ClaimMode::Batch { rows_max: 1, bytes_max: 1_000 }).await;
    settle(backend, token, &claimed, retry(30_000)).await;
    assert_eq!(column(backend, "soon", "DueAt"), column(backend, "head", "DueAt"));
    assert_eq!(["late", "other", "elsewhere"].map(before), others);

    let unmoved = ["soon", "late"].map(before);
    backend.advance_ms(30_001);
    let (token, claimed) = claim(backend, ClaimMode::Batch { rows_max: 1, bytes_max: 1_000 }).await;
    let (token, claimed) = match ids(&claimed)[0] {
        "head" => (token, claimed),
        _ => claim(backend, BATCH).await,
    };
    assert_eq!(ids(&claimed), ["head"]);
    settle(backend, token, &claimed, release(0)).await;
    assert_eq!(["soon", "late"].map(before), unmoved, "put back without delay, it moves nobody");
}

async fn an_earlier_row_that_is_not_routed_yet_blocks_its_key(backend: &impl Backend) {
    enqueue(backend, "", Some("k"), &["unrouted"]);
    enqueue(backend, MAILS, Some("k"), &["routed"]);
    enqueue(backend, MAILS, Some("other"), &["other"]);
    assert_eq!(ids(&claim(backend, BATCH).await.1), ["other"]);
    backend.outbox().route(&routes(&[("Happened", &[AUDIT])]), 100).await.unwrap();
    assert_eq!(ids(&claim(backend, BATCH).await.1), ["routed"], "it went elsewhere");
}

async fn an_event_to_two_destinations_reaches_one_while_the_other_fails(backend: &impl Backend) {
    let paused = format!("PausedUntilUtc = {}", backend.at_ms(9_999_999_999_999));
    let open = format!("PausedUntilUtc = NULL, OpenUntil = {}", backend.at_ms(9_999_999_999_999));
    for (stop, mode) in [(paused, "paused"), (open, "open")] {
        let id = format!("event while {mode}");
        enqueue(backend, MAILS, Some("k"), &[&id]);
        enqueue(backend, AUDIT, Some("k"), &[&id]);
        backend.outbox().ensure_destinations(&[MAILS.to_owned(), AUDIT.to_owned()]).await.unwrap();
        backend.execute(&format!("UPDATE Destinations SET {stop} WHERE Name = '{MAILS}'"));
        for mode in [BATCH, ClaimMode::Suspect, ClaimMode::Probe] {
            assert!(claim(backend, mode).await.1.rows.is_empty());
        }
        let token = LeaseToken::fresh();
        let claimed = claim_at(&*backend.outbox(), AUDIT, token, BATCH).await;
        assert_eq!(ids(&claimed), [id.as_str()], "{mode}");
        assert_eq!(settle(backend, token, &claimed, Settlement::Sent).await, [Settled::Applied]);
    }
    assert_eq!(number(backend, "SELECT count(*) FROM OutboxMessages WHERE State = 0"), 2, "they wait, unharmed");
}

/// Two dispatchers claim by turns, with partial outcomes, retries and leases that run out.
async fn two_claimers_never_hold_two_rows_of_one_key(backend: &impl Backend) {
    let mut dice = fastrand::Rng::with_seed(7);
    for key in ["k1", "k2", "k3", "k4"] {
        let names: Vec<_> = (0..6).map(|n| format!("{key} {n}")).collect();
        enqueue(backend, MAILS, Some(key), &names.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let mut published: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for turn in 0.. {
        assert!(turn < 500, "it does not end");
        let few = || ClaimMode::Batch { rows_max: 3, bytes_max: 1_000_000 };
        let (outbox, tokens) = (backend.outbox(), [LeaseToken::fresh(), LeaseToken::fresh()]);
        let [a, b] = tokens;
        let both = tokio::join!(claim_at(&*outbox, MAILS, a, few()), claim_at(&*outbox, MAILS, b, few()));
        let held: Vec<_> = both.0.rows.iter().chain(&both.1.rows).collect();
        let keys: BTreeSet<_> = held.iter().map(|row| row.ordering_key.clone()).collect();
        assert_eq!(keys.len(), held.len(), "two rows of one key: {held:?}");
        for (token, claimed) in [(a, both.0), (b, both.1)] {
            for row in claimed.rows {
                let sent = published.entry(row.ordering_key.clone().unwrap()).or_default();
                let what = match dice.u8(0..4) {
                    // Published, and the process died before it settled.
                    0 if row.claims < 2 => None,
                    1 => Some(retry(dice.i64(1..5_000))),
                    2 => Some(release(0)),
                    _ => Some(Settlement::Sent),
                };
                if !matches!(what, Some(Settlement::Retry { .. } | Settlement::Release { .. }))
                    && !sent.contains(&row.id)
                {
                    sent.push(row.id.clone());
                }
                if let Some(what) = what {
                    settle_with(backend, token, &[(row.seq, what)], BreakerChange::Leave).await;
                }
            }
        }
        backend.advance_ms(dice.i64(0..LEASE_MS));
        // A lease that ran out twice makes a suspect; the claimers of this test claim only batches.
        backend.execute("UPDATE OutboxMessages SET Claims = 0 WHERE Claims > 1 AND State = 1");
        if number(backend, "SELECT count(*) FROM OutboxMessages WHERE State <> 2") == 0 {
            break;
        }
    }
    for (key, sent) in published {
        assert_eq!(sent, (0..6).map(|n| format!("{key} {n}")).collect::<Vec<_>>());
    }
}

contract!(
    a_waiting_head_holds_back_only_its_own_key,
    a_dead_row_no_longer_blocks_its_key,
    followers_move_with_their_head_and_never_earlier,
    an_earlier_row_that_is_not_routed_yet_blocks_its_key,
    an_event_to_two_destinations_reaches_one_while_the_other_fails,
    two_claimers_never_hold_two_rows_of_one_key,
);
