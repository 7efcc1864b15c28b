//! What operators use, as one process of a simulation sees it: remedies, pauses, and the queue's dead letters.

use super::{
    ledger::Row,
    op::How,
    outside::{Place, Way},
    store::{Call, GatedStore},
};
use async_trait::async_trait;
use client_organizer::{
    domain::{
        delivery::Delivery,
        operations::{
            AuditEntry, AuditFilter, FailureGroup, GroupFilter, MailFilter, MailLine, MessageFilter, MessageLine,
            Overview, Page, PauseReport, PauseRequest, Plan, RemedyReport, RemedyRequest, Signature,
        },
        recipient::Addressee,
        route::Destination,
    },
    ports::{
        dead_letters::{DeadLetter, DeadLetterQueue, DeadLetters},
        error::StoreResult,
        operations::{
            Heartbeats, OverviewQuery, PageRequest, Ran, Remedies, RemedyRules, Reports, StoredMessage, TakenIn,
        },
    },
};

#[async_trait]
impl Remedies for GatedStore {
    async fn destinations(&self) -> StoreResult<Vec<String>> {
        self.call("destinations", Call::Reads, self.inner.remedies.destinations()).await
    }
    async fn plan(&self, request: &RemedyRequest, rules: &RemedyRules, token: &str) -> StoreResult<Plan> {
        self.call("plan", Call::Writes, self.inner.remedies.plan(request, rules, token)).await
    }
    async fn planned(&self, token: &str) -> StoreResult<Option<(RemedyRequest, Option<RemedyReport>)>> {
        self.call("planned", Call::Reads, self.inner.remedies.planned(token)).await
    }
    async fn run(&self, token: &str, rules: &RemedyRules, by: &Signature) -> StoreResult<Ran> {
        let running = async {
            let planned = self.inner.remedies.planned(token).await?;
            let ran = self.inner.remedies.run(token, rules, by).await?;
            if let (Some((request, _)), Ran::Now(report)) = (planned, &ran) {
                let how = if report.done > 0 { "remedied" } else { "not remedied" };
                self.stage.log(format_args!("{how} {} {:?}", report.done, request.action));
                let outside = self.outside.lock().unwrap();
                let dropped = |row: &Row| outside.drops(row, self.stage.now_ms());
                self.ledger.lock().unwrap().remedied(&request.action, report, self.stage.moment(), dropped);
            }
            Ok(ran)
        };
        self.call("run remedy", Call::Writes, running).await
    }
    async fn store_report(&self, token: &str, report: &RemedyReport) -> StoreResult<()> {
        self.call("store report", Call::Writes, self.inner.remedies.store_report(token, report)).await
    }
    async fn take_in(
        &self,
        consumer: &str,
        delivery: &Delivery,
        addressee: &Addressee,
        refused: Option<&str>,
        by: &Signature,
    ) -> StoreResult<TakenIn> {
        let taking = async {
            let taken = self.inner.remedies.take_in(consumer, delivery, addressee, refused, by).await?;
            self.ledger.lock().unwrap().audits("take in", u64::from(taken == TakenIn::New));
            Ok(taken)
        };
        self.call("take in", Call::Writes, taking).await
    }
    async fn change_pause(&self, request: &PauseRequest, by: &Signature) -> StoreResult<Option<PauseReport>> {
        let pausing = async {
            let report = self.inner.remedies.change_pause(request, by).await?;
            self.ledger
                .lock()
                .unwrap()
                .audits(request.action.name(), report.as_ref().map_or(0, |report| report.changed));
            Ok(report)
        };
        self.call("pause", Call::Writes, pausing).await
    }
    async fn answer_of(&self, key: &str) -> StoreResult<Option<(String, String)>> {
        self.call("answer of", Call::Reads, self.inner.remedies.answer_of(key)).await
    }
    async fn store_answer(&self, key: &str, fingerprint: &str, answer: &str) -> StoreResult<()> {
        self.call("store answer", Call::Writes, self.inner.remedies.store_answer(key, fingerprint, answer)).await
    }
}

