//! The inbox on SQL Server.

use super::{
    db::{SqlServer, millis, read},
    error_numbers::RACES,
    errors::{self, odd},
    history,
    outbox::NOW,
    rate_limit, rows,
    session::Results,
    statement::Statement,
};
use crate::{
    adapters::columns::{Columns, mail},
    domain::{
        delivery::{Delivery, LEASE_RAN_OUT, MailWork, OnDoubt},
        ids::LeaseToken,
        mail_history::{never_settled, unmailable},
        mail_settlement::MailSettlement,
        mail_verdict::{ALIKE_AMONG, ALIKE_RECIPIENTS, TAKEN_BACK_MAX},
        outbox::{Settled, bounded},
        recipient::Addressee,
    },
    ports::{
        error::StoreResult,
        inbox::{Alike, Begun, Doubted, Inbox, Lease},
    },
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use tiberius::error::Error;

const BEGIN: &str = include_str!("sql/inbox_begin.sql");
const REFUSE: &str = include_str!("sql/inbox_refuse.sql");
const EXPIRE: &str = include_str!("sql/inbox_expire.sql");
const LEASED_BEFORE: &str = include_str!("sql/inbox_leased_before.sql");
const DUE: &str = include_str!("sql/inbox_due.sql");
const TAKE: &str = include_str!("sql/inbox_take.sql");
const SETTLE: &str = include_str!("sql/inbox_settle.sql");
const LOCK_PROVIDER: &str = include_str!("sql/inbox_lock_provider.sql");
const SETTLED: &str = include_str!("sql/inbox_settled.sql");
const REFUSED_ALIKE: &str = include_str!("sql/inbox_refused_alike.sql");
const TAKE_BACK: &str = include_str!("sql/inbox_take_back.sql");
const AT_FAULT: &str = include_str!("sql/inbox_at_fault.sql");
const END: &str = "COMMIT TRAN;";
const IF_NEW: &str = "IF @known = 0\nBEGIN";
const IF_TRIED: &str = "IF EXISTS (SELECT 1 FROM @tried)\nBEGIN";
const END_IF: &str = "END;\nCOMMIT TRAN;";

#[async_trait]
impl Inbox for SqlServer {
    async fn begin(
        &self,
        consumer: &str,
        delivery: &Delivery,
        addressee: &Addressee,
        lease: &Lease,
    ) -> StoreResult<Begun> {
        let step = "take in";
        let statement = Statement::of(&[NOW, rate_limit::ROOM, BEGIN, rate_limit::WAITS, END])
            .with("consumer", consumer.to_owned())
            .with("id", delivery.message_id.clone())
            .with("body", delivery.body.clone())
            .with("traceparent", delivery.traceparent.clone())
            .with("subject", addressee.subject.clone())
            .with("hash", addressee.hash().map(str::to_owned))
            .with("token", lease.token.to_string())
            .with("lease_ms", millis(lease.lease_ms))
            .with("provider", lease.provider.clone())
            .with("enqueued_on", delivery.enqueued_on.map(time_text))
            .repeatable()
            .patient();
        let statement = rate_limit::with_rate_limit(statement, lease);
        read(step, begun(&self.once_more(step, statement).await?, lease))
    }

    async fn refuse(
        &self,
        consumer: &str,
        provider: &str,
        delivery: &Delivery,
        addressee: &Addressee,
        reason: &str,
    ) -> StoreResult<()> {
        let failure = unmailable(provider, reason);
        let statement = Statement::of(&[
            NOW,
            history::TRIED,
            REFUSE,
            IF_NEW,
            history::MAIL_ATTEMPT,
            history::GROUP,
            history::COUNT,
            END_IF,
        ])
        .with("consumer", consumer.to_owned())
        .with("id", delivery.message_id.clone())
        .with("body", delivery.body.clone())
        .with("traceparent", delivery.traceparent.clone())
        .with("subject", addressee.subject.clone())
        .with("hash", addressee.hash().map(str::to_owned))
        .with("reason", bounded(reason))
        .with("fingerprint", failure.fingerprint.clone())
        .with("enqueued_on", delivery.enqueued_on.map(time_text));
        let statement = history::with(statement, self.instance(), provider, [&failure]).repeatable().patient();
        self.once_more("refuse a message", statement).await.map(drop)
    }

    async fn expire(
        &self,
        consumer: &str,
        provider: &str,
        on_doubt: OnDoubt,
        rows_max: u32,
    ) -> StoreResult<Vec<Doubted>> {
        let step = "expire leases of mails";
        let failure = never_settled(provider);
        let statement = Statement::of(&[
            NOW,
            history::TRIED,
            EXPIRE,
            IF_TRIED,
            history::MAIL_ATTEMPT,
            history::GROUP,
            history::COUNT,
            END_IF,
        ])
        .with("consumer", consumer.to_owned())
        .with("resend", i32::from(on_doubt == OnDoubt::Resend))
        .with("reason", LEASE_RAN_OUT.to_owned())
        .with("fingerprint", failure.fingerprint.clone())
        .with("rows_max", i64::from(rows_max));
        let statement = history::with(statement, self.instance(), provider, [&failure]).repeatable();
        let results = self.execute(step, statement).await?;
        let doubted: Result<Vec<_>, _> = rows::having(&results, "Traceparent").map(mail::doubted).collect();
        let mut doubted = read(step, doubted)?;
        doubted.sort_unstable();
        Ok(doubted)
    }

    async fn take_due(&self, consumer: &str, lease: &Lease, probe: bool, rows_max: u32) -> StoreResult<Vec<MailWork>> {
        let step = "lease due mails";
        let statement = Statement::of(&[NOW, LEASED_BEFORE, rate_limit::ROOM, DUE, rate_limit::WAITS, TAKE])
            .with("consumer", consumer.to_owned())
            .with("provider", lease.provider.clone())
            .with("probe", i32::from(probe))
            .with("token", lease.token.to_string())
            .with("lease_ms", millis(lease.lease_ms))
            .with("rows_max", i64::from(rows_max))
            .with("status_queries", i32::from(lease.status_queries))
            .repeatable();
        let statement = rate_limit::with_rate_limit(statement, lease);
        read(step, taken(&self.once_more(step, statement).await?, lease.token))
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
        let settlement = Settlement { consumer, message_id, token, how: settlement, provider, provider_met };
        let parts = [NOW, history::TRIED, rate_limit::SETTLE, SETTLE];
        let statement = settlement.statement(&[&parts[..], &PAST, &[SETTLED]].concat(), self.instance());
        settled(&self.once_more(SETTLE_STEP, statement).await?)
    }

    async fn take_query(&self, message_id: &str, queries: &Lease) -> StoreResult<Option<i64>> {
        if !queries.rate_limit.is_limited() {
            return Ok(None);
        }
        let step = "lease a status query";
        let statement = Statement::of(&[NOW, rate_limit::ROOM, rate_limit::QUERY])
            .with("provider", queries.provider.clone())
            .with("id", message_id.to_owned())
            .with("token", queries.token.to_string())
            .with("lease_ms", millis(queries.lease_ms))
            .repeatable();
        let statement = rate_limit::with_rate_limit(statement, queries);
        read(step, rate_limit::room_in_ms(&self.once_more(step, statement).await?))
    }

    async fn settle_alike(
        &self,
        consumer: &str,
        message_id: &str,
        token: LeaseToken,
        refused: &MailSettlement,
        alike: &Alike,
    ) -> StoreResult<(Settled, u32)> {
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let provider = &alike.provider;
        let settlement = Settlement { consumer, message_id, token, how: refused, provider, provider_met: true };
        let parts = [NOW, history::TRIED, rate_limit::SETTLE, LOCK_PROVIDER, SETTLE, REFUSED_ALIKE, TAKE_BACK];
        let statement = settlement
            .statement(&[&parts[..], &PAST, &[AT_FAULT, SETTLED]].concat(), self.instance())
            .with("back_ms", millis(alike.delay_ms))
            .with("alike", alike.fingerprint.clone())
            .with("recipients", number(ALIKE_RECIPIENTS))
            .with("times", number(TAKEN_BACK_MAX))
            .with("newest", number(ALIKE_AMONG));
        let results = self.once_more(SETTLE_STEP, statement).await?;
        let back = read(SETTLE_STEP, rows::only_count(&results, "Back"))?;
        Ok(if back > 0 { (Settled::Applied, back) } else { (settled(&results)?, 0) })
    }
}

const SETTLE_STEP: &str = "settle a mail";
/// What a settlement adds to the past.
const PAST: [&str; 3] = [history::MAIL_ATTEMPT, history::GROUP, history::COUNT];

struct Settlement<'a> {
    consumer: &'a str,
    message_id: &'a str,
    token: LeaseToken,
    how: &'a MailSettlement,
    provider: &'a str,
    provider_met: bool,
}

