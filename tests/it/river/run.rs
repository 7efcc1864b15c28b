//! Runs a list of ops.

use super::{
    actors::{Actors, Flow, Kind},
    database::Database,
    ledger::{Commit, Ledger},
    op::{CLIENTS, Op, PROCESSES},
    outside::{Outside, Place},
    process::{Process, Setup, Shared},
    stage::Stage,
};
use crate::support::world::nip;
use client_organizer::{
    domain::{
        booking::Command,
        idempotency::{Fingerprint, IdempotencyKey},
        ids::ClientId,
        message::Headers,
        money::Money,
        period::Period,
        record::{Figures, FiguresPatch},
    },
    flows::{
        book::{self, WriteRequest},
        dispatch, notify, retry_mails,
    },
    ports::books::Committed,
};
use std::{
    sync::{Arc, MutexGuard, atomic::Ordering},
    time::Duration,
};

pub struct Run {
    pub database: Arc<Database>,
    pub shared: Shared,
    pub actors: Actors,
    pub processes: Vec<Arc<Process>>,
    lives: u64,
    pub inserted: u32,
    /// Inserts of other programs whose transactions are open.
    pub late: Vec<(String, String, Commit)>,
}

impl Run {
    pub fn new(setup: Setup) -> Self {
        let stage = Stage::new();
        let database = Arc::new(Database::new(&stage.store_ms));
        for n in 1..=CLIENTS {
            let nip = nip(u32::try_from(n).unwrap());
            database.execute(&format!(
                "INSERT INTO Clients (Id, Name, Address, NipNb, Email) \
                 VALUES ({n}, 'Klient {n}', 'ul. Prosta 1', '{}', 'klient{n}@example.pl')",
                nip.as_str()
            ));
        }
        let shared =
            Shared { database: database.clone(), stage, ledger: Arc::default(), outside: Arc::default(), setup };
        shared.outside.lock().unwrap().window_ms = setup.window_ms;
        let mut run = Self {
            database,
            shared,
            actors: Actors::default(),
            processes: Vec::new(),
            lives: 0,
            inserted: 0,
            late: Vec::new(),
        };
        for number in 0..PROCESSES {
            let process = run.start(number);
            run.processes.push(process);
        }
        run
    }