#[async_trait]
impl Reports for GatedStore {
    async fn overview(&self, query: &OverviewQuery) -> StoreResult<Overview> {
        self.call("overview", Call::Reads, self.inner.reports.overview(query)).await
    }
    async fn messages(&self, filter: &MessageFilter, page: &PageRequest) -> StoreResult<Page<MessageLine>> {
        self.call("messages", Call::Reads, self.inner.reports.messages(filter, page)).await
    }
    async fn message(&self, consumer: &str, text: &str) -> StoreResult<Option<StoredMessage>> {
        self.call("message", Call::Reads, self.inner.reports.message(consumer, text)).await
    }
    async fn groups(&self, filter: &GroupFilter, page: &PageRequest) -> StoreResult<Page<FailureGroup>> {
        self.call("groups", Call::Reads, self.inner.reports.groups(filter, page)).await
    }
    async fn mails(&self, consumer: &str, filter: &MailFilter, page: &PageRequest) -> StoreResult<Page<MailLine>> {
        self.call("mails", Call::Reads, self.inner.reports.mails(consumer, filter, page)).await
    }
    async fn audit(&self, filter: &AuditFilter, page: &PageRequest) -> StoreResult<Page<AuditEntry>> {
        self.call("audit", Call::Reads, self.inner.reports.audit(filter, page)).await
    }
    async fn record(&self, action: &str, message_id: &str, by: &Signature) -> StoreResult<()> {
        self.call("record", Call::Writes, self.inner.reports.record(action, message_id, by)).await
    }
}

#[async_trait]
impl Heartbeats for GatedStore {
    async fn beat(&self, function: &str, next_in_ms: i64, error: Option<&str>) -> StoreResult<()> {
        self.call("heartbeat", Call::Writes, self.inner.heartbeats.beat(function, next_in_ms, error)).await
    }
}

#[async_trait]
impl DeadLetters for Way {
    async fn open(&self, _queue: &Destination) -> Result<Box<dyn DeadLetterQueue>, String> {
        match self.stage.gate(self.process, "open dead letters").await {
            How::RequestLost | How::AnswerLost => Err("the queue cannot be read".to_owned()),
            How::Well | How::Slow | How::Locked | How::Mixed(_) => {
                Ok(Box::new(Letters { way: self.clone(), held: Vec::new() }))
            }
        }
    }
}

/// An opened dead-letter queue; what it holds is unlocked when it is closed, or when its process dies.
struct Letters {
    way: Way,
    held: Vec<usize>,
}

#[async_trait]
impl DeadLetterQueue for Letters {
    async fn next(&mut self) -> Result<Option<DeadLetter>, String> {
        let how = self.way.stage.gate(self.way.process, "next dead letter").await;
        if matches!(how, How::RequestLost | How::AnswerLost) {
            return Err("the queue cannot be read any more".to_owned());
        }
        let mut outside = self.way.outside.lock().unwrap();
        let Some(number) = outside.nth(0, Place::Dead) else { return Ok(None) };
        outside.queue[number].place = Place::DeadLocked;
        self.held.push(number);
        Ok(Some(DeadLetter {
            number: self.held.len() - 1,
            sequence_number: i64::try_from(number).ok(),
            delivery: outside.queue[number].delivery.clone(),
            reason: None,
            description: None,
        }))
    }

    async fn remove(&mut self, number: usize) -> Result<(), String> {
        let how = self.way.stage.gate(self.way.process, "remove dead letter").await;
        if how != How::RequestLost {
            self.way.outside.lock().unwrap().queue[self.held[number]].place = Place::Done;
        }
        if matches!(how, How::RequestLost | How::AnswerLost) {
            return Err("the queue did not answer".to_owned());
        }
        Ok(())
    }

    async fn close(self: Box<Self>) {}
}

impl Drop for Letters {
    fn drop(&mut self) {
        let mut outside = self.way.outside.lock().unwrap();
        for number in &self.held {
            if outside.queue[*number].place == Place::DeadLocked {
                outside.queue[*number].place = Place::Dead;
            }
        }
    }
}
