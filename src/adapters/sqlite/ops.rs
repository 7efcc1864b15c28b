//! Operators' queries and remedies on SQLite.

use super::{Sqlite, ops_mail, ops_read};
use crate::{
    domain::{delivery::MailState, recipient::RecipientHash},
    ports::{
        error::StoreResult,
        ops::{Found, MailRow, Ops, OutboxRow, RowFilter, Status},
    },
};
use async_trait::async_trait;

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
}
