//! The states of an outbox row: whatever is called, in whatever order, only the documented changes happen.

use super::{now, one_in};
use crate::support::{
    backend::{Backend, SqliteBackend},
    operator,
};
use client_organizer::domain::{
    ids::LeaseToken,
    operations::Action,
    outbox::{
        BreakerChange, Claim, ClaimMode, Claimed, LastOutcome, RowState, SUSPECT_CLAIMS, Settle, Settled, Settlement,
    },
    route::Destination,
};
use proptest::{collection::vec, prelude::*};

const QUEUE: &str = "queue:mails";
const LEASE_MS: i64 = 60_000;
const CLAIMS_MAX: u32 = 2;
const ROWS: usize = 5;

#[derive(Debug, Clone)]
enum Op {
    Claim(ClaimMode),
    /// Settles a claim, also one that was settled before or whose lease is over.
    Settle {
        claim: usize,
        how: Settlement,
    },
    Later(i64),
    Remedy {
        row: usize,
        what: Action,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let text = || "why".to_owned();
    let how = prop_oneof![
        Just(Settlement::Sent),
        (0..90_000_i64, any::<bool>()).prop_map(move |(delay_ms, suspect)| Settlement::Retry {
            delay_ms,
            outcome: LastOutcome::Refused,
            error: text(),
            suspect
        }),
        (0..90_000_i64, any::<bool>()).prop_map(|(delay_ms, suspect)| Settlement::Release {
            delay_ms,
            outcome: None,
            error: None,
            suspect
        }),
        any::<bool>().prop_map(move |count_retry| Settlement::Dead {
            outcome: LastOutcome::Permanent,
            error: text(),
            count_retry
        }),
    ];
    let what = prop_oneof![
        Just(Action::Requeue { out_of_order: true }),
        Just(Action::Replay { out_of_order: true, force: false }),
        Just(Action::Discard),
    ];
    let mode = prop_oneof![
        3 => Just(ClaimMode::Batch { rows_max: 3, bytes_max: 1_000_000 }),
        1 => Just(ClaimMode::Suspect),
    ];
    prop_oneof![
        4 => mode.prop_map(Op::Claim),
        4 => (0..4_usize, how).prop_map(|(claim, how)| Op::Settle { claim, how }),
        3 => prop_oneof![1_000..10_000_i64, 60_000..100_000_i64].prop_map(Op::Later),
        2 => (0..ROWS, what).prop_map(|(row, what)| Op::Remedy { row, what }),
    ]
}

/// State, token, claims and retries of every row.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    state: RowState,
    token: Option<String>,
    claims: i64,
    retries: i64,
}

fn rows(backend: &SqliteBackend) -> Vec<Row> {
    let all = "SELECT group_concat(concat_ws(',', State, Claims, RetryCount, LeaseToken), ' ') FROM (SELECT * FROM OutboxMessages ORDER BY Id)";
    let row = |text: &str| {
        let mut columns = text.splitn(4, ',').map(str::to_owned);
        let mut number = || columns.next().unwrap().parse::<i64>().unwrap();
        let (state, claims, retries) = (RowState::from_code(number()).unwrap(), number(), number());
        Row { state, claims, retries, token: columns.next() }
    };
    backend.query(all).unwrap().split(' ').map(row).collect()
}

