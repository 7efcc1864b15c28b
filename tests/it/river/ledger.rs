//! What a simulation knows for certain: what was committed, published and mailed, whatever anybody was told.

use super::process::LEASE_MS;
use client_organizer::{
    domain::{
        booking::{BookedResult, Entry},
        delivery::MailOutcome,
        operations::{Action, RemedyReport},
        outbox::Claimed,
        record::FinancialRecord,
        verdict::PublishOutcome,
    },
    ports::{books::Committed, bus::Outgoing},
};
use std::collections::{BTreeMap, BTreeSet};

/// A row: its destination and its message's id.
pub type Row = (String, String);

#[derive(Default)]
pub struct Ledger {
    /// Messages by id: when each was committed, and where it must go.
    pub committed: BTreeMap<String, Commit>,
    /// Messages per record, as `client/year-month`, and the record's version.
    pub records: BTreeMap<String, (u32, i64)>,
    pub rows: BTreeMap<Row, Known>,
    /// First publications, in order.
    pub published: Vec<Row>,
    /// When each destination last accepted something.
    accepted_ms: BTreeMap<String, i64>,
    /// The store's clock was set: what was accepted before an attempt may count as accepted since.
    pub jumped: bool,
    /// Mails by MessageId.
    pub mails: BTreeMap<String, Mail>,
    /// Answers that callers got, by idempotency key.
    answers: BTreeMap<u8, String>,
    /// Rows that operators sent again out of order.
    pub out_of_order: BTreeSet<Row>,
    pub discarded: BTreeSet<Row>,
    /// How often operators had a mail sent again.
    pub resent: BTreeMap<String, i64>,
    /// Mails that operators counted as sent.
    pub assumed: BTreeSet<String>,
    /// Rows and mails that operators changed, and destinations that they paused or resumed.
    pub audited: u64,
    /// Finished rows that were deleted.
    pub pruned: u64,
    /// Rules that were broken on the way.
    pub broken: Vec<String>,
}

pub struct Commit {
    pub step: usize,
    pub destinations: Vec<String>,
    /// It can be sent.
    pub sendable: bool,
    /// It is an event of ours, with a recipient.
    pub mailable: bool,
}

/// What is known of a row.
#[derive(Default)]
pub struct Known {
    pub seq: i64,
    pub key: Option<String>,
    pub first_claim: usize,
    /// Publications.
    pub copies: u32,
    /// How many there must be: an operator replayed it.
    pub copies_min: u32,
    /// Failures that may count against the message.
    pub chargeable: i64,
    /// The bus refused it for good.
    pub refused: bool,
    attempt_ms: Option<i64>,
}

#[derive(Default)]
pub struct Mail {
    /// How often the recipient got it.
    pub times: i64,
    /// The provider refused it for now, or for good.
    pub failed: bool,
}

impl Ledger {
    pub fn committed(&mut self, entry: &Entry, committed: &Committed, step: usize) {
        let Committed::Done(booked) = committed else { return };
        let Some(id) = &booked.message_id else { return };
        let (event_type, record) = match &booked.result {
            BookedResult::RecordCreated(record) => ("FinancialRecordCreated", record),
            BookedResult::RecordPatched(record) => ("FinancialRecordUpdated", record),
            other => {
                self.broken.push(format!("a message without a change: {other:?}"));
                return;
            }
        };
        let destinations = entry.routes.names_of(event_type);
        self.committed.insert(id.clone(), Commit { step, destinations, sendable: true, mailable: true });
        let (messages, version) = self.records.entry(name(record)).or_default();
        *messages += 1;
        *version = record.version;
    }

    pub fn claimed(&mut self, destination: &str, claimed: &Claimed, step: usize) {
        for row in &claimed.rows {
            let known = self.rows.entry((destination.to_owned(), row.id.clone())).or_insert_with(|| Known {
                seq: row.seq,
                key: row.ordering_key.clone(),
                first_claim: step,
                ..Known::default()
            });
            if known.seq != row.seq {
                self.broken.push(format!("two rows of one message: {} and {}", known.seq, row.seq));
            }
        }
    }

