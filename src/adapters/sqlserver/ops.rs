//! Operators' queries and remedies on SQL Server.

use super::{
    db::{SqlServer, read},
    ops_copy, ops_mail, ops_read,
    ops_record::signed,
    ops_remedies,
    outbox::NOW,
    rows,
    statement::Statement,
};
use crate::{
    domain::{
        delivery::{Delivery, MailState},
        mail_remedy::MailRemedy,
        recipient::{Addressee, RecipientHash},
        remedy::Remedy,
    },
    ports::{
        error::StoreResult,
        ops::{
            Found, MailRow, Ops, OutboxRow, RemedyRow, ReplayRules, RequeueRules, RowFilter, Selection, Signature,
            Status, TakenIn,
        },
    },
};
use async_trait::async_trait;

const KNOWN: &str = include_str!("sql/ops_destination_known.sql");
const PAUSE: &str = include_str!("sql/ops_pause.sql");
const RESUME: &str = include_str!("sql/ops_resume.sql");
const CHANGED: &str = include_str!("sql/ops_changed.sql");

#[async_trait]
impl Ops for SqlServer {
    async fn status(&self, routed_types: &[String]) -> StoreResult<Status> {
        ops_read::status(self, routed_types).await
    }

    async fn list(&self, filter: &RowFilter) -> StoreResult<Vec<OutboxRow>> {
        ops_read::list(self, filter).await
    }

    async fn find(&self, consumer: &str, text: &str) -> StoreResult<Option<Found>> {
        ops_read::find(self, consumer, text).await
    }

    async fn show(&self, id: &str) -> StoreResult<Vec<OutboxRow>> {
        ops_read::show(self, id).await
    }

    async fn requeue(&self, what: &Selection, rules: RequeueRules, by: &Signature) -> StoreResult<Vec<RemedyRow>> {
        ops_remedies::again(self, what, Remedy::Requeue, &rules, by).await
    }

    async fn replay(&self, what: &Selection, rules: ReplayRules, by: &Signature) -> StoreResult<Vec<RemedyRow>> {
        if rules.force {
            ops_copy::copies(self, what, &rules.requeue, by).await
        } else {
            ops_remedies::again(self, what, Remedy::Replay, &rules.requeue, by).await
        }
    }

    async fn discard(&self, what: &Selection, by: &Signature) -> StoreResult<Vec<RemedyRow>> {
        ops_remedies::discard(self, what, by).await
    }

    async fn pause(&self, name: &str, by: &Signature) -> StoreResult<bool> {
        destination(self, "pause", PAUSE, name, by).await
    }

    async fn resume(&self, name: &str, by: &Signature) -> StoreResult<bool> {
        destination(self, "resume", RESUME, name, by).await
    }

    async fn mail_list(&self, consumer: &str, state: Option<MailState>, limit: u32) -> StoreResult<Vec<MailRow>> {
        ops_mail::list(self, consumer, state, limit).await
    }

    async fn mail_show(&self, consumer: &str, id: &str) -> StoreResult<Option<MailRow>> {
        ops_mail::show(self, consumer, id).await
    }

    async fn mail_of(&self, consumer: &str, recipient: &RecipientHash, limit: u32) -> StoreResult<Vec<MailRow>> {
        ops_mail::of_recipient(self, consumer, recipient, limit).await
    }

    async fn mail_resend(&self, consumer: &str, id: &str, by: &Signature) -> StoreResult<Result<(), String>> {
        ops_mail::remedy(self, consumer, id, MailRemedy::Resend, by).await
    }

    async fn mail_take_in(
        &self,
        consumer: &str,
        delivery: &Delivery,
        addressee: &Addressee,
        refused: Option<&str>,
        by: &Signature,
    ) -> StoreResult<TakenIn> {
        ops_mail::take_in(self, consumer, delivery, addressee, refused, by).await
    }

    async fn mail_assume_sent(&self, consumer: &str, id: &str, by: &Signature) -> StoreResult<Result<(), String>> {
        ops_mail::remedy(self, consumer, id, MailRemedy::AssumeSent, by).await
    }
}

async fn destination(
    db: &SqlServer,
    step: &'static str,
    sql: &'static str,
    name: &str,
    by: &Signature,
) -> StoreResult<bool> {
    let statement = Statement::of(&[NOW, "BEGIN TRAN;", sql, CHANGED, KNOWN])
        .with("name", name.to_owned())
        .with("target", name.to_owned());
    let results = db.execute(step, signed(statement, step, by)).await?;
    Ok(read(step, rows::only_count(&results, "Known"))? > 0)
}
