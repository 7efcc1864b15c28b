//! The handler is killed at random points around the moment when a mail provider accepts a mail, repeatedly on one store,
//! while mails arrive and RetryEmail runs. Then the provider's mails are compared with what was reported.
//!
//! The queue behaves like Service Bus: a delivery without an answer is repeated. Each start moves time by more than a
//! lease.

use crate::{
    handler::{Handler, deliver, invoke},
    mail_server::{Copies, MailServer, taken},
    support::{backend::memory, host::executable, queue_message::body},
};
use client_organizer::adapters::{clock::SystemClock, sqlite::migrate};
use client_organizer::ports::clock::Clock;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::Command,
    time::Duration,
};
use tokio::task::JoinSet;

#[derive(clap::Args)]
pub struct Arguments {
    /// Kills in each of the four set-ups
    #[arg(long, default_value_t = 200)]
    rounds: u32,
    #[arg(long, default_value_t = fastrand::u64(..))]
    seed: u64,
}

/// The points at which the handler is killed.
const POINTS: [Point; 7] = [
    Point::Provider("before"),
    Point::Provider("after"),
    Point::Provider("answered"),
    Point::Handler("before-mail"),
    Point::Handler("after-mail"),
    Point::Handler("after-mail-settled"),
    Point::Anywhere,
];

#[derive(Clone, Copy, PartialEq)]
enum Point {
    /// While the provider waits in this phase.
    Provider(&'static str),
    /// At this failpoint of the handler.
    Handler(&'static str),
    /// Up to 60 ms after the work began.
    Anywhere,
}

const LEASE_MS: i64 = 60_000;
/// Far more steps than are needed until every mail is reported or done.
const DRAIN_STEPS_MAX: u32 = 300;
const STALLED: Duration = Duration::from_mins(1);

pub async fn prove(arguments: Arguments) {
    println!("seed {}", arguments.seed);
    for (name, dedup, on_doubt) in [
        ("ACS stand-in that forgets and looks at Message-IDs", Some(true), "resend"),
        ("ACS stand-in that forgets and looks at no ids", Some(false), "resend"),
        ("SMTP, resend", None, "resend"),
        ("SMTP, hold", None, "hold"),
    ] {
        let server = match dedup {
            Some(dedup) => MailServer::acs(dedup).await,
            None => MailServer::smtp().await,
        };
        let mut run = Run::new(server, on_doubt, arguments.seed);
        while run.kills < arguments.rounds {
            run.round().await;
        }
        run.drain().await;
        let reported = run.end().await;
        println!("{name}: {reported}");
        assert_eq!(reported.lost, 0, "a mail is neither at the provider nor held");
        assert_eq!(reported.doubts, reported.interrupted, "each interrupted mail is reported as a doubt, and no other");
        match (dedup, on_doubt) {
            (Some(true), _) => assert_eq!(reported.duplicates, 0),
            (Some(false), _) => assert!(reported.duplicates <= reported.doubts),
            (None, "hold") => {
                assert_eq!(reported.duplicates, 0);
                assert_eq!(reported.held, reported.doubts, "every doubt is listed");
            }
            (None, _) => {
                assert_eq!(Some(reported.duplicates), reported.doubts_taken, "one for each doubt that had been taken");
            }
        }
    }
}

struct Run {
    server: MailServer,
    folder: tempfile::TempDir,
    settings: Vec<(&'static str, String)>,
    dice: fastrand::Rng,
    skew_ms: i64,
    kills: u32,
    /// Rounds in which the point was not reached.
    missed: u32,
    ids: BTreeSet<String>,
    unanswered: Vec<(String, String)>,
    copies: Copies,
    /// Leases that a kill interrupted, as (id, token).
    interrupted: BTreeSet<(String, String)>,
    taken_then: Copies,
    doubts_taken: u32,
    doubt_lines: u32,
}

struct Report {
    kills: u32,
    mails: usize,
    lost: u32,
    interrupted: u32,
    doubts: u32,
    /// Doubts whose mail the provider had accepted; known only for an SMTP server.
    doubts_taken: Option<u32>,
    doubt_lines: u32,
    duplicates: u32,
    held: u32,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kills, mails, lost, doubts, doubts_taken, doubt_lines, duplicates, held, .. } = self;
        let taken = doubts_taken.map_or_else(String::new, |taken| format!(", of accepted mails: {taken}"));
        write!(
            f,
            "{kills} kills, {mails} mails, {lost} lost, {doubts} doubts reported ({doubt_lines} log lines){taken}, \
             {duplicates} duplicates at the recipient, {held} held"
        )
    }
}

impl Run {
    fn new(server: MailServer, on_doubt: &str, seed: u64) -> Self {
        let folder = tempfile::tempdir_in(memory()).unwrap();
        let store = folder.path().join("app.db");
        migrate::run(&store).unwrap();
        let mut settings = server.settings();
        let bus = "Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=k;SharedAccessKey=a2V5;UseDevelopmentEmulator=true";
        settings.extend([
            ("ServiceBusConnection", bus.to_owned()),
            ("Store__Path", store.display().to_string()),
            ("Email__From", "Biuro <biuro@office.example.pl>".to_owned()),
            ("Email__OnDoubt", on_doubt.to_owned()),
            ("Email__LeaseMs", LEASE_MS.to_string()),
            // High, so that mails are not held for having been in doubt often.
            ("Email__DoubtsMax", "100".to_owned()),
            ("Email__RetryBaseMs", "1000".to_owned()),
        ]);
        Self {
            server,
            folder,
            settings,
            dice: fastrand::Rng::with_seed(seed),
            skew_ms: 0,
            kills: 0,
            missed: 0,
            ids: BTreeSet::new(),
            unanswered: Vec::new(),
            copies: Copies::new(),
            interrupted: BTreeSet::new(),
            taken_then: Copies::new(),
            doubts_taken: 0,
            doubt_lines: 0,
        }
    }

