//! Rate limits: however mails come and time passes, no window holds more than the limit, and no mail waits without need.

use super::{now, one_in};
use crate::support::backend::{Backend, SqliteBackend};
use client_organizer::{
    domain::{
        delivery::{Delivery, MailWork},
        ids::LeaseToken,
        mail_settlement::MailSettlement,
        rate_limit::RateLimit,
        recipient::Addressee,
    },
    ports::inbox::{Begun, Lease},
};
use proptest::{collection::vec, prelude::*};

const CONSUMER: &str = "SendEmail";
const PROVIDER: &str = "mail:acs";
/// Minute and hour, in seconds: windows of the provider.
const WINDOWS_S: [i64; 2] = [60, 3_600];
/// Longer than the margin of a window and the pauses of a busy machine.
const NEAR_MS: i64 = 5_000;

#[derive(Debug, Clone)]
enum Op {
    Arrive,
    Take(u32),
    Later(i64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::Arrive),
        3 => (1..5_u32).prop_map(Op::Take),
        3 => prop_oneof![3 => 1..40_i64, 1 => 60..4_000_i64].prop_map(|seconds| Op::Later(seconds * 1_000)),
    ]
}

proptest! {
    #![proptest_config(one_in(64))]

    #[test]
    fn no_window_holds_more_than_its_limit(per_minute in prop_oneof![3 => 1..4_u32, 1 => Just(0)], per_hour in 0..7_u32, ops in vec(op(), 20..60)) {
        now(async {
            let backend = SqliteBackend::new();
            let rate_limit = RateLimit { per_minute, per_hour };
            let (mut sent, mut arrived, mut waiting) = (Vec::new(), 0, 0_usize);
            let lease = || Lease { token: LeaseToken::fresh(), lease_ms: 300_000, provider: PROVIDER.to_owned(), rate_limit, status_queries: false };
            let mut clock_ms = 0;
            for op in ops {
                // How many more may go: surely, and at most, since some count is near the end of its window.
                let rooms = |slack_ms: i64| {
                    let of = |limit: u32, seconds: i64, sent: &[i64]| {
                        let within = sent.iter().filter(|at| **at > clock_ms - seconds * 1_000 - slack_ms).count();
                        if limit == 0 { usize::MAX } else { (limit as usize).saturating_sub(within) }
                    };
                    of(per_minute, WINDOWS_S[0], &sent).min(of(per_hour, WINDOWS_S[1], &sent))
                };
                let (surely, at_most) = (rooms(NEAR_MS), rooms(-NEAR_MS));
                let works: Vec<MailWork> = match op {
                    Op::Arrive => {
                        arrived += 1;
                        let delivery = Delivery { message_id: format!("m{arrived}"), body: b"{}".to_vec(), delivery_count: 1, enqueued_on: None, traceparent: None };
                        let begun = backend.inbox().begin(CONSUMER, &delivery, &Addressee::default(), &lease()).await.unwrap();
                        if let Begun::Ours(work) = begun {
                            vec![work]
                        } else {
                            // It waits behind those that wait, whose order RetryEmail knows.
                            prop_assert!(surely == 0 || waiting > 0, "{surely} may go, and none waits");
                            waiting += 1;
                            vec![]
                        }
                    }
                    Op::Take(rows) => {
                        let works = backend.inbox().take_due(CONSUMER, &lease(), false, rows).await.unwrap();
                        prop_assert!(works.len() >= surely.min(waiting).min(rows as usize), "{} of {waiting}, {surely} may go", works.len());
                        waiting -= works.len();
                        works
                    }
                    Op::Later(ms) => {
                        backend.advance_ms(ms);
                        clock_ms += ms;
                        vec![]
                    }
                };
                prop_assert!(works.len() <= at_most, "{} went, {at_most} may", works.len());
                for work in works {
                    sent.push(clock_ms);
                    let settlement = MailSettlement::Sent { provider: PROVIDER.to_owned(), reference: String::new() };
                    backend.inbox().settle(CONSUMER, &work.message_id, work.token, &settlement, PROVIDER, true).await.unwrap();
                }
            }
            Ok(())
        })?;
    }
}
