//! Clients that write at full speed, with and without idempotency keys, and note what they were answered.

use super::site::News;
use crate::support::{
    http_client::{self, Answer, Plain},
    world::nip,
};
use hyper::Method;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinSet};

/// Client, year, month.
pub type Key = (i64, u16, u8);

/// What a month's record may be now, as (version, VAT); None: it is not booked. More than one where the last write got no
/// answer that says what was done.
pub type May = Vec<Option<(u64, u64)>>;

/// A write with a key, and the message that its answer named.
pub struct Keyed {
    pub method: Method,
    pub path: String,
    pub body: String,
    pub key: String,
    pub message: String,
}

#[derive(Default)]
pub struct Ledger {
    pub records: BTreeMap<Key, May>,
    /// The messages that answers named.
    pub messages: BTreeSet<String>,
    pub keyed: Vec<Keyed>,
    /// Writes answered 2xx.
    pub done: u64,
    /// Answers that said that nothing was done.
    pub refused: u64,
    /// Writes without a key whose outcome no answer told.
    pub unknown: u64,
    /// Tries of writes with a key beyond the first.
    pub repeats: u64,
}

impl Ledger {
    pub fn add(&mut self, other: Self) {
        self.records.extend(other.records);
        self.messages.extend(other.messages);
        self.keyed.extend(other.keyed);
        self.done += other.done;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.repeats += other.repeats;
    }
}

/// Callers under way.
pub struct Storm {
    callers: JoinSet<Ledger>,
    stop: Arc<AtomicBool>,
}

/// Only a write that never succeeds is repeated this long.
const KEYED_WITHIN: Duration = Duration::from_mins(2);
const AGAIN_AFTER: Duration = Duration::from_millis(20);

impl Storm {
    /// Makes a client for each caller, numbered from `first`, and lets them write. `pause`: of each between two writes.
    pub async fn begin(news: &watch::Receiver<News>, first: u32, callers: u32, seed: u64, pause: Duration) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut all = JoinSet::new();
        for n in first..first + callers {
            let mut caller = Caller {
                news: news.clone(),
                http: http_client::plain(),
                client: 0,
                dice: dice.fork(),
                next: 0,
                ledger: Ledger::default(),
            };
            caller.client = caller.register(n).await;
            let stop = stop.clone();
            all.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    caller.write_one().await;
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                }
                caller.ledger
            });
        }
        Self { callers: all, stop }
    }

    /// Lets each caller finish: a write with a key is repeated until it is answered.
    pub async fn end(mut self) -> Ledger {
        self.stop.store(true, Ordering::Relaxed);
        let mut ledger = Ledger::default();
        while let Some(one) = self.callers.join_next().await {
            ledger.add(one.unwrap());
        }
        ledger
    }
}

struct Caller {
    news: watch::Receiver<News>,
    http: Plain,
    client: i64,
    dice: fastrand::Rng,
    /// Its writes so far: the next one's VAT, so that each write changes something.
    next: u64,
    ledger: Ledger,
}

enum Outcome {
    Done(Answer),
    NotDone,
    Unknown,
}

impl Caller {
    async fn register(&mut self, n: u32) -> i64 {
        let draft = json!({"name": format!("Klient {n}"), "address": "ul. Prosta 1", "email": "klient@example.pl",
            "nipNb": nip(n).as_str()});
        match self.send(Method::POST, "/api/clients", &draft.to_string(), Some(&format!("client-{n}"))).await {
            Outcome::Done(answer) => answer.json()["id"].as_i64().unwrap(),
            Outcome::NotDone | Outcome::Unknown => unreachable!("a write with a key is repeated"),
        }
    }

    /// Books the next month, or changes one whose state it knows.
    async fn write_one(&mut self) {
        self.next += 1;
        let vat = self.next;
        let key = self.dice.bool().then(|| uuid::Uuid::new_v4().to_string());
        let changes = self.dice.u8(..10) < 3;
        let known = changes.then(|| self.known()).flatten();
        let base = format!("/api/clients/{}/finance", self.client);
        let (at, now, method, path, body) = if let Some((at, version)) = known {
            let path = format!("{base}/{}/{}", at.1, at.2);
            (at, Some(version), Method::PATCH, path, json!({"vat": vat}))
        } else {
            let nth = u16::try_from(self.ledger.records.len()).unwrap();
            let at = (self.client, 2000 + nth / 12, u8::try_from(1 + nth % 12).unwrap());
            assert!(at.1 <= 2100, "a caller has booked each month that there is");
            let body = json!({"year": at.1, "month": at.2, "incomeTax": 100.5, "vat": vat, "insuranceAmount": 0});
            (at, None, Method::POST, base, body)
        };
        let body = body.to_string();
        let after = Some((now.map_or(0, |(version, _)| version) + 1, vat));
        let may = match self.send(method.clone(), &path, &body, key.as_deref()).await {
            Outcome::Done(answer) => {
                self.ledger.done += 1;
                let message = answer.header("outbox-message-id").expect("the answer names the message").to_owned();
                self.ledger.messages.insert(message.clone());
                if let Some(key) = key {
                    self.ledger.keyed.push(Keyed { method, path, body, key, message });
                }
                vec![after]
            }
            Outcome::NotDone => {
                self.ledger.refused += 1;
                vec![now]
            }
            Outcome::Unknown => {
                self.ledger.unknown += 1;
                vec![now, after]
            }
        };
        self.ledger.records.insert(at, may);
    }

    /// Some month that is certainly booked, with its version and VAT.
    fn known(&mut self) -> Option<(Key, (u64, u64))> {
        let nth = self.dice.usize(..self.ledger.records.len().max(1));
        let (at, may) = self.ledger.records.iter().nth(nth)?;
        match may[..] {
            [Some(record)] => Some((*at, record)),
            _ => None,
        }
    }

    /// With a key: again and again, until it succeeds. What an answer says of a write without one is believed, and
    /// compared with the books at the end.
    async fn send(&mut self, method: Method, path: &str, body: &str, key: Option<&str>) -> Outcome {
        let headers: Vec<_> =
            [("content-type", "application/json")].into_iter().chain(key.map(|key| ("idempotency-key", key))).collect();
        let until = Instant::now() + KEYED_WITHIN;
        loop {
            let port = self.news.borrow().port;
            let answer = match port {
                Some(port) => http_client::exchange(&self.http, port, method.clone(), path, &headers, body).await.ok(),
                // Nothing was sent.
                None => None,
            };
            let outcome = match answer {
                Some(answer) if answer.status.is_success() => return Outcome::Done(answer),
                Some(answer) => outcome(&answer),
                None if port.is_none() => Outcome::NotDone,
                None => Outcome::Unknown,
            };
            tokio::time::sleep(AGAIN_AFTER).await;
            if key.is_none() {
                return outcome;
            }
            self.ledger.repeats += 1;
            assert!(Instant::now() < until, "a write with a key never succeeds");
        }
    }
}

fn outcome(answer: &Answer) -> Outcome {
    let problem: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or_default();
    let busy = problem["type"] == "urn:problem-type:clientorganizer:key-busy";
    assert!(
        answer.status.is_server_error() || busy,
        "an unexpected answer: {} {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    if detail.starts_with("nothing was changed") { Outcome::NotDone } else { Outcome::Unknown }
}
