//! What a simulation knows for certain: what was committed, published and mailed, whatever anybody was told.

use client_organizer::{
    domain::{
        booking::{BookedResult, Command, Entry},
        delivery::MailOutcome,
        events::subject_of,
        ids::ClientId,
        mail_remedy::MailRemedy,
        mail_settlement::MailSettlement,
        operations::{Action, RemedyReport},
        outbox::{Claimed, LastOutcome, Settle, Settled, Settlement},
        record::FinancialRecord,
        remedy::Remedy,
        verdict::PublishOutcome,
    },
    ports::{books::Committed, bus::Outgoing, mailer::Letter},
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
    /// Where each destination's acceptances stand among all settlements, as the store's clock has them.
    accepted_ms: BTreeMap<String, i64>,
    /// The store's clock was set.
    pub jumped: bool,
    /// Numbers of the ids that are drawn.
    names: BTreeMap<String, usize>,
    /// Clients who left.
    pub erased: BTreeSet<i64>,
    /// Messages that another program sent into the email queue, and whether each is young enough to be mailed.
    pub foreign: BTreeMap<String, bool>,
    /// Rows that operators sent elsewhere: what they may have published before stays.
    pub rerouted: BTreeSet<Row>,
    /// Ids that another program wrote once more.
    pub repeated: BTreeSet<String>,
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
    /// By action: rows and mails that operators changed, and destinations that they paused or resumed.
    pub audited: BTreeMap<&'static str, u64>,
    /// Rows that were deleted after their time.
    pub gone: BTreeSet<Row>,
    /// When the provider took mails, and when it refused each mail that is refused.
    pub taken: Vec<usize>,
    pub refused: BTreeMap<String, usize>,
    /// Rules that were broken on the way.
    pub broken: Vec<String>,
}

pub struct Commit {
    pub moment: usize,
    pub destinations: Vec<String>,
    /// It can be sent.
    pub sendable: bool,
    /// It is an event of ours, with a recipient.
    pub mailable: bool,
    /// Whose data it is.
    pub client: Option<i64>,
}

/// What is known of a row.
#[derive(Default)]
pub struct Known {
    pub seq: i64,
    pub key: Option<String>,
    pub first_claim: usize,
    /// Publications.
    pub copies: u32,
    /// An operator sent it again.
    remedied: bool,
    /// How many there must be: an operator replayed it.
    pub copies_min: u32,
    /// Failures that may count against the message.
    pub chargeable: i64,
    /// Its last attempt, as it was settled: how, and when by the store's clock. None: not known.
    attempt: Option<(LastOutcome, i64)>,
    /// When it was claimed: it had failed before, and its destination accepted others since.
    poison: [bool; 2],
}

#[derive(Default)]
pub struct Mail {
    /// How often the recipient got it.
    pub times: i64,
    /// The provider refused it for now, or for good.
    pub failed: bool,
    pub to: String,
    /// When the provider took it first.
    taken_ms: Option<i64>,
}

impl Ledger {
    pub fn committed(&mut self, entry: &Entry, committed: &Committed, moment: usize) {
        let Committed::Done(booked) = committed else { return };
        match &entry.command {
            Command::DeleteRecord(client, period) => _ = self.records.remove(&format!("{client}/{period}")),
            Command::DeleteClient(client) => _ = self.erased.insert(client.0),
            Command::CreateClient(_)
            | Command::ReplaceClient(..)
            | Command::CreateRecord(..)
            | Command::PatchRecord(..)
            | Command::Enqueue(..) => {}
        }
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
        self.committed.insert(
            id.clone(),
            Commit { moment, destinations, sendable: true, mailable: true, client: Some(record.client_id.0) },
        );
        let (messages, version) = self.records.entry(name(record)).or_default();
        *messages += 1;
        *version = record.version;
    }