impl Settlement<'_> {
    fn statement(&self, parts: &[&str], instance: &str) -> Statement {
        let (columns, met) = (self.how.columns(), self.provider_met);
        let failure = self.how.failure(self.provider, met);
        let number = |n: i64| i32::try_from(n).unwrap_or_default();
        let statement = Statement::of(parts)
            .with("consumer", self.consumer.to_owned())
            .with("id", self.message_id.to_owned())
            .with("token", self.token.to_string())
            .with("state", number(columns.state as i64))
            .with("delay_ms", columns.delay_ms.map(millis))
            .with("error", columns.error.map(bounded))
            .with("provider", columns.provider.map(str::to_owned))
            .with("reference", columns.reference.map(str::to_owned))
            .with("recipient_failed", i32::from(columns.recipient_failed))
            .with("doubted", i32::from(columns.doubted))
            .with("not_found", i32::from(columns.not_found))
            .with("unsent", i32::from(!met))
            .with("fingerprint", failure.as_ref().map(|failure| failure.fingerprint.clone()))
            .with("attempt", i32::from(self.how.is_attempt(met)))
            .with("bucket", self.how.bucket(met).map(number));
        history::with(statement, instance, self.provider, &failure).repeatable()
    }
}

fn settled(results: &Results) -> StoreResult<Settled> {
    let applied = read(SETTLE_STEP, rows::only_count(results, "Applied"))?;
    Ok(if applied == 1 { Settled::Applied } else { Settled::LeaseLost })
}

