//! What is outside: a bus with its queue, and a mail provider, which fail as the ops say.

use super::{
    ledger::{Ledger, Row},
    op::{How, Mood, PROVIDER},
    stage::Stage,
};
use crate::support::world::EMAILS;
use async_trait::async_trait;
use client_organizer::{
    domain::{
        delivery::{Delivery, MailOutcome, MailStatus},
        route::Destination,
        verdict::PublishOutcome,
    },
    ports::{
        bus::{Bus, Outgoing},
        mailer::{Letter, Mailer, StatusQueries},
    },
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::time::Instant;

pub const LEDGERS: &str = "topic:ledger";
/// Deliveries of a message before the queue dead-letters it.
const DELIVERIES_MAX: i64 = 10;

/// A message in the email queue.
#[derive(Debug, Clone)]
pub struct Queued {
    pub delivery: Delivery,
    pub place: Place,
    /// How often it was locked: only the last lock completes it.
    pub locks: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Waits,
    Locked,
    Done,
    Dead,
    /// An operator reads it.
    DeadLocked,
}

/// The lock of one delivery.
#[derive(Debug, Clone, Copy)]
pub struct Lock {
    number: usize,
    lock: u32,
}

/// What every process shares.
#[derive(Default)]
pub struct Outside {
    moods: [Option<Mood>; 3],
    pub queue: Vec<Queued>,
    /// How long a destination drops a repeated id.
    pub window_ms: i64,
    /// When each id was first stored.
    stored_ms: BTreeMap<Row, i64>,
    /// Processes that a message killed.
    pub killed: Vec<usize>,
}

/// Ids that begin so kill the process that publishes them.
pub const KILLER: &str = "killer";

impl Outside {
    pub fn set(&mut self, of: usize, mood: Mood) {
        self.moods[of] = Some(mood);
    }

    /// How a call goes there.
    fn mood(&self, of: usize, how: How, moment: usize) -> (How, Mood) {
        match (how, self.moods[of].unwrap_or(Mood::Up)) {
            (How::Well, Mood::Mixed) => (How::Mixed(u8::try_from(moment % 251).unwrap()), Mood::Up),
            (how, Mood::Mixed) => (how, Mood::Up),
            as_it_is => as_it_is,
        }
    }

    /// The `nth` message of those in this place.
    pub fn nth(&self, nth: usize, place: Place) -> Option<usize> {
        let there: Vec<_> = (0..self.queue.len()).filter(|n| self.queue[*n].place == place).collect();
        (!there.is_empty()).then(|| there[nth % there.len()])
    }

    pub fn lock(&mut self, number: usize) -> Lock {
        let queued = &mut self.queue[number];
        queued.place = Place::Locked;
        queued.locks += 1;
        Lock { number, lock: queued.locks }
    }

    /// The host answers: success completes the message, and after a failure the queue delivers it again, but not for
    /// ever.
    pub fn end(&mut self, lock: Lock, ok: bool) {
        let queued = &mut self.queue[lock.number];
        if queued.place != Place::Locked || queued.locks != lock.lock {
            return;
        }
        if ok {
            queued.place = Place::Done;
            return;
        }
        queued.delivery.delivery_count += 1;
        queued.place = if queued.delivery.delivery_count > DELIVERIES_MAX { Place::Dead } else { Place::Waits };
    }

    /// Whether the bus drops a message of this row as a repeat, by its own clock.
    pub fn drops(&self, row: &Row, now_ms: i64) -> bool {
        self.stored_ms.get(row).is_some_and(|first| now_ms - first < self.window_ms)
    }

    /// False: it is a repeat, and dropped.
    fn store(&mut self, to: &str, message: &Outgoing, now_ms: i64) -> bool {
        let key = (to.to_owned(), message.id.to_string());
        if self.drops(&key, now_ms) {
            return false;
        }
        self.stored_ms.insert(key, now_ms);
        if to == EMAILS {
            let delivery = Delivery {
                message_id: message.id.to_string(),
                body: message.body.to_vec(),
                delivery_count: 1,
                enqueued_on: None,
                traceparent: None,
            };
            self.enqueue(delivery);
        }
        true
    }

    pub fn enqueue(&mut self, delivery: Delivery) {
        self.queue.push(Queued { delivery, place: Place::Waits, locks: 0 });
    }
}

/// The bus or the provider as one process sees it.
#[derive(Clone)]
pub struct Way {
    pub outside: Arc<Mutex<Outside>>,
    pub stage: Arc<Stage>,
    pub ledger: Arc<Mutex<Ledger>>,
    pub process: usize,
    /// The provider answers status queries.
    pub queries: bool,
}

fn reason() -> String {
    "decided by the seed".to_owned()
}

/// How a message ends, and whether the bus has it.
fn publish_one(how: How, mood: Mood, dice: &mut fastrand::Rng) -> (PublishOutcome, bool) {
    let cut = |stored| (PublishOutcome::Cut { reason: reason() }, stored);
    let blocked = |after_ms| (PublishOutcome::Blocked { after_ms, reason: reason() }, false);
    match (how, mood) {
        (How::RequestLost, _) => cut(false),
        (How::AnswerLost, _) => (PublishOutcome::TimedOut { reason: reason() }, true),
        (_, Mood::Down | Mood::Refusing | Mood::Mixed) => blocked(None),
        (_, Mood::Throttling) => blocked(Some(7_000)),
        (_, Mood::Cutting) => cut(true),
        (How::Mixed(_), Mood::Up) => match dice.u32(0..10) {
            0 => (PublishOutcome::Retry { after_ms: None, reason: reason() }, false),
            1 => (PublishOutcome::Retry { after_ms: Some(3_000), reason: reason() }, false),
            2 => (PublishOutcome::Permanent { reason: reason() }, false),
            3 => (PublishOutcome::TimedOut { reason: reason() }, dice.bool()),
            4 => cut(dice.bool()),
            5 => blocked(None),
            6 => (PublishOutcome::NotTried, false),
            _ => (PublishOutcome::Accepted, true),
        },
        (How::Well | How::Slow | How::Locked, Mood::Up) => (PublishOutcome::Accepted, true),
    }
}

#[async_trait]
impl Bus for Way {
    async fn publish(&self, to: &Destination, batch: &[Outgoing], deadline: Instant) -> Vec<PublishOutcome> {
        let how = self.stage.gate(self.process, "publish").await;
        if batch.iter().any(|message| message.id.as_str().starts_with(KILLER)) {
            self.outside.lock().unwrap().killed.push(self.process);
            std::future::pending::<()>().await;
        }
        if Instant::now() >= deadline {
            return vec![PublishOutcome::NotTried; batch.len()];
        }
        let to = to.to_string();
        let mut ends: Vec<_> = {
            let mut outside = self.outside.lock().unwrap();
            let (how, mood) = outside.mood(usize::from(to != EMAILS), how, self.stage.moment());
            let mut dice = fastrand::Rng::with_seed(if let How::Mixed(seed) = how { seed.into() } else { 0 });
            let mut ends: Vec<_> = batch.iter().map(|_| publish_one(how, mood, &mut dice)).collect();
            for (message, (_, stored)) in batch.iter().zip(&mut ends).filter(|(_, (_, stored))| *stored) {
                *stored = outside.store(&to, message, self.stage.now_ms());
            }
            ends
        };
        self.ledger.lock().unwrap().stored(&to, batch, &ends);
        if how == How::Slow {
            self.stage.gate(self.process, "answer").await;
            if Instant::now() >= deadline {
                for (outcome, _) in ends.iter_mut().filter(|(outcome, _)| *outcome == PublishOutcome::Accepted) {
                    *outcome = PublishOutcome::TimedOut { reason: reason() };
                }
            }
        }
        let outcomes: Vec<_> = ends.into_iter().map(|(outcome, _)| outcome).collect();
        self.stage.log(format_args!("published {outcomes:?}"));
        self.ledger.lock().unwrap().answered(&to, batch, &outcomes);
        outcomes
    }
}

/// How a mail ends, and whether its recipient gets it.
fn mail_one(how: How, mood: Mood) -> (MailOutcome, bool) {
    let provider = |after_ms, of_mail| (MailOutcome::Provider { after_ms, reason: reason(), of_mail }, false);
    let refused = |alike| (MailOutcome::RecipientPermanent { reason: reason(), alike }, false);
    let accepted = || (MailOutcome::Accepted { reference: "simulated".to_owned() }, true);
    match (how, mood) {
        (How::RequestLost, _) => (MailOutcome::Unknown { reason: reason() }, false),
        (How::AnswerLost, _) | (_, Mood::Cutting) => (MailOutcome::Unknown { reason: reason() }, true),
        (_, Mood::Down | Mood::Mixed) => provider(None, false),
        (_, Mood::Throttling) => provider(Some(60_000), false),
        (_, Mood::Refusing) => refused(Some("554 relay access denied".to_owned())),
        (How::Mixed(seed), Mood::Up) => match seed % 6 {
            0 => (MailOutcome::RecipientTransient { after_ms: None, reason: reason() }, false),
            1 => refused(None),
            2 => refused(Some("550 no such user".to_owned())),
            3 => provider(None, true),
            4 => provider(None, false),
            _ => accepted(),
        },
        (How::Well | How::Slow | How::Locked, Mood::Up) => accepted(),
    }
}

#[async_trait]
impl Mailer for Way {
    fn provider(&self) -> &'static str {
        "mail:fake"
    }

    fn status_queries(&self) -> Option<&dyn StatusQueries> {
        self.queries.then_some(self as _)
    }

    async fn send(&self, letter: &Letter) -> MailOutcome {
        let how = self.stage.gate(self.process, "mail").await;
        let (outcome, mailed) = {
            let (how, mood) = self.outside.lock().unwrap().mood(PROVIDER, how, self.stage.moment());
            mail_one(how, mood)
        };
        self.ledger.lock().unwrap().mail(letter, &outcome, mailed, self.stage.now_ms());
        if how == How::Slow {
            self.stage.gate(self.process, "answer").await;
        }
        self.stage.log(format_args!("mailed {outcome:?}"));
        outcome
    }
}

