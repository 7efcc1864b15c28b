//! The store as one process of a simulation sees it: each call waits at a gate, and its request or its answer may be lost.

use super::{database::Database, ledger::Ledger, op::How, outside::Outside, stage::Stage};
use async_trait::async_trait;
use client_organizer::{
    app::Stores,
    domain::{
        booking::Entry,
        client::Client,
        delivery::{Delivery, MailWork, OnDoubt},
        ids::{ClientId, LeaseToken},
        mail_settlement::MailSettlement,
        outbox::{BreakerChange, Claim, ClaimMode, Claimed, Settle, Settled},
        period::Period,
        recipient::Addressee,
        record::FinancialRecord,
        route::Routes,
    },
    ports::{
        books::{Books, Committed},
        breaker::{BreakerState, Breakers},
        error::{StoreError, StoreResult},
        inbox::{Alike, Begun, Doubted, Inbox, Lease},
        outbox::{Outbox, Routed, Waiting},
        retention::{Prunable, Retention},
    },
};
use std::{
    future::Future,
    sync::{Arc, Mutex},
};

#[derive(Clone)]
pub struct GatedStore {
    pub inner: Stores,
    /// Another program's look at the same rows.
    pub database: Arc<Database>,
    pub stage: Arc<Stage>,
    pub ledger: Arc<Mutex<Ledger>>,
    pub outside: Arc<Mutex<Outside>>,
    pub process: usize,
}

const LOST: &str = "decided by the seed";

/// What a lost answer leaves open.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Nothing: it only reads.
    Reads,
    /// Whether it was done.
    Writes,
}

/// What pruning could delete.
const ROWS: &str = "SELECT Destination, Id, State, Subject, Seq FROM OutboxMessages WHERE State IN (2, 3, 4)";

impl GatedStore {
    fn mail_settled(&self, message_id: &str, settlement: &MailSettlement, settled: Settled) {
        let mut ledger = self.ledger.lock().unwrap();
        let name = ledger.name_of(message_id);
        self.stage.log(format_args!("settled {settled:?} {name} {:?}", settlement.columns().state));
        if settled == Settled::Applied {
            ledger.mail_settled(message_id, settlement, self.stage.moment());
        }
    }

    /// What was leased although an operator or a breaker had stopped it.
    fn stopped(&self, name: &str, probe: bool) -> Option<String> {
        let (now, open) = (self.stage.store_now_ms(), if probe { "0" } else { "OpenUntil IS NOT NULL" });
        let stopped =
            format!("SELECT count(*) FROM Destinations WHERE Name = '{name}' AND (PausedUntilUtc > {now} OR {open})");
        (self.database.number(&stopped) > 0).then(|| format!("leased while it was stopped: {name}"))
    }

    /// Every fifth settle is made once more, as after an answer that was lost.
    fn repeats(&self) -> bool {
        self.stage.moment().is_multiple_of(5)
    }

    fn same<T: PartialEq + std::fmt::Debug>(&self, first: &T, again: &T) {
        if first != again {
            self.ledger.lock().unwrap().broken.push(format!("a repeated settle: {first:?} and then {again:?}"));
        }
    }

    pub async fn call<T: std::fmt::Debug>(
        &self,
        step: &'static str,
        call: Call,
        work: impl Future<Output = StoreResult<T>> + Send,
    ) -> StoreResult<T> {
        let (reason, source) = (LOST.to_owned(), None);
        let how = self.stage.gate(self.process, step).await;
        match how {
            How::RequestLost => return Err(StoreError::Unavailable { step, reason, source }),
            How::Locked if call == Call::Writes => return Err(StoreError::Locked { step, reason, source }),
            How::Well | How::Locked | How::Mixed(_) | How::AnswerLost | How::Slow => {}
        }
        let answer = self.stage.run(work);
        match how {
            How::AnswerLost if call == Call::Writes => Err(StoreError::Unknown { step, reason, source }),
            How::AnswerLost => Err(StoreError::Unavailable { step, reason, source }),
            How::Slow => {
                self.stage.gate(self.process, "answer").await;
                answer
            }
            How::Well | How::RequestLost | How::Locked | How::Mixed(_) => answer,
        }
    }
}

