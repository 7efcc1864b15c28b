//! Waits until a site has nothing left to do, then compares what clients were answered, the books, the outbox and the mails.

use super::{
    callers::{Key, Ledger},
    mailbox::Mailbox,
    site::Site,
};
use crate::support::http_client::{self, Plain};
use hyper::Method;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::{Duration, Instant},
};

/// Without any progress for this long, something is stuck or lost; on a machine that does much else, a wait may be long.
pub const STUCK: Duration = Duration::from_mins(3);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Writes that are repeated at the end, to see that the repeat gets the first answer.
const REPEATS_MAX: usize = 20;

/// What a round did and found.
#[derive(Default)]
pub struct Counts {
    pub kills: u64,
    pub done: u64,
    pub refused: u64,
    pub unknown: u64,
    pub repeats: u64,
    pub messages: u64,
    pub mails: u64,
    pub twice: u64,
    pub doubts: u64,
}

impl Counts {
    pub fn of(ledger: &Ledger) -> Self {
        let Ledger { done, refused, unknown, repeats, .. } = *ledger;
        Self { done, refused, unknown, repeats, ..Self::default() }
    }

    pub fn add(&mut self, other: &Self) {
        self.kills += other.kills;
        self.done += other.done;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.repeats += other.repeats;
        self.messages += other.messages;
        self.mails += other.mails;
        self.twice += other.twice;
        self.doubts += other.doubts;
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kills, done, refused, unknown, repeats, messages, mails, twice, doubts } = self;
        write!(
            f,
            "{kills} kills; {done} writes acknowledged, {refused} refused, {unknown} without a key and without an answer, \
             {repeats} repeats; {messages} messages, {mails} mails, {twice} of them twice, {doubts} doubts; none lost"
        )
    }
}

pub struct Reckoning<'a> {
    site: &'a Site,
    http: Plain,
}

impl<'a> Reckoning<'a> {
    pub fn of(site: &'a Site) -> Self {
        Self { site, http: http_client::plain() }
    }

    pub fn data(&self) -> &Path {
        &self.site.data
    }

    /// None: host or handler did not answer.
    pub async fn get(&self, path: &str) -> Option<Value> {
        let port = self.site.news().borrow().port?;
        let answer = http_client::exchange(&self.http, port, Method::GET, path, &[], "").await.ok()?;
        answer.status.is_success().then(|| answer.json())
    }

