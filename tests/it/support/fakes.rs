//! A bus, a mailer and a clock that a test controls and that remember what they were given.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use client_organizer::{
    domain::{delivery::MailOutcome, events::Notice, route::Destination, verdict::PublishOutcome},
    ports::{
        bus::{Bus, Outgoing},
        clock::Clock,
        mailer::{Letter, Letters, Mailer},
    },
};
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};
use tokio::time::Instant;

type BusScript = Box<dyn FnMut(&Destination, &[Outgoing]) -> Vec<PublishOutcome> + Send>;

/// Remembers every message it was given, accepted or not.
pub struct FakeBus {
    script: Mutex<BusScript>,
    pub log: Mutex<Vec<(String, Outgoing, PublishOutcome)>>,
    pub publishes: Mutex<Vec<usize>>,
}

impl FakeBus {
    pub fn new(script: impl FnMut(&Destination, &[Outgoing]) -> Vec<PublishOutcome> + Send + 'static) -> Self {
        Self { script: Mutex::new(Box::new(script)), log: Mutex::default(), publishes: Mutex::default() }
    }

    /// Returns an outcome per message.
    pub fn each(mut script: impl FnMut(&Destination, &Outgoing) -> PublishOutcome + Send + 'static) -> Self {
        Self::new(move |to, batch| batch.iter().map(|message| script(to, message)).collect())
    }

    pub fn accepting() -> Self {
        Self::each(|_, _| PublishOutcome::Accepted)
    }

    /// Behaves like this from now on.
    pub fn behave(&self, script: impl FnMut(&Destination, &[Outgoing]) -> Vec<PublishOutcome> + Send + 'static) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(script);
    }

    /// Ids accepted, in order, for one destination.
    pub fn accepted(&self, destination: &str) -> Vec<String> {
        let log = self.log.lock().unwrap();
        let mine = log.iter().filter(|(to, _, outcome)| to == destination && *outcome == PublishOutcome::Accepted);
        mine.map(|(_, message, _)| message.id.to_string()).collect()
    }
}

#[async_trait]
impl Bus for FakeBus {
    async fn publish(&self, to: &Destination, batch: &[Outgoing], _deadline: Instant) -> Vec<PublishOutcome> {
        let outcomes = (self.script.lock().unwrap())(to, batch);
        self.publishes.lock().unwrap().push(batch.len());
        let mut log = self.log.lock().unwrap();
        log.extend(batch.iter().zip(&outcomes).map(|(m, o)| (to.to_string(), m.clone(), o.clone())));
        outcomes
    }
}

type MailScript = Box<dyn FnMut(&Letter) -> MailOutcome + Send>;

pub struct FakeMailer {
    provider: &'static str,
    script: Mutex<MailScript>,
    /// MessageIds of letters the provider took, in order.
    pub sent: Mutex<Vec<String>>,
}

impl FakeMailer {
    pub fn new(script: impl FnMut(&Letter) -> MailOutcome + Send + 'static) -> Self {
        Self { provider: "mail:fake", script: Mutex::new(Box::new(script)), sent: Mutex::default() }
    }

    pub fn named(self, provider: &'static str) -> Self {
        Self { provider, ..self }
    }

    pub fn accepting() -> Self {
        Self::new(|_| MailOutcome::Accepted { reference: "fake".into() })
    }

    pub fn behave(&self, script: impl FnMut(&Letter) -> MailOutcome + Send + 'static) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(script);
    }

    pub fn sent(&self) -> Vec<String> {
        self.sent.lock().unwrap().clone()
    }
}

#[async_trait]
impl Mailer for FakeMailer {
    fn provider(&self) -> &'static str {
        self.provider
    }

    async fn send(&self, letter: &Letter) -> MailOutcome {
        // A script that panics stands for a process that dies; the provider stays as it was.
        let outcome = (self.script.lock().unwrap_or_else(PoisonError::into_inner))(letter);
        if matches!(outcome, MailOutcome::Accepted { .. }) {
            self.sent.lock().unwrap().push(letter.message_id.clone());
        }
        outcome
    }
}

/// Letters without content.
pub struct BareLetters;

impl Letters for BareLetters {
    fn write(&self, notice: &Notice) -> Result<Letter, String> {
        Ok(Letter {
            message_id: notice.id.clone(),
            to: notice.recipient.clone(),
            subject: String::new(),
            text: String::new(),
            html: String::new(),
            date: notice.time,
        })
    }
}

/// The clock of the process, moved together with that of the database.
pub struct FakeClock(AtomicI64);

impl FakeClock {
    pub fn new() -> Self {
        Self(AtomicI64::new(0))
    }

    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for FakeClock {
    #[expect(clippy::disallowed_methods, reason = "the real time, moved by the test")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::milliseconds(self.0.load(Ordering::Relaxed))
    }
}