    async fn start(&mut self, more: &[(&'static str, String)]) -> Handler {
        let mut settings = self.settings.clone();
        settings.push(("Store__SkewMs", self.skew_ms.to_string()));
        settings.extend_from_slice(more);
        Handler::start(&settings).await
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("app.db")
    }

    /// New mails, the queue's repeats and RetryEmail at once, until the handler is killed at a random point.
    async fn round(&mut self) {
        self.skew_ms += LEASE_MS + self.dice.i64(1_000..120_000);
        let point = POINTS[self.dice.usize(..POINTS.len())];
        let failpoint = match point {
            Point::Handler(name) => {
                let reached = self.folder.path().join(format!("reached-{}-{}", self.kills, self.missed));
                vec![("FAILPOINT", format!("{name}={}", reached.display()))]
            }
            Point::Provider(_) | Point::Anywhere => Vec::new(),
        };
        let mut handler = self.start(&failpoint).await;
        let pause = match point {
            Point::Provider(phase) => phase,
            Point::Handler(_) | Point::Anywhere => "nowhere",
        };
        // Long enough that the provider sometimes accepts a mail only after two status queries did not find it.
        self.server.command(&json!({ "pause": pause, "ms": self.dice.u32(20..2_000) }));
        let mut work = self.work(handler.port);
        let reached = self.until(point, &mut handler, &mut work).await;
        let wait = match point {
            Point::Provider("answered") => self.dice.u64(0..4_000),
            Point::Provider(_) => self.dice.u64(0..40_000),
            Point::Handler(_) | Point::Anywhere => 0,
        };
        tokio::time::sleep(Duration::from_micros(wait)).await;
        let left = tokio::task::block_in_place(|| handler.kill());
        for line in &left {
            self.log(line);
        }
        while let Some(done) = work.join_next().await {
            self.answered(done.unwrap());
        }
        self.quiet().await;
        self.count_interrupted();
        if reached {
            self.kills += 1;
        } else {
            self.missed += 1;
        }
        assert!(self.missed < 10 * (self.kills + 10), "the points are no longer reached");
    }

    fn work(&mut self, port: u16) -> JoinSet<Option<(String, String, Option<u16>)>> {
        let mut work = JoinSet::new();
        for _ in 0..self.dice.u32(1..=3) {
            let id = uuid::Uuid::new_v4().to_string();
            let body = body(&id, "anna@example.pl", SystemClock.now());
            self.ids.insert(id.clone());
            self.unanswered.push((id, body));
        }
        for (id, body) in self.unanswered.clone() {
            work.spawn(async move { Some(deliver(port, id, body).await) });
        }
        work.spawn(async move {
            let status = invoke(port, "RetryEmail", "{}".to_owned()).await;
            assert!(matches!(status, None | Some(200)), "RetryEmail returned {status:?}");
            None
        });
        work
    }

    /// True: the point was reached. False: all work was done before.
    async fn until(
        &mut self,
        point: Point,
        handler: &mut Handler,
        work: &mut JoinSet<Option<(String, String, Option<u16>)>>,
    ) -> bool {
        let anywhere = Duration::from_micros(self.dice.u64(0..60_000));
        let timer = tokio::time::sleep(if point == Point::Anywhere { anywhere } else { STALLED });
        tokio::pin!(timer);
        loop {
            tokio::select! {
                line = self.server.line() => {
                    if !line["reached"].is_null() {
                        return true;
                    }
                    self.note(&line);
                }
                line = handler.line() => {
                    let line = line.expect("the handler ended unexpectedly");
                    self.log(&line);
                    if line["message"] == "failpoint" {
                        return true;
                    }
                }
                done = work.join_next() => match done {
                    Some(done) => self.answered(done.unwrap()),
                    None => return false,
                },
                () = &mut timer => {
                    assert!(point == Point::Anywhere, "nothing happens: something hangs");
                    return true;
                }
            }
        }
    }

    fn answered(&mut self, done: Option<(String, String, Option<u16>)>) {
        let Some((id, _, Some(status))) = done else { return };
        assert_eq!(status, 200, "a delivery of the queue failed");
        self.unanswered.retain(|(waiting, _)| *waiting != id);
    }

    fn note(&mut self, event: &Value) {
        if let Some(id) = taken(event) {
            *self.copies.entry(id).or_default() += 1;
        }
    }

    fn log(&mut self, line: &Value) {
        self.doubt_lines += u32::from(line["message"].as_str().is_some_and(|text| text.starts_with("mail in doubt")));
    }

    /// Waits until an SMTP server has no connection left, so that its accepted mails are known. Does nothing for the other.
    async fn quiet(&mut self) {
        if matches!(self.server, MailServer::Acs(_)) {
            return;
        }
        let turn = self.kills + self.missed;
        self.server.command(&json!({ "quiet": turn }));
        loop {
            let line = tokio::time::timeout(STALLED, self.server.line()).await.unwrap();
            if line["quiet"] == turn {
                return;
            }
            self.note(&line);
        }
    }

    fn count_interrupted(&mut self) {
        for row in self.rows("SELECT MessageId, LeaseToken FROM InboxMessages WHERE State = 1") {
            if !self.interrupted.insert((row[0].clone(), row[1].clone())) {
                continue;
            }
            let copies = self.copies.get(&row[0]).copied().unwrap_or(0);
            if copies > self.taken_then.insert(row[0].clone(), copies).unwrap_or(0) {
                self.doubts_taken += 1;
            }
        }
    }

    /// Continues without kills until only mails are left that a person has to decide.
    async fn drain(&mut self) {
        let unfinished =
            "SELECT MessageId FROM InboxMessages WHERE State IN (0, 1, 3) OR (State = 4 AND DueAt IS NOT NULL)";
        for _ in 0..DRAIN_STEPS_MAX {
            self.skew_ms += 10 * LEASE_MS;
            let mut handler = self.start(&[]).await;
            let mut work = JoinSet::new();
            for (id, body) in self.unanswered.clone() {
                let port = handler.port;
                work.spawn(async move { Some(deliver(port, id, body).await) });
            }
            while let Some(done) = work.join_next().await {
                self.answered(done.unwrap());
            }
            assert_eq!(invoke(handler.port, "RetryEmail", "{}".to_owned()).await, Some(200));
            let left = tokio::task::block_in_place(|| handler.kill());
            for line in &left {
                self.log(line);
            }
            self.count_interrupted();
            if self.unanswered.is_empty() && self.rows(unfinished).is_empty() {
                return;
            }
        }
        panic!("unfinished mails: {:?}", self.rows(unfinished));
    }

    async fn end(mut self) -> Report {
        let mut doubts = 0;
        let mut states = BTreeMap::new();
        for row in self.rows("SELECT MessageId, State, Doubts FROM InboxMessages") {
            doubts += row[2].parse::<u32>().unwrap();
            states.insert(row[0].clone(), row[1].clone());
        }
        let held = self.listed();
        let copies = std::mem::take(&mut self.copies);
        let (kills, doubt_lines) = (self.kills, self.doubt_lines);
        let doubts_taken = matches!(self.server, MailServer::Smtp(_)).then_some(self.doubts_taken);
        let (ids, interrupted) = (self.ids, self.interrupted);
        let mut all = copies;
        for event in self.server.end().await {
            if let Some(id) = taken(&event) {
                *all.entry(id).or_default() += 1;
            }
        }
        assert!(all.keys().all(|id| ids.contains(id)), "the provider got a mail that was not sent");
        let lost = ids.iter().filter(|id| !all.contains_key(*id) && !held.contains(*id)).count();
        assert!(ids.iter().all(|id| matches!(states.get(id).map(String::as_str), Some("2" | "4"))), "{states:?}");
        Report {
            kills,
            mails: ids.len(),
            lost: u32::try_from(lost).unwrap(),
            interrupted: u32::try_from(interrupted.len()).unwrap(),
            doubts,
            doubts_taken,
            doubt_lines,
            duplicates: all.values().map(|copies| copies - 1).sum(),
            held: u32::try_from(held.len()).unwrap(),
        }
    }

    /// What `ops mail list` shows as held for a person.
    fn listed(&self) -> BTreeSet<String> {
        let output = Command::new(executable())
            .args(["ops", "--json", "mail", "list", "--state", "in-doubt", "--limit", "1000"])
            .env("Store__Path", self.store())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
        let held = rows["items"].as_array().unwrap().iter().filter(|row| row["dueAt"].is_null());
        held.map(|row| row["messageId"].as_str().unwrap().to_owned()).collect()
    }

    fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let connection = rusqlite::Connection::open(self.store()).unwrap();
        connection.busy_timeout(STALLED).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            (0..columns)
                .map(|n| {
                    Ok(match row.get_ref(n)? {
                        rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                        other => other.as_str().unwrap_or_default().to_owned(),
                    })
                })
                .collect()
        });
        rows.unwrap().collect::<rusqlite::Result<_>>().unwrap()
    }
}
