//! Bookings at a fixed rate, each timed from when it was due, and what became of them.

use crate::{
    kills::site::{News, Site},
    support::{
        http_client::{self, Plain},
        world::nip,
    },
};
use hyper::Method;
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};

/// 101 years of months.
const OF_A_CLIENT: u64 = 1_200;
/// Requests at once, whatever the rate.
const AT_ONCE: usize = 64;
const TICK: Duration = Duration::from_millis(10);

pub struct Bookings {
    news: watch::Receiver<News>,
    http: Plain,
    turns: Semaphore,
    state: Mutex<State>,
    /// The clients, by how many bookings were begun for earlier ones.
    clients: tokio::sync::Mutex<HashMap<u64, i64>>,
}

#[derive(Default)]
struct State {
    begun: u64,
    total: u64,
    done: u64,
    failed: u64,
    reasons: BTreeMap<String, u64>,
    micros: Vec<u64>,
}

/// How long bookings took.
pub struct Latency {
    p50: f64,
    p99: f64,
    most: f64,
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p50 {:.1} ms, p99 {:.1} ms, longest {:.0} ms", self.p50, self.p99, self.most)
    }
}

impl Bookings {
    pub fn of(site: &Site) -> Self {
        Self {
            news: site.news(),
            http: http_client::plain(),
            turns: Semaphore::new(AT_ONCE),
            state: Mutex::default(),
            clients: tokio::sync::Mutex::default(),
        }
    }

    /// So many a second until then, whether or not earlier ones are answered.
    pub async fn at_rate(self: Arc<Self>, rate: u64, until: Instant) {
        let (start, mut begun, mut all) = (Instant::now(), 0, JoinSet::new());
        while Instant::now() < until {
            let due = u64::try_from(start.elapsed().as_millis()).unwrap() * rate / 1_000;
            while begun < due {
                begun += 1;
                all.spawn(self.clone().book(Instant::now()));
            }
            while all.try_join_next().is_some() {}
            tokio::time::sleep(TICK).await;
        }
        while all.join_next().await.is_some() {}
    }

    /// By so many callers until then, each as fast as it is answered.
    pub async fn by_callers(self: Arc<Self>, callers: u64, until: Instant) {
        let mut all = JoinSet::new();
        for _ in 0..callers {
            let this = self.clone();
            all.spawn(async move {
                while Instant::now() < until {
                    this.clone().book(Instant::now()).await;
                }
            });
        }
        while all.join_next().await.is_some() {}
    }

    async fn book(self: Arc<Self>, due: Instant) {
        let _turn = self.turns.acquire().await.unwrap();
        let nth = {
            let mut state = self.state.lock().unwrap();
            state.begun += 1;
            state.begun - 1
        };
        let client = self.client(nth / OF_A_CLIENT).await;
        let month = nth % OF_A_CLIENT;
        let body = json!({"year": 2000 + month / 12, "month": 1 + month % 12, "incomeTax": 1234.56, "vat": 230, "insuranceAmount": 0});
        let answer = self.post(&format!("/api/clients/{client}/finance"), &body.to_string()).await;
        let mut state = self.state.lock().unwrap();
        match answer {
            Ok(_) => {
                state.total += 1;
                state.done += 1;
                state.micros.push(u64::try_from(due.elapsed().as_micros()).unwrap());
            }
            Err(reason) => {
                state.failed += 1;
                *state.reasons.entry(reason).or_default() += 1;
            }
        }
    }

    /// Made by the first that needs it, while others wait.
    async fn client(&self, nth: u64) -> i64 {
        let mut clients = self.clients.lock().await;
        if let Some(client) = clients.get(&nth) {
            return *client;
        }
        let number = u32::try_from(nth).unwrap();
        let draft = json!({"name": format!("Klient {nth}"), "address": "ul. Prosta 1", "email": "klient@example.pl",
            "nipNb": nip(number).as_str()});
        let made = self.post("/api/clients", &draft.to_string()).await.expect("a client can be made");
        let client = made.json()["id"].as_i64().unwrap();
        clients.insert(nth, client);
        client
    }

    async fn post(&self, path: &str, body: &str) -> Result<http_client::Answer, String> {
        let port = self.news.borrow().port.ok_or("the host is gone")?;
        let headers = [("content-type", "application/json")];
        let answer = http_client::exchange(&self.http, port, Method::POST, path, &headers, body).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body)))
    }

    /// What was done and failed since the last time, and how long it took.
    pub fn take(&self) -> (u64, u64, Latency) {
        let mut state = self.state.lock().unwrap();
        let mut micros = std::mem::take(&mut state.micros);
        micros.sort_unstable();
        #[expect(clippy::cast_precision_loss, reason = "seconds at most")]
        let at = |percent: usize| {
            let nth = (micros.len() * percent / 100).min(micros.len().saturating_sub(1));
            micros.get(nth).copied().unwrap_or_default() as f64 / 1_000.0
        };
        let latency = Latency { p50: at(50), p99: at(99), most: at(100) };
        (std::mem::take(&mut state.done), std::mem::take(&mut state.failed), latency)
    }

    /// All that were booked.
    pub fn total(&self) -> u64 {
        self.state.lock().unwrap().total
    }

    pub fn reasons(&self) -> String {
        format!("{:?}", self.state.lock().unwrap().reasons)
    }
}