#[async_trait]
impl Books for GatedStore {
    async fn commit(&self, entry: &Entry) -> StoreResult<Committed> {
        let commit = async {
            let committed = self.inner.books.commit(entry).await;
            if let Ok(committed) = &committed {
                self.ledger.lock().unwrap().committed(entry, committed, self.stage.moment());
            }
            committed
        };
        self.call("commit", Call::Writes, commit).await
    }
    async fn client(&self, id: ClientId) -> StoreResult<Option<Client>> {
        self.call("client", Call::Reads, self.inner.books.client(id)).await
    }
    async fn clients(&self, after: i64, limit: u32) -> StoreResult<Vec<Client>> {
        self.call("clients", Call::Reads, self.inner.books.clients(after, limit)).await
    }
    async fn record(&self, id: ClientId, period: Period) -> StoreResult<Option<FinancialRecord>> {
        self.call("record", Call::Reads, self.inner.books.record(id, period)).await
    }
    async fn records(
        &self,
        id: ClientId,
        year: Option<u16>,
        month: Option<u8>,
    ) -> StoreResult<Option<Vec<FinancialRecord>>> {
        self.call("records", Call::Reads, self.inner.books.records(id, year, month)).await
    }
}

#[async_trait]
impl Outbox for GatedStore {
    async fn ensure_destinations(&self, names: &[String]) -> StoreResult<()> {
        self.call("ensure", Call::Writes, self.inner.outbox.ensure_destinations(names)).await
    }
    async fn route(&self, routes: &Routes, rows_max: u32) -> StoreResult<Routed> {
        self.call("route", Call::Writes, self.inner.outbox.route(routes, rows_max)).await
    }
    async fn waiting(&self, routes: &Routes) -> StoreResult<Waiting> {
        self.call("waiting", Call::Reads, self.inner.outbox.waiting(routes)).await
    }
    async fn holders(&self) -> Vec<String> {
        self.inner.outbox.holders().await
    }
    async fn claim(&self, claim: &Claim) -> StoreResult<Claimed> {
        let claiming = async {
            let claimed = self.inner.outbox.claim(claim).await;
            if let Ok(claimed) = &claimed {
                let mut ledger = self.ledger.lock().unwrap();
                let names: Vec<_> = claimed.rows.iter().map(|row| (ledger.name_of(&row.id), row.claims)).collect();
                self.stage.log(format_args!("claimed {names:?} of {} {:?}", claim.destination, claim.mode));
                ledger.claimed(&claim.destination.to_string(), claimed, self.stage.moment());
                if !claimed.rows.is_empty() {
                    ledger.broken.extend(self.stopped(&claim.destination.to_string(), claim.mode == ClaimMode::Probe));
                }
            }
            claimed
        };
        self.call("claim", Call::Writes, claiming).await
    }
    async fn settle(&self, settle: &Settle) -> StoreResult<Vec<Settled>> {
        let settling = async {
            let settled = self.inner.outbox.settle(settle).await?;
            self.stage.log(format_args!("settled {settled:?}"));
            self.ledger.lock().unwrap().settled(settle, &settled, self.stage.store_now_ms());
            if self.repeats() {
                self.same(&settled, &self.inner.outbox.settle(settle).await?);
            }
            Ok(settled)
        };
        self.call("settle", Call::Writes, settling).await
    }
    async fn dead_letter(&self, destination: &str, reason: &str, rows_max: u32) -> StoreResult<u32> {
        self.call("dead letter", Call::Writes, self.inner.outbox.dead_letter(destination, reason, rows_max)).await
    }
}

#[async_trait]
impl Breakers for GatedStore {
    async fn breaker(&self, name: &str) -> StoreResult<BreakerState> {
        self.call("breaker", Call::Reads, self.inner.breakers.breaker(name)).await
    }
    async fn take_probe(&self, name: &str, token: LeaseToken, lease_ms: i64) -> StoreResult<bool> {
        self.call("take probe", Call::Writes, self.inner.breakers.take_probe(name, token, lease_ms)).await
    }
    async fn give_back_probe(&self, name: &str, token: LeaseToken) -> StoreResult<()> {
        self.call("give back probe", Call::Writes, self.inner.breakers.give_back_probe(name, token)).await
    }
    async fn change(&self, name: &str, token: LeaseToken, change: &BreakerChange) -> StoreResult<()> {
        self.call("change breaker", Call::Writes, self.inner.breakers.change(name, token, change)).await
    }
}

