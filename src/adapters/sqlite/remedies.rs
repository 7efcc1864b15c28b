//! Remedies with a dry run, and pauses, on SQLite.

use super::{Sqlite, pauses, remedy_plan, remedy_run, take_in};
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
use rusqlite::{Connection, OptionalExtension, named_params};

#[async_trait]
impl Remedies for Sqlite {
    async fn destinations(&self) -> StoreResult<Vec<String>> {
        self.read("read destinations", |tx, _| {
            let mut names = tx.prepare_cached(include_str!("sql/pause_names.sql"))?;
            names.query_map([], |row| row.text("Name"))?.collect()
        })
        .await
    }

    async fn plan(&self, request: &RemedyRequest, rules: &RemedyRules, token: &str) -> StoreResult<Plan> {
        let (request, rules, token) = (request.clone(), rules.clone(), token.to_owned());
        self.write_alone("plan a remedy", move |tx, now| remedy_plan::plan(tx, now, &request, &rules, &token)).await
    }

    async fn planned(&self, token: &str) -> StoreResult<Option<(RemedyRequest, Option<RemedyReport>)>> {
        let token = token.to_owned();
        self.read("read a plan", move |tx, now| remedy_run::planned(tx, now, &token)).await
    }

    async fn run(&self, token: &str, rules: &RemedyRules, by: &Signature) -> StoreResult<Ran> {
        let (token, rules, by) = (token.to_owned(), rules.clone(), by.clone());
        self.write_alone("run a remedy", move |tx, now| remedy_run::run(tx, now, &token, &rules, &by)).await
    }

    async fn store_report(&self, token: &str, report: &RemedyReport) -> StoreResult<()> {
        let (token, report) = (token.to_owned(), report.clone());
        self.write("store a report", move |tx, _| remedy_run::store_report(tx, &token, &report).map(drop)).await
    }

    async fn take_in(
        &self,
        consumer: &str,
        delivery: &Delivery,
        addressee: &Addressee,
        refused: Option<&str>,
        by: &Signature,
    ) -> StoreResult<TakenIn> {
        let (consumer, delivery, addressee, by) =
            (consumer.to_owned(), delivery.clone(), addressee.clone(), by.clone());
        let refused = refused.map(str::to_owned);
        self.write("take in a dead letter", move |tx, now| {
            take_in::take_in(tx, now, &consumer, &delivery, &addressee, refused.as_deref(), &by)
        })
        .await
    }

    async fn change_pause(&self, request: &PauseRequest, by: &Signature) -> StoreResult<Option<PauseReport>> {
        let (request, by) = (request.clone(), by.clone());
        self.write(request.action.name(), move |tx, now| pauses::change(tx, now, &request, &by)).await
    }

    async fn answer_of(&self, key: &str) -> StoreResult<Option<(String, String)>> {
        let key = idempotency::operators_key(key);
        self.read("read an answer", move |tx, now| answer(tx, now, &key)).await
    }

    async fn store_answer(&self, key: &str, fingerprint: &str, answer_text: &str) -> StoreResult<()> {
        let (key, fingerprint, text) =
            (idempotency::operators_key(key), fingerprint.to_owned(), answer_text.to_owned());
        let lifetime_ms = self.key_lifetime_ms();
        self.write("store an answer", move |tx, now| {
            if answer(tx, now, &key)?.is_some() {
                return Ok(());
            }
            let mut store = tx.prepare_cached(include_str!("sql/books_store_key.sql"))?;
            store
                .execute(named_params! {
                    ":key": key,
                    ":fingerprint": fingerprint,
                    ":answer": text,
                    ":expires": now + lifetime_ms,
                })
                .map(drop)
        })
        .await
    }
}

fn answer(db: &Connection, now: i64, key: &str) -> rusqlite::Result<Option<(String, String)>> {
    let mut find = db.prepare_cached(include_str!("sql/books_find_key.sql"))?;
    let found = |row: &rusqlite::Row<'_>| Ok((row.own_text("Fingerprint")?, row.own_text("Answer")?));
    find.query_row(named_params! { ":key": key, ":now": now }, found).optional()
}
