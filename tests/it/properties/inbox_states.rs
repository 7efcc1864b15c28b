//! The states of a mail: whatever is delivered, taken, settled and expired, only the documented changes happen.

use super::{now, one_in};
use crate::support::{
    backend::{Backend, SqliteBackend},
    operator,
};
use client_organizer::{
    domain::{
        delivery::{Delivery, MailState, MailWork, OnDoubt},
        ids::LeaseToken,
        mail_settlement::MailSettlement,
        operations::Action,
        outbox::Settled,
        rate_limit::RateLimit,
        recipient::Addressee,
    },
    ports::inbox::{Begun, Lease},
};
use proptest::{collection::vec, option, prelude::*};

const CONSUMER: &str = "SendEmail";
const PROVIDER: &str = "mail:folder";
const LEASE_MS: i64 = 60_000;
const MAILS: usize = 3;

#[derive(Debug, Clone)]
enum Op {
    Deliver(usize),
    TakeDue(u32),
    /// Settles a lease, also one that was settled before or is over.
    Settle {
        lease: usize,
        how: MailSettlement,
    },
    Expire(OnDoubt),
    Later(i64),
    Remedy {
        mail: usize,
        what: Action,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let text = || "why".to_owned();
    let delay = || 0..90_000_i64;
    let how = prop_oneof![
        2 => Just(MailSettlement::Sent { provider: PROVIDER.to_owned(), reference: String::new() }),
        2 => (delay(), any::<bool>()).prop_map(move |(delay_ms, recipient_failed)| MailSettlement::Parked { delay_ms, reason: text(), recipient_failed }),
        1 => Just(MailSettlement::Refused { reason: text() }),
        1 => option::of(delay()).prop_map(move |delay_ms| MailSettlement::InDoubt { delay_ms, reason: text() }),
        1 => Just(MailSettlement::Held { reason: text() }),
    ];
    prop_oneof![
        3 => (0..MAILS).prop_map(Op::Deliver),
        3 => (1..3_u32).prop_map(Op::TakeDue),
        4 => (0..3_usize, how).prop_map(|(lease, how)| Op::Settle { lease, how }),
        2 => prop_oneof![Just(OnDoubt::Resend), Just(OnDoubt::Hold)].prop_map(Op::Expire),
        3 => prop_oneof![1_000..10_000_i64, 60_000..100_000_i64].prop_map(Op::Later),
        1 => (0..MAILS, prop_oneof![Just(Action::ResendMail), Just(Action::AssumeMailSent)]).prop_map(|(mail, what)| Op::Remedy { mail, what }),
    ]
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mail {
    state: Option<MailState>,
    doubts: i64,
}

fn mails(backend: &SqliteBackend) -> Vec<Mail> {
    let number = |mail: usize, column: &str| {
        backend.query(&format!("SELECT {column} FROM InboxMessages WHERE MessageId = 'm{mail}'"))?.parse::<i64>().ok()
    };
    let mail = |id| Mail {
        state: number(id, "State").and_then(MailState::from_code),
        doubts: number(id, "Doubts").unwrap_or(0),
    };
    (0..MAILS).map(mail).collect()
}

/// What one call may do to one mail.
fn allowed(op: &Op, before: &Mail, after: &Mail, leased: bool) -> bool {
    use MailState::{Accepted, InDoubt, Parked, Refused, Sending, Sent};
    if before == after {
        return true;
    }
    let more_doubts = after.doubts - before.doubts;
    match (op, before.state, after.state) {
        (Op::Deliver(_), None | Some(Accepted | Parked | InDoubt), Some(Sending))
        | (Op::Remedy { what: Action::AssumeMailSent, .. }, Some(_), Some(Sent)) => more_doubts == 0,
        (Op::TakeDue(_), Some(Accepted | Parked | InDoubt), Some(Sending)) => leased && more_doubts == 0,
        // A late outcome ends the doubt.
        (Op::Settle { how, .. }, Some(Sending | InDoubt), Some(to)) => {
            let (expected, doubts) = match how {
                MailSettlement::Sent { .. } => (Sent, 0),
                MailSettlement::Parked { .. } => (Parked, 0),
                MailSettlement::Refused { .. } => (Refused, 0),
                MailSettlement::InDoubt { .. } => (InDoubt, i64::from(before.state == Some(Sending))),
                MailSettlement::StillInDoubt { .. } | MailSettlement::Held { .. } => (InDoubt, 0),
            };
            to == expected && more_doubts == doubts
        }
        (Op::Expire(_), Some(Sending), Some(InDoubt)) => more_doubts == 1,
        (Op::Remedy { what: Action::ResendMail, .. }, Some(Refused | InDoubt | Parked | Accepted), Some(Accepted)) => {
            true
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(one_in(64))]

    #[test]
    fn a_mail_changes_only_as_documented_and_a_sent_one_never_again(ops in vec(op(), 20..50)) {
        now(async {
            let backend = SqliteBackend::new();
            let mut leases: Vec<MailWork> = Vec::new();
            for op in ops {
                let before = mails(&backend);
                let mut taken = Vec::new();
                let lease = Lease {
                    token: LeaseToken::fresh(), lease_ms: LEASE_MS, provider: PROVIDER.to_owned(), rate_limit: RateLimit::default(), status_queries: false,
                };
                match &op {
                    Op::Deliver(mail) => {
                        let delivery = Delivery { message_id: format!("m{mail}"), body: b"{}".to_vec(), delivery_count: 1, enqueued_on: None, traceparent: None };
                        let begun = backend.inbox().begin(CONSUMER, &delivery, &Addressee::default(), &lease).await.unwrap();
                        if let Begun::Ours(work) = begun {
                            taken.push(work);
                        }
                    }
                    Op::TakeDue(rows) => taken = backend.inbox().take_due(CONSUMER, &lease, false, *rows).await.unwrap(),
                    Op::Settle { lease, how } => {
                        let Some(work) = leases.iter().rev().nth(*lease) else { continue };
                        let settled = backend.inbox().settle(CONSUMER, &work.message_id, work.token, how, PROVIDER, true).await.unwrap();
                        let id: usize = work.message_id[1..].parse().unwrap();
                        let last = leases.iter().rev().find(|of| of.message_id == work.message_id).unwrap();
                        if last.token != work.token {
                            prop_assert_eq!(settled, Settled::LeaseLost, "m{}: another has leased it since", id);
                            prop_assert_eq!(&mails(&backend), &before);
                        }
                    }
                    Op::Expire(on_doubt) => drop(backend.inbox().expire(CONSUMER, PROVIDER, *on_doubt, 10).await.unwrap()),
                    Op::Later(ms) => backend.advance_ms(*ms),
                    Op::Remedy { mail, what } => {
                        operator::remedied(&*backend.remedies(), what.clone(), &format!("m{mail}"), &operator::NO_RULES).await;
                    }
                }
                let after = mails(&backend);
                for (id, (before, after)) in before.iter().zip(&after).enumerate() {
                    let leased = taken.iter().any(|work| work.message_id == format!("m{id}"));
                    prop_assert!(allowed(&op, before, after, leased), "m{id}: {before:?} → {after:?} by {op:?}");
                    prop_assert!(!leased || after.state == Some(MailState::Sending), "m{id}: {after:?}");
                    prop_assert!(before.state != Some(MailState::Sent) || after.state == before.state, "m{id} was sent");
                }
                leases.extend(taken);
            }
            Ok(())
        })?;
    }
}
