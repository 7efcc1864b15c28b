//! Operators' queries and remedies on SQLite.

use super::{Sqlite, ops_copy, ops_mail, ops_read, ops_record::record, ops_remedies};
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
use rusqlite::{Connection, named_params};

#[async_trait]
impl Ops for Sqlite {
    async fn status(&self, routed_types: &[String]) -> StoreResult<Status> {
        let routed_types = routed_types.to_vec();
        self.read("status", move |tx, now| ops_read::status(tx, now, &routed_types)).await
    }

    async fn list(&self, filter: &RowFilter) -> StoreResult<Vec<OutboxRow>> {
        let filter = filter.clone();
        self.read("list rows", move |tx, _| ops_read::list(tx, &filter)).await
    }

    async fn find(&self, consumer: &str, text: &str) -> StoreResult<Option<Found>> {
        let (consumer, text) = (consumer.to_owned(), text.to_owned());
        self.read("find a message", move |tx, _| ops_read::find(tx, &consumer, &text)).await
    }

    async fn show(&self, id: &str) -> StoreResult<Vec<OutboxRow>> {
        let id = id.to_owned();
        self.read("show a message", move |tx, _| ops_read::show(tx, &id)).await
    }

    async fn requeue(&self, what: &Selection, rules: RequeueRules, by: &Signature) -> StoreResult<Vec<RemedyRow>> {
        let (what, by) = (what.clone(), by.clone());
        self.write("requeue", move |tx, now| ops_remedies::again(tx, now, &what, Remedy::Requeue, &rules, &by)).await
    }

    async fn replay(&self, what: &Selection, rules: ReplayRules, by: &Signature) -> StoreResult<Vec<RemedyRow>> {
        let (what, by) = (what.clone(), by.clone());
        self.write("replay", move |tx, now| {
            if rules.force {
                ops_copy::copies(tx, now, &what, &rules.requeue, &by)
            } else {
                ops_remedies::again(tx, now, &what, Remedy::Replay, &rules.requeue, &by)
            }
        })
        .await
    }

    async fn discard(&self, what: &Selection, by: &Signature) -> StoreResult<Vec<RemedyRow>> {
        let (what, by) = (what.clone(), by.clone());
        self.write("discard", move |tx, now| ops_remedies::discard(tx, now, &what, &by)).await
    }

    async fn pause(&self, name: &str, by: &Signature) -> StoreResult<bool> {
        let (name, by) = (name.to_owned(), by.clone());
        self.write("pause", move |tx, now| destination(tx, now, include_str!("sql/ops_pause.sql"), "pause", &name, &by))
            .await
    }

    async fn resume(&self, name: &str, by: &Signature) -> StoreResult<bool> {
        let (name, by) = (name.to_owned(), by.clone());
        self.write("resume", move |tx, now| {
            destination(tx, now, include_str!("sql/ops_resume.sql"), "resume", &name, &by)
        })
        .await
    }

    async fn mail_list(&self, consumer: &str, state: Option<MailState>, limit: u32) -> StoreResult<Vec<MailRow>> {
        let consumer = consumer.to_owned();
        self.read("list mails", move |tx, _| ops_mail::list(tx, &consumer, state, limit)).await
    }

    async fn mail_show(&self, consumer: &str, id: &str) -> StoreResult<Option<MailRow>> {
        let (consumer, id) = (consumer.to_owned(), id.to_owned());
        self.read("show a mail", move |tx, _| ops_mail::show(tx, &consumer, &id)).await
    }

    async fn mail_of(&self, consumer: &str, recipient: &RecipientHash, limit: u32) -> StoreResult<Vec<MailRow>> {
        let (consumer, recipient) = (consumer.to_owned(), recipient.clone());
        self.read("find mails", move |tx, _| ops_mail::of_recipient(tx, &consumer, &recipient, limit)).await
    }

    async fn mail_resend(&self, consumer: &str, id: &str, by: &Signature) -> StoreResult<Result<(), String>> {
        let (consumer, id, by) = (consumer.to_owned(), id.to_owned(), by.clone());
        self.write("resend a mail", move |tx, now| ops_mail::remedy(tx, now, &consumer, &id, MailRemedy::Resend, &by))
            .await
    }

    async fn mail_take_in(
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
            ops_mail::take_in(tx, now, &consumer, &delivery, &addressee, refused.as_deref(), &by)
        })
        .await
    }

    async fn mail_assume_sent(&self, consumer: &str, id: &str, by: &Signature) -> StoreResult<Result<(), String>> {
        let (consumer, id, by) = (consumer.to_owned(), id.to_owned(), by.clone());
        self.write("assume a mail sent", move |tx, now| {
            ops_mail::remedy(tx, now, &consumer, &id, MailRemedy::AssumeSent, &by)
        })
        .await
    }
}

fn destination(
    db: &Connection,
    now: i64,
    sql: &str,
    action: &str,
    name: &str,
    by: &Signature,
) -> rusqlite::Result<bool> {
    let known =
        db.prepare_cached(include_str!("sql/ops_destination_known.sql"))?.exists(named_params! { ":name": name })?;
    if known && db.prepare_cached(sql)?.execute(named_params! { ":name": name, ":now": now })? == 1 {
        record(db, now, action, name, by)?;
    }
    Ok(known)
}