#[async_trait]
impl Inbox for GatedStore {
    async fn begin(
        &self,
        consumer: &str,
        delivery: &Delivery,
        addressee: &Addressee,
        lease: &Lease,
    ) -> StoreResult<Begun> {
        let beginning = async {
            let begun = self.inner.inbox.begin(consumer, delivery, addressee, lease).await?;
            if matches!(begun, Begun::Ours(_)) {
                self.ledger.lock().unwrap().broken.extend(self.stopped(&lease.provider, false));
            }
            Ok(begun)
        };
        self.call("begin", Call::Writes, beginning).await
    }
    async fn refuse(
        &self,
        consumer: &str,
        provider: &str,
        delivery: &Delivery,
        addressee: &Addressee,
        reason: &str,
    ) -> StoreResult<()> {
        let refuse = self.inner.inbox.refuse(consumer, provider, delivery, addressee, reason);
        self.call("refuse", Call::Writes, refuse).await
    }
    async fn expire(
        &self,
        consumer: &str,
        provider: &str,
        on_doubt: OnDoubt,
        rows_max: u32,
    ) -> StoreResult<Vec<Doubted>> {
        self.call("expire", Call::Writes, self.inner.inbox.expire(consumer, provider, on_doubt, rows_max)).await
    }
    async fn take_due(&self, consumer: &str, lease: &Lease, probe: bool, rows_max: u32) -> StoreResult<Vec<MailWork>> {
        let taking = async {
            let works = self.inner.inbox.take_due(consumer, lease, probe, rows_max).await?;
            if !works.is_empty() {
                self.ledger.lock().unwrap().broken.extend(self.stopped(&lease.provider, probe));
            }
            Ok(works)
        };
        self.call("take due", Call::Writes, taking).await
    }
    async fn take_query(&self, message_id: &str, queries: &Lease) -> StoreResult<Option<i64>> {
        self.call("take query", Call::Writes, self.inner.inbox.take_query(message_id, queries)).await
    }
    async fn settle(
        &self,
        consumer: &str,
        message_id: &str,
        token: LeaseToken,
        settlement: &MailSettlement,
        provider: &str,
        provider_met: bool,
    ) -> StoreResult<Settled> {
        let settle = || self.inner.inbox.settle(consumer, message_id, token, settlement, provider, provider_met);
        let settling = async {
            let settled = settle().await?;
            self.mail_settled(message_id, settlement, settled);
            if self.repeats() {
                self.same(&settled, &settle().await?);
            }
            Ok(settled)
        };
        self.call("settle mail", Call::Writes, settling).await
    }
    async fn settle_alike(
        &self,
        consumer: &str,
        message_id: &str,
        token: LeaseToken,
        refused: &MailSettlement,
        alike: &Alike,
    ) -> StoreResult<(Settled, u32)> {
        let settle = || self.inner.inbox.settle_alike(consumer, message_id, token, refused, alike);
        let settling = async {
            let settled = settle().await?;
            self.mail_settled(message_id, refused, settled.0);
            if self.repeats() {
                let again = settle().await?;
                self.same(&(settled.0, settled.1 > 0), &(again.0, again.1 > 0));
            }
            Ok(settled)
        };
        self.call("settle mail", Call::Writes, settling).await
    }
}

#[async_trait]
impl Retention for GatedStore {
    async fn prune(&self, what: Prunable, rows_max: u32) -> StoreResult<u32> {
        let pruning = async {
            if !matches!(what, Prunable::FinishedRows { .. } | Prunable::ErasedRows { .. }) {
                return self.inner.retention.prune(what, rows_max).await;
            }
            let before = self.database.rows(ROWS);
            let rows = self.inner.retention.prune(what, rows_max).await?;
            let after = self.database.rows(ROWS);
            for row in before.iter().filter(|row| !after.contains(row)) {
                self.stage.log(format_args!("pruned {what:?}"));
                self.ledger.lock().unwrap().pruned((row[0].clone(), row[1].clone()), &row[2], &row[3]);
            }
            Ok(rows)
        };
        self.call("prune", Call::Writes, pruning).await
    }
}