    pub fn claimed(&mut self, destination: &str, claimed: &Claimed, moment: usize) {
        let accepted = self.accepted_ms.get(destination).copied();
        for row in &claimed.rows {
            let this = (destination.to_owned(), row.id.clone());
            let known = self.rows.entry(this.clone()).or_insert_with(|| Known {
                seq: row.seq,
                key: row.ordering_key.clone(),
                first_claim: moment,
                ..Known::default()
            });
            let since = |attempt: i64| accepted.is_some_and(|accepted| accepted > attempt);
            // What was sent again has failures that are not followed here.
            known.poison = match known.attempt {
                _ if claimed.rows.len() > 1 => [false; 2],
                Some((LastOutcome::Blocked, at)) => [since(at), false],
                Some((LastOutcome::Cut | LastOutcome::Unknown, at)) => [false, since(at)],
                Some(_) => [false; 2],
                None => [known.remedied; 2],
            };
            // A repeat of an id that is not known any more is a message of its own.
            if known.seq != row.seq && !(self.gone.contains(&this) && self.repeated.contains(&row.id)) {
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

    /// The bus has answered. A failure counts against the message if the bus said so, or if it went alone and failed as
    /// before, while its destination accepted others.
    pub fn answered(&mut self, to: &str, batch: &[Outgoing], outcomes: &[PublishOutcome]) {
        let accepted = outcomes.contains(&PublishOutcome::Accepted);
        for (message, outcome) in batch.iter().zip(outcomes) {
            let Some(known) = self.rows.get_mut(&(to.to_owned(), message.id.to_string())) else { continue };
            let counts = match outcome {
                PublishOutcome::Accepted
                | PublishOutcome::NotTried
                | PublishOutcome::Blocked { after_ms: Some(_), .. } => false,
                PublishOutcome::Retry { .. } | PublishOutcome::Permanent { .. } => true,
                PublishOutcome::Blocked { after_ms: None, .. } => known.poison[0],
                PublishOutcome::TimedOut { .. } if accepted => true,
                PublishOutcome::TimedOut { .. } | PublishOutcome::Cut { .. } => known.poison[1],
            };
            known.chargeable += i64::from(counts);
        }
    }

    /// The store has settled a batch, at this time of its clock.
    pub fn settled(&mut self, settle: &Settle, settled: &[Settled], now: i64) {
        let to = settle.destination.to_string();
        for ((seq, settlement), _) in settle.rows.iter().zip(settled).filter(|(_, one)| **one == Settled::Applied) {
            let Some(((_, _), known)) = self.rows.iter_mut().find(|((at, _), known)| *at == to && known.seq == *seq)
            else {
                continue;
            };
            let outcome = match settlement {
                Settlement::Sent => {
                    self.accepted_ms.insert(to.clone(), now);
                    Some(LastOutcome::Accepted)
                }
                Settlement::Retry { outcome, .. } | Settlement::Dead { outcome, .. } => Some(*outcome),
                Settlement::Release { outcome, .. } => *outcome,
            };
            known.attempt = outcome.map(|outcome| (outcome, now)).or(known.attempt);
        }
    }

    /// A mail was settled.
    pub fn mail_settled(&mut self, id: &str, settlement: &MailSettlement, moment: usize) {
        self.refused.remove(id);
        match settlement {
            MailSettlement::Sent { .. } => self.taken.push(moment),
            MailSettlement::Refused { .. } => _ = self.refused.insert(id.to_owned(), moment),
            MailSettlement::Parked { .. }
            | MailSettlement::InDoubt { .. }
            | MailSettlement::StillInDoubt { .. }
            | MailSettlement::Held { .. } => {}
        }
    }

    /// A row was deleted.
    pub fn pruned(&mut self, row: Row, state: &str, subject: &str) {
        let erased = state == "3" && self.erased.iter().any(|client| subject_of(ClientId(*client)) == subject);
        if !["2", "4"].contains(&state) && !erased {
            self.broken.push(format!("pruned in state {state}: {row:?} {subject}"));
        }
        if erased {
            self.discarded.insert(row.clone());
        }
        self.gone.insert(row);
    }

    /// An id as the log has it: those that are drawn differ from run to run.
    pub fn name_of(&mut self, id: &str) -> String {
        if id.starts_with(['x', 'y', 'k']) {
            return id.to_owned();
        }
        let next = self.names.len();
        format!("m{}", self.names.entry(id.to_owned()).or_insert(next))
    }

    /// An operator's remedy was applied.
    pub fn remedied(&mut self, action: &Action, report: &RemedyReport, moment: usize, dropped: impl Fn(&Row) -> bool) {
        self.audits(Remedy::of(action).map_or_else(|| mail_action(action), Remedy::action), report.done);
        for done in report.rows.iter().filter(|row| row.done) {
            let row = (done.destination.clone(), done.id.clone());
            match action {
                Action::Requeue { out_of_order } | Action::Replay { out_of_order, force: false } => {
                    if *out_of_order {
                        self.out_of_order.insert(row.clone());
                    }
                    let replay = matches!(action, Action::Replay { .. });
                    if replay && dropped(&row) {
                        // The window is judged by the store's clock, and a clock that is set proves nothing.
                        if !self.jumped {
                            self.broken.push(format!("a replay that the bus drops: {row:?}"));
                        }
                    } else if let Some(known) = self.rows.get_mut(&row) {
                        known.copies_min += u32::from(replay) * (known.copies + 1 - known.copies_min);
                    }
                    if let Some(known) = self.rows.get_mut(&row) {
                        (known.remedied, known.attempt, known.chargeable) = (true, None, 0);
                    }
                }
                Action::Replay { force: true, .. } => {
                    let new = done.new_id.clone().unwrap_or_default();
                    let Some(old) = self.committed.get(&done.id) else {
                        self.broken.push(format!("a copy of nothing: {done:?}"));
                        continue;
                    };
                    let (sendable, mailable, client) = (old.sendable, old.mailable, old.client);
                    let routed = old.destinations.clone();
                    let commit = self.committed.entry(new.clone()).or_insert(Commit {
                        moment,
                        destinations: Vec::new(),
                        sendable,
                        mailable,
                        client,
                    });
                    if done.destination.is_empty() {
                        // A copy of what was not routed is routed.
                        commit.destinations = routed;
                    } else {
                        commit.destinations.push(done.destination.clone());
                    }
                    self.out_of_order.insert((done.destination.clone(), new));
                }
                Action::Discard => _ = self.discarded.insert(row),
                Action::ResendMail => *self.resent.entry(done.id.clone()).or_default() += 1,
                Action::AssumeMailSent => _ = self.assumed.insert(done.id.clone()),
                Action::Route { to, .. } => {
                    let Some(commit) = self.committed.get_mut(&done.id) else { continue };
                    // A row that was not routed yet has no siblings now, unless it is the repeat of one that has.
                    if done.destination.is_empty() && !self.repeated.contains(&done.id) {
                        commit.destinations.clear();
                    }
                    commit.destinations.retain(|name| *name != done.destination);
                    commit.destinations.push(to.clone());
                    self.rerouted.insert(row);
                }
                Action::TakeIn => {}
            }
        }
    }

    /// An operator did this, to so many.
    pub fn audits(&mut self, action: &'static str, rows: u64) {
        *self.audited.entry(action).or_default() += rows;
    }

    /// When the provider took a mail.
    pub fn taken_at(&self, id: &str) -> Option<i64> {
        self.mails.get(id).and_then(|mail| mail.taken_ms)
    }

    /// The provider says that it gave a mail up.
    pub fn gave_up(&mut self, id: &str, ours: bool) {
        self.mails.entry(id.to_owned()).or_default().failed |= !ours;
    }

    pub fn mail(&mut self, letter: &Letter, outcome: &MailOutcome, mailed: bool, now_ms: i64) {
        let mail = self.mails.entry(letter.message_id.clone()).or_default();
        letter.to.as_str().clone_into(&mut mail.to);
        mail.times += i64::from(mailed);
        mail.taken_ms = mail.taken_ms.or(mailed.then_some(now_ms));
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

fn mail_action(action: &Action) -> &'static str {
    MailRemedy::of(action).map_or("take in", MailRemedy::action)
}