    /// All pages of a list of operators. Panics where a page does not come.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let (mut items, mut before) = (Vec::new(), String::new());
        loop {
            let page =
                self.get(&format!("{path}limit=200{before}")).await.unwrap_or_else(|| panic!("no page of {path}"));
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else { return items };
            before = format!("&before={next}");
        }
    }

    /// Rows and mails that are not finished, and the overview.
    pub async fn unfinished(&self) -> Option<(u64, Value)> {
        let overview = self.get("/api/ops/overview?minutes=1").await?;
        let sum = |list: &Value, fields: &[&str]| -> u64 {
            let lines = list.as_array().unwrap().iter();
            lines.flat_map(|line| fields.iter().map(|field| line[*field].as_u64().unwrap())).sum()
        };
        let waits = sum(&overview["destinations"], &["pending", "leased", "dead"])
            + sum(&overview["mails"]["states"], &["rows"]);
        Some((waits, overview))
    }

    /// Waits until no row waits, whoever receives them.
    pub async fn published(&self) {
        let (mut last, mut since) = (0, Instant::now());
        loop {
            let waits = self.unfinished().await.map(|(waits, _)| waits);
            if waits == Some(0) {
                return;
            }
            if waits.is_some_and(|waits| waits != last) {
                (last, since) = (waits.unwrap_or_default(), Instant::now());
            }
            assert!(since.elapsed() < STUCK, "stuck: {last} rows wait");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until every message's mail was sent; returns the mails. Those on the queue are in no list.
    pub async fn drained(&self) -> Vec<Value> {
        let (mut last, mut since) = ((0, 0, 0), Instant::now());
        loop {
            let mut now = (0, 0, 0);
            let mut overview = Value::Null;
            if let Some((waits, seen)) = self.unfinished().await {
                (now.0, overview) = (waits, seen);
                if waits == 0 {
                    let messages = self.all("/api/ops/messages?").await;
                    let mails = self.all("/api/ops/mails?state=sent&").await;
                    if messages.len() == mails.len() {
                        return mails;
                    }
                    (now.1, now.2) = (mails.len(), messages.len());
                }
            }
            if now != last {
                (last, since) = (now, Instant::now());
            }
            let (waits, mails, messages) = last;
            assert!(
                since.elapsed() < STUCK,
                "no progress: {mails} of {messages} messages are mailed, and {waits} rows and mails wait: {overview:#}"
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Every month of the callers' clients as (version, VAT).
    async fn books(&self, ledger: &Ledger) -> BTreeMap<Key, (u64, u64)> {
        let mut books = BTreeMap::new();
        let clients: BTreeSet<i64> = ledger.records.keys().map(|(client, ..)| *client).collect();
        for client in clients {
            let page = self.get(&format!("/api/clients/{client}/finance")).await.expect("the books can be read");
            for record in page["items"].as_array().unwrap() {
                let number = |name: &str| record[name].as_u64().unwrap();
                let at = (client, number("year").try_into().unwrap(), number("month").try_into().unwrap());
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "whole amounts were booked"
                )]
                let vat = record["vat"].as_f64().unwrap() as u64;
                assert!(books.insert(at, (number("version"), vat)).is_none(), "{at:?} is in the books twice");
            }
        }
        books
    }

    /// Every acknowledged write is in the books once, every message belongs to a write that is there, each has its mail,
    /// and mails that came twice were reported as doubts.
    pub async fn settle(&self, ledger: &Ledger, mailbox: &Mailbox) -> Counts {
        let mails = self.drained().await;
        let messages = self.all("/api/ops/messages?").await;
        let messages: Vec<_> = messages.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
        let writes = self.compare_books(ledger, &messages).await;
        assert_eq!(messages.len() as u64, writes, "one message for each committed write, and none without");
        let (doubts, arrived) = self.compare_mails(&messages, &mails, mailbox).await;
        let dead = self.site.news().borrow().dead_lettered.len();
        assert_eq!(dead, 0, "the queue set {dead} messages aside");
        Counts { messages: writes, mails: arrived, twice: arrived - writes, doubts, ..Counts::of(ledger) }
    }

    /// Every acknowledged write is in the books once, with its message; a write without an answer is there once or not
    /// at all. Returns how many writes there are.
    pub async fn compare_books(&self, ledger: &Ledger, messages: &[String]) -> u64 {
        let books = self.books(ledger).await;
        for (at, may) in &ledger.records {
            let is = books.get(at).copied();
            assert!(may.contains(&is), "{at:?} is {is:?} in the books, and the answers say {may:?}");
        }
        for at in books.keys() {
            assert!(ledger.records.contains_key(at), "{at:?} is in the books, and nobody wrote it");
        }
        let messages: BTreeSet<_> = messages.iter().collect();
        for id in &ledger.messages {
            assert!(messages.contains(id), "the acknowledged message {id} is not in the outbox");
        }
        self.repeat(ledger).await;
        self.integrity();
        books.values().map(|(version, _)| version).sum()
    }

    /// Waits until the mail of each of these messages was sent, whatever else waits.
    pub async fn mailed(&self, messages: &BTreeSet<String>) {
        let until = Instant::now() + STUCK;
        loop {
            let mails = self.all("/api/ops/mails?state=sent&").await;
            let sent: BTreeSet<_> = mails.iter().filter_map(|mail| mail["messageId"].as_str()).collect();
            let waiting = messages.iter().filter(|id| !sent.contains(id.as_str())).count();
            if waiting == 0 {
                return;
            }
            assert!(Instant::now() < until, "{waiting} of {} mails are not sent", messages.len());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The doubts that are reported, and the mails that arrived.
    async fn compare_mails(&self, messages: &[String], mails: &[Value], mailbox: &Mailbox) -> (u64, u64) {
        let until = Instant::now() + STUCK;
        let copies = loop {
            let copies = mailbox.copies(&self.site.data);
            let missing = messages.iter().filter(|id| !copies.contains_key(*id)).count();
            if missing == 0 {
                break copies;
            }
            // The SMTP server's report of the last mails may be on its way.
            assert!(Instant::now() < until && !mailbox.is_own(), "{missing} mails are called sent and did not arrive");
            tokio::time::sleep(LOOK_EVERY).await;
        };
        let (mut doubts, mut arrived) = (0, 0);
        for mail in mails {
            let (id, reported) = (mail["messageId"].as_str().unwrap(), mail["doubts"].as_u64().unwrap());
            let came = u64::from(copies.get(id).copied().unwrap_or_default());
            assert!(came <= 1 + reported, "the mail {id} came {came} times, and {reported} doubts are reported");
            doubts += reported;
            arrived += came;
        }
        if mailbox.is_own() {
            let foreign: Vec<_> = copies.keys().filter(|id| !messages.contains(id)).collect();
            assert!(foreign.is_empty(), "mails without a committed write: {foreign:?}");
        }
        (doubts, arrived)
    }

    /// A repeat of a write with a key gets the first answer, and does nothing.
    async fn repeat(&self, ledger: &Ledger) {
        for write in ledger.keyed.iter().rev().take(REPEATS_MAX) {
            let headers = [("content-type", "application/json"), ("idempotency-key", write.key.as_str())];
            let port = self.site.port();
            let answer =
                http_client::exchange(&self.http, port, write.method.clone(), &write.path, &headers, &write.body).await;
            let answer = answer.unwrap();
            assert_eq!(answer.header("idempotency-replayed"), Some("true"), "{}", write.path);
            assert_eq!(answer.header("outbox-message-id"), Some(write.message.as_str()), "{}", write.path);
        }
    }

    fn integrity(&self) {
        if self.site.is_sql {
            return;
        }
        for file in ["app.db", "queues.db"] {
            let connection = rusqlite::Connection::open(self.site.data.join(file)).unwrap();
            let found: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(found, "ok", "{file}");
        }
    }
}