    /// The bus has taken what it took.
    pub fn stored(&mut self, to: &str, batch: &[Outgoing], ends: &[(PublishOutcome, bool)]) {
        for (message, (_, stored)) in batch.iter().zip(ends) {
            let row = (to.to_owned(), message.id.to_string());
            let Some(known) = self.rows.get_mut(&row) else {
                self.broken.push(format!("published without a claim: {row:?}"));
                continue;
            };
            if *stored {
                known.copies += 1;
                if known.copies == 1 {
                    self.published.push(row);
                }
            }
        }
    }

    /// The bus has answered.
    pub fn answered(&mut self, to: &str, batch: &[Outgoing], outcomes: &[PublishOutcome], now_ms: i64) {
        if outcomes.contains(&PublishOutcome::Accepted) {
            self.accepted_ms.insert(to.to_owned(), now_ms);
        }
        let accepted_ms = self.accepted_ms.get(to).copied();
        for (message, outcome) in batch.iter().zip(outcomes) {
            let Some(known) = self.rows.get_mut(&(to.to_owned(), message.id.to_string())) else { continue };
            let may_be_poison = self.jumped
                || match (accepted_ms, known.attempt_ms) {
                    // What was accepted just before counts as later if it was settled later.
                    (Some(accepted), Some(attempt)) => accepted >= attempt - LEASE_MS,
                    (Some(accepted), None) => accepted == now_ms,
                    (None, _) => false,
                };
            let counts = match outcome {
                PublishOutcome::Accepted | PublishOutcome::NotTried => false,
                PublishOutcome::Retry { .. } | PublishOutcome::Permanent { .. } => true,
                PublishOutcome::TimedOut { .. } | PublishOutcome::Cut { .. } | PublishOutcome::Blocked { .. } => {
                    may_be_poison
                }
            };
            known.refused |= matches!(outcome, PublishOutcome::Permanent { .. });
            known.chargeable += i64::from(counts);
            known.attempt_ms = Some(now_ms);
        }
    }

    /// An operator's remedy was applied.
    pub fn remedied(&mut self, action: &Action, report: &RemedyReport, step: usize) {
        self.audited += report.done;
        for done in report.rows.iter().filter(|row| row.done) {
            let row = (done.destination.clone(), done.id.clone());
            match action {
                Action::Requeue { out_of_order } | Action::Replay { out_of_order, force: false } => {
                    if *out_of_order {
                        self.out_of_order.insert(row.clone());
                    }
                    if let (Action::Replay { .. }, Some(known)) = (action, self.rows.get_mut(&row)) {
                        known.copies_min = known.copies + 1;
                    }
                }
                Action::Replay { force: true, .. } => {
                    let new = done.new_id.clone().unwrap_or_default();
                    let Some(old) = self.committed.get(&done.id) else {
                        self.broken.push(format!("a copy of nothing: {done:?}"));
                        continue;
                    };
                    let (sendable, mailable) = (old.sendable, old.mailable);
                    let commit = self.committed.entry(new.clone()).or_insert(Commit {
                        step,
                        destinations: Vec::new(),
                        sendable,
                        mailable,
                    });
                    commit.destinations.push(done.destination.clone());
                    self.out_of_order.insert((done.destination.clone(), new));
                }
                Action::Discard => _ = self.discarded.insert(row),
                Action::ResendMail => *self.resent.entry(done.id.clone()).or_default() += 1,
                Action::AssumeMailSent => _ = self.assumed.insert(done.id.clone()),
                Action::Route { .. } | Action::TakeIn => {}
            }
        }
    }

    pub fn mail(&mut self, id: &str, outcome: &MailOutcome, mailed: bool) {
        let mail = self.mails.entry(id.to_owned()).or_default();
        mail.times += i64::from(mailed);
        mail.failed |=
            matches!(outcome, MailOutcome::RecipientPermanent { .. } | MailOutcome::RecipientTransient { .. });
    }

    /// A caller got this answer to a request under a key.
    pub fn answer(&mut self, key: u8, committed: &Committed) {
        let (Committed::Done(booked) | Committed::Replayed(booked)) = committed else {
            // The key has expired, or the request is still under way.
            return;
        };
        let answer = format!("{booked:?}");
        let first = self.answers.entry(key).or_insert_with(|| answer.clone());
        if *first != answer {
            self.broken.push(format!("two answers under one key: {first} and {answer}"));
        }
    }
}

pub fn name(record: &FinancialRecord) -> String {
    format!("{}/{}", record.client_id, record.period)
}