impl SqlServer {
    /// Repeats a statement that lost a race. On a server that ignores HOLDLOCK, two first deliveries of a message both
    /// insert it, and two first mails of a provider insert its row; the repeat then finds the row.
    pub(super) async fn once_more(&self, step: &'static str, statement: Statement) -> StoreResult<Results> {
        match self.execute(step, statement.clone()).await {
            Err(error) if errors::code(&error).is_some_and(|code| RACES.contains(&code)) => {
                self.execute(step, statement).await
            }
            done => done,
        }
    }
}

/// As a datetime2 reads it, in UTC.
fn time_text(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

fn begun(results: &Results, lease: &Lease) -> Result<Begun, Error> {
    let row = rows::having(results, "State").next().ok_or_else(|| odd("the message is missing"))?;
    mail::begun(row, lease.token, row.time("CurrentUtc")?)
}

/// OUTPUT has no order, so the mails are sorted by when they were due.
fn taken(results: &Results, token: LeaseToken) -> Result<Vec<MailWork>, Error> {
    let mut was_due = BTreeMap::new();
    let mut now = None;
    for row in rows::having(results, "TakenId") {
        was_due.insert(row.text("TakenId")?, row.time("WasDueAt")?);
        now = Some(row.time("CurrentUtc")?);
    }
    let mut works = Vec::new();
    for row in rows::having(results, "MessageId") {
        let work = mail::work(row, token, now.ok_or_else(|| odd("the time is missing"))?)?;
        works.push((was_due.get(&work.message_id).copied(), work));
    }
    works.sort_by(|(a_due, a), (b_due, b)| (a_due, &a.message_id).cmp(&(b_due, &b.message_id)));
    Ok(works.into_iter().map(|(_, work)| work).collect())
}