/// How long the provider cannot find a mail that it has taken, and until when it remembers it.
const FOUND_MS: std::ops::Range<i64> = 50_000..24 * 3_600_000;

#[async_trait]
impl StatusQueries for Way {
    async fn status_of(&self, message_id: &str) -> MailStatus {
        let how = self.stage.gate(self.process, "status query").await;
        let (how, mood) = self.outside.lock().unwrap().mood(PROVIDER, how, self.stage.moment());
        let provider = |after_ms| MailStatus::Provider { after_ms, reason: reason() };
        let mut ledger = self.ledger.lock().unwrap();
        let known = ledger.taken_at(message_id).is_some_and(|at| FOUND_MS.contains(&(self.stage.now_ms() - at)));
        let status = match (how, mood) {
            (How::RequestLost | How::AnswerLost, _)
            | (_, Mood::Down | Mood::Refusing | Mood::Cutting | Mood::Mixed) => provider(None),
            (_, Mood::Throttling) => provider(Some(60_000)),
            (How::Mixed(seed), Mood::Up) if seed % 4 < 2 => {
                let ours = seed % 4 == 0;
                ledger.gave_up(message_id, ours);
                MailStatus::Failed { reason: reason(), ours }
            }
            (How::Mixed(_) | How::Well | How::Slow | How::Locked, Mood::Up) if known => {
                MailStatus::Taken { reference: "simulated".to_owned() }
            }
            (How::Mixed(_) | How::Well | How::Slow | How::Locked, Mood::Up) => MailStatus::NotFound,
        };
        self.stage.log(format_args!("status {status:?}"));
        status
    }
}
