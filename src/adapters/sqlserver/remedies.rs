//! Remedies with a dry run, and pauses, on SQL Server.

use super::{
    SqlServer,
    books_write::{FIND_KEY, LOCK_KEY, STORE_KEY, lock_name},
    db::read,
    outbox::NOW,
    pauses, remedy_plan, remedy_run, rows,
    statement::Statement,
    take_in,
};
use crate::{
    adapters::columns::Columns,
    domain::{
        delivery::Delivery,
        idempotency,
        operations::{PauseReport, PauseRequest, Plan, RemedyReport, RemedyRequest, Signature},
        recipient::Addressee,
    },
    ports::{
        error::StoreResult,
        operations::{Ran, Remedies, RemedyRules, TakenIn},
    },
};
use async_trait::async_trait;
use tiberius::{Row, error::Error};

#[async_trait]
impl Remedies for SqlServer {
    async fn destinations(&self) -> StoreResult<Vec<String>> {
        pauses::names(self).await
    }

    async fn plan(&self, request: &RemedyRequest, rules: &RemedyRules, token: &str) -> StoreResult<Plan> {
        remedy_plan::plan(self, request, rules, token).await
    }

    async fn planned(&self, token: &str) -> StoreResult<Option<(RemedyRequest, Option<RemedyReport>)>> {
        Ok(remedy_run::planned(self, token).await?.map(|planned| (planned.request, planned.report)))
    }

    async fn run(&self, token: &str, rules: &RemedyRules, by: &Signature) -> StoreResult<Ran> {
        remedy_run::run(self, token, rules, by).await
    }

    async fn store_report(&self, token: &str, report: &RemedyReport) -> StoreResult<()> {
        remedy_run::store_report(self, token, report).await
    }

    async fn take_in(
        &self,
        consumer: &str,
        delivery: &Delivery,
        addressee: &Addressee,
        refused: Option<&str>,
        by: &Signature,
    ) -> StoreResult<TakenIn> {
        take_in::take_in(self, consumer, delivery, addressee, refused, by).await
    }

    async fn change_pause(&self, request: &PauseRequest, by: &Signature) -> StoreResult<Option<PauseReport>> {
        pauses::change(self, request, by).await
    }

    async fn answer_of(&self, key: &str) -> StoreResult<Option<(String, String)>> {
        let step = "read an answer";
        let statement = Statement::of(&[NOW, FIND_KEY]).with("key", idempotency::operators_key(key));
        let results = self.query(step, statement).await?;
        let answer = |row: &Row| Ok::<_, Error>((row.own_text("Fingerprint")?, row.own_text("Answer")?));
        read(step, rows::having(&results, "Fingerprint").next().map(answer).transpose())
    }

    async fn store_answer(&self, key: &str, fingerprint: &str, answer: &str) -> StoreResult<()> {
        let key = idempotency::operators_key(key);
        let statement = Statement::of(&[NOW, "BEGIN TRAN;", LOCK_KEY, STORE_KEY, "COMMIT TRAN;"])
            .with("lock", lock_name(&key))
            .with("key", key)
            .with("fingerprint", fingerprint.to_owned())
            .with("answer", answer.to_owned())
            .with("lifetime_s", i32::try_from(self.key_lifetime_ms() / 1_000).unwrap_or(i32::MAX))
            .repeatable();
        self.execute("store an answer", statement).await.map(drop)
    }
}