    fn start(&mut self, number: usize) -> Arc<Process> {
        self.lives += 1;
        let process = Process::start(number, self.lives, self.database.open(format!("p{number}")), &self.shared);
        let nudged = process.clone();
        let flow = async move {
            nudged.nudge.run(&nudged.nudged).await;
            true
        };
        self.actors.start(number, Kind::Nudge, None, Box::pin(flow));
        process
    }

    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.shared.ledger.lock().unwrap()
    }

    pub fn outside(&self) -> MutexGuard<'_, Outside> {
        self.shared.outside.lock().unwrap()
    }

    /// Does one op, and all that follows from it until every flow waits again.
    pub async fn apply(&mut self, number: usize, op: Op) -> Result<(), String> {
        self.shared.stage.step.store(number, Ordering::Relaxed);
        match op {
            Op::Book { process, client, month, grosze } => self.book(process, client, month, grosze),
            Op::BookOnce { process, key } => self.book_once(process, key),
            Op::Delete { process, client, month } => self.delete(process, client, month),
            Op::Erase { process, client } => self.erase(process, client),
            Op::Send { days } => self.send(days),
            Op::Insert { kind, key, late } => self.insert(kind, key, late),
            Op::CommitLate { nth } => self.commit_late(nth),
            Op::Dispatch { process } => self.dispatch(process),
            Op::Retry { process } => self.retry(process),
            Op::Deliver { process, nth } => self.deliver(process, nth),
            Op::Again { process, nth } => self.again(process, nth),
            Op::LoseLock { nth } => {
                let mut outside = self.outside();
                if let Some(number) = outside.nth(nth, Place::Locked) {
                    outside.queue[number].place = Place::Waits;
                    self.shared.stage.log(format_args!("lock lost"));
                }
            }
            Op::DeadLetter { nth } => {
                let mut outside = self.outside();
                if let Some(number) = outside.nth(nth, Place::Waits) {
                    outside.queue[number].place = Place::Dead;
                }
            }
            Op::Prune { process } => self.prune(process),
            Op::Remedy { process, remedy, nth } => self.remedy(process, remedy, nth),
            Op::Pause { process, of, switch } => self.pause(process, of, switch),
            Op::Overview => self.overview()?,
            Op::Watch { process } => self.watch(process),
            Op::Work { process, calls } => {
                for _ in 0..calls {
                    if !self.shared.stage.open_of(process) {
                        break;
                    }
                    self.poll();
                }
            }
            Op::Jump { process, ms } => self.processes[process].clock.jump_ms.store(ms, Ordering::Relaxed),
            Op::StoreJump { ms } => {
                self.shared.stage.jump_ms.store(ms, Ordering::Relaxed);
                self.ledger().jumped = true;
            }
            Op::Go { nth, how } => self.shared.stage.open(nth, how),
            Op::Pass { ms } => tokio::time::advance(Duration::from_millis(ms.unsigned_abs())).await,
            Op::Crash { process } => self.crash(process),
            Op::Outage { of, mood } => self.outside().set(of, mood),
        }
        self.poll();
        let broken = self.ledger().broken.pop();
        broken.map_or(Ok(()), Err)
    }

    pub fn poll(&mut self) {
        loop {
            for (actor, ok) in self.actors.poll() {
                if let Some(lock) = actor.lock {
                    self.outside().end(lock, ok);
                }
            }
            let killed = self.outside().killed.pop();
            let Some(process) = killed else { return };
            self.shared.stage.log(format_args!("killed by what it published"));
            self.crash(process);
        }
    }

    fn crash(&mut self, process: usize) {
        self.shared.stage.log(format_args!("crashed {process}"));
        for lock in self.actors.crash(process) {
            self.outside().end(lock, false);
        }
        self.processes[process] = self.start(process);
    }

    fn caller(&mut self, process: usize, flow: impl Future<Output = bool> + Send + 'static) {
        self.actors.start(process, Kind::Caller, None, Box::pin(flow));
    }

    fn book(&mut self, process: usize, client: usize, month: u8, grosze: i64) {
        let at = self.processes[process].clone();
        let (client, period) = (client_id(client), Period::new(2026, month).unwrap());
        self.caller(process, async move {
            let created = write(&at, Command::CreateRecord(client, period, figures(grosze)), None).await;
            if matches!(created, Some(Committed::Refused(_))) {
                let patch = FiguresPatch { vat: Money::from_grosze(grosze), ..FiguresPatch::default() };
                write(&at, Command::PatchRecord(client, period, patch), None).await;
            }
            true
        });
    }

    fn delete(&mut self, process: usize, client: usize, month: u8) {
        let at = self.processes[process].clone();
        let (client, period) = (client_id(client), Period::new(2026, month).unwrap());
        self.caller(process, async move {
            write(&at, Command::DeleteRecord(client, period), None).await;
            true
        });
    }

    fn erase(&mut self, process: usize, client: usize) {
        let (at, client) = (self.processes[process].clone(), client_id(client));
        self.caller(process, async move {
            let records = at.book.books.records(client, None, None).await.ok().flatten();
            for record in records.unwrap_or_default() {
                write(&at, Command::DeleteRecord(client, record.period), None).await;
            }
            write(&at, Command::DeleteClient(client), None).await;
            true
        });
    }

    fn book_once(&mut self, process: usize, key: u8) {
        let (at, ledger) = (self.processes[process].clone(), self.shared.ledger.clone());
        let period = Period::new(2030, key % 12 + 1).unwrap();
        let command = Command::CreateRecord(client_id(usize::from(key) % CLIENTS), period, figures(key.into()));
        self.caller(process, async move {
            if let Some(committed) = write(&at, command, Some(key)).await {
                ledger.lock().unwrap().answer(key, &committed);
            }
            true
        });
    }

    pub fn dispatch(&mut self, process: usize) {
        if self.actors.count(process, Kind::Dispatch) >= 2 {
            return;
        }
        let (at, ledger) = (self.processes[process].clone(), self.shared.ledger.clone());
        let flow: Flow = Box::pin(async move {
            let report = dispatch::dispatch(&at.dispatch).await;
            at.beats[0].beat(None, report.store_error.as_deref()).await;
            if report.panicked {
                ledger.lock().unwrap().broken.push(format!("panicked: {report:?}"));
            }
            true
        });
        self.actors.start(process, Kind::Dispatch, None, flow);
    }

    pub fn retry(&mut self, process: usize) {
        if self.actors.count(process, Kind::Retry) >= 2 {
            return;
        }
        let at = self.processes[process].clone();
        let flow: Flow = Box::pin(async move {
            let report = retry_mails::retry(&at.notify).await;
            at.beats[1].beat(None, report.store_error.as_deref()).await;
            true
        });
        self.actors.start(process, Kind::Retry, None, flow);
    }

    pub fn deliver(&mut self, process: usize, nth: usize) {
        let mut outside = self.outside();
        let Some(number) = outside.nth(nth, Place::Waits) else { return };
        let (lock, delivery) = (outside.lock(number), outside.queue[number].delivery.clone());
        drop(outside);
        let at = self.processes[process].clone();
        let flow: Flow = Box::pin(async move { notify::take_in(&at.notify, delivery).await.is_ok() });
        self.actors.start(process, Kind::Deliver, Some(lock), flow);
    }

    fn again(&mut self, process: usize, nth: usize) {
        let outside = self.outside();
        let Some(number) = outside.nth(nth, Place::Done) else { return };
        let delivery = outside.queue[number].delivery.clone();
        drop(outside);
        let at = self.processes[process].clone();
        let flow: Flow = Box::pin(async move { notify::take_in(&at.notify, delivery).await.is_ok() });
        self.actors.start(process, Kind::Deliver, None, flow);
    }
}

fn client_id(client: usize) -> ClientId {
    ClientId(i64::try_from(client).unwrap() + 1)
}

fn figures(grosze: i64) -> Figures {
    let amount = Money::from_grosze(grosze).unwrap();
    Figures { income_tax: amount, vat: amount, insurance_amount: amount }
}

/// None: the caller got no answer, or that the store is not there.
async fn write(at: &Process, command: Command, key: Option<u8>) -> Option<Committed> {
    let idempotency = key.map(|key| {
        let key = format!("key {key}");
        (IdempotencyKey::parse(&key).unwrap(), Fingerprint::of("POST", &key, None, b""))
    });
    book::book(&at.book, WriteRequest { command, if_match: None, idempotency, headers: Headers::default() }).await.ok()
}