/// What one call may do to one row.
fn allowed(op: &Op, before: &Row, after: &Row, token: Option<&str>) -> bool {
    use RowState::{Dead, Discarded, Leased, Pending, Sent};
    if before == after {
        return true;
    }
    let step = (before.state, after.state);
    match op {
        Op::Claim(_) => {
            let leased = matches!(step, (Pending | Leased, Leased))
                && after.token.as_deref() == token
                && after.claims == before.claims + 1;
            let expired = step == (Leased, Dead) && before.claims >= SUSPECT_CLAIMS + i64::from(CLAIMS_MAX);
            (leased || expired) && after.retries == before.retries
        }
        Op::Settle { how, .. } => {
            let (to, retries, claims) = match how {
                Settlement::Sent => (Sent, 0, 0),
                Settlement::Retry { suspect, .. } => (Pending, 1, if *suspect { SUSPECT_CLAIMS } else { 0 }),
                Settlement::Release { suspect, .. } => (Pending, 0, if *suspect { SUSPECT_CLAIMS } else { 0 }),
                Settlement::Dead { count_retry, .. } => (Dead, i64::from(*count_retry), 0),
            };
            step == (Leased, to)
                && before.token.as_deref() == token
                && after.retries == before.retries + retries
                && after.claims == claims
        }
        Op::Later(_) => false,
        Op::Remedy { what, .. } => {
            let fresh = after.token.is_none() && after.claims == 0 && after.retries == 0;
            match what {
                Action::Requeue { .. } => step == (Dead, Pending) && fresh,
                Action::Replay { .. } => step == (Sent, Pending) && fresh,
                _ => matches!(step, (Pending | Dead, Discarded)),
            }
        }
    }
}

proptest! {
    #![proptest_config(one_in(64))]

    #[test]
    fn a_row_changes_only_as_documented_and_only_its_holder_settles_it(ops in vec(op(), 20..50)) {
        now(async {
            let backend = SqliteBackend::new();
            for id in 0..ROWS {
                // Two rows share a key.
                let key = if id < 2 { "'k'" } else { "NULL" };
                backend.execute(&format!("INSERT INTO OutboxMessages (Id, EventType, Destination, OrderingKey, Payload) VALUES ('m{id}', 'Happened', '{QUEUE}', {key}, '{{}}')"));
            }
            let destination = Destination::parse(QUEUE).unwrap();
            let mut claims: Vec<(LeaseToken, Claimed)> = Vec::new();
            for op in ops {
                let before = rows(&backend);
                let mut token = None;
                let mut settled = Vec::new();
                match &op {
                    Op::Claim(mode) => {
                        let fresh = LeaseToken::fresh();
                        token = Some(fresh.to_string());
                        let claim = Claim { destination: destination.clone(), mode: *mode, token: fresh, lease_ms: LEASE_MS, claims_max: CLAIMS_MAX };
                        let claimed = backend.outbox().claim(&claim).await.unwrap();
                        let suspects = claimed.rows.iter().filter(|row| row.claims > SUSPECT_CLAIMS).count();
                        prop_assert!(suspects == 0 || claimed.rows.len() == 1, "a suspect goes alone");
                        let ids: Vec<&str> = claimed.rows.iter().map(|row| row.id.as_str()).collect();
                        prop_assert!(!(ids.contains(&"m0") && ids.contains(&"m1")), "one row of a key");
                        claims.push((fresh, claimed));
                    }
                    Op::Settle { claim, how } => {
                        let Some((of, claimed)) = claims.iter().rev().nth(*claim) else { continue };
                        token = Some(of.to_string());
                        let rows: Vec<_> = claimed.rows.iter().map(|row| (row.seq, how.clone())).collect();
                        let ids: Vec<usize> = claimed.rows.iter().map(|row| row.id[1..].parse().unwrap()).collect();
                        let settle = Settle { destination: destination.clone(), token: *of, rows, breaker: BreakerChange::Leave };
                        settled = ids.into_iter().zip(backend.outbox().settle(&settle).await.unwrap()).collect();
                    }
                    Op::Later(ms) => backend.advance_ms(*ms),
                    Op::Remedy { row, what } => {
                        operator::remedied(&*backend.remedies(), what.clone(), &format!("m{row}"), &operator::NO_RULES).await;
                    }
                }
                let after = rows(&backend);
                for (id, (before, after)) in before.iter().zip(&after).enumerate() {
                    prop_assert!(allowed(&op, before, after, token.as_deref()), "m{id}: {before:?} → {after:?} by {op:?}");
                    let about = settled.iter().find(|(about, _)| *about == id).map(|(_, settled)| *settled);
                    if let (Some(settled), Some(token)) = (about, &token) {
                        // A settle keeps the token, so that its repeat is recognised.
                        prop_assert_eq!(settled == Settled::Applied, before.token.as_deref() == Some(token), "m{}: {:?}", id, before);
                    }
                }
            }
            Ok(())
        })?;
    }
}
