//! Operators' reports on SQLite.

use super::{Sqlite, report_lists, report_message, report_overview};
use crate::{
    domain::operations::{
        AuditEntry, AuditFilter, FailureGroup, GroupFilter, MailFilter, MailLine, MessageFilter, MessageLine, Overview,
        Page, Signature,
    },
    ports::{
        error::StoreResult,
        operations::{OverviewQuery, PageRequest, Reports, StoredMessage},
    },
};
use async_trait::async_trait;

#[async_trait]
impl Reports for Sqlite {
    async fn overview(&self, query: &OverviewQuery) -> StoreResult<Overview> {
        let query = query.clone();
        self.read("overview", move |tx, now| report_overview::overview(tx, now, &query)).await
    }

    async fn messages(&self, filter: &MessageFilter, page: &PageRequest) -> StoreResult<Page<MessageLine>> {
        let (filter, page) = (filter.clone(), page.clone());
        self.read("find messages", move |tx, _| report_lists::messages(tx, &filter, &page)).await
    }

    async fn message(&self, consumer: &str, text: &str) -> StoreResult<Option<StoredMessage>> {
        let (consumer, text) = (consumer.to_owned(), text.to_owned());
        self.read("show a message", move |tx, _| report_message::message(tx, &consumer, &text)).await
    }

    async fn groups(&self, filter: &GroupFilter, page: &PageRequest) -> StoreResult<Page<FailureGroup>> {
        let (filter, page) = (filter.clone(), page.clone());
        self.read("list failure groups", move |tx, _| report_lists::groups(tx, &filter, &page)).await
    }

    async fn mails(&self, consumer: &str, filter: &MailFilter, page: &PageRequest) -> StoreResult<Page<MailLine>> {
        let (consumer, filter, page) = (consumer.to_owned(), filter.clone(), page.clone());
        self.read("find mails", move |tx, _| report_lists::mails(tx, &consumer, &filter, &page)).await
    }

    async fn audit(&self, filter: &AuditFilter, page: &PageRequest) -> StoreResult<Page<AuditEntry>> {
        let (filter, page) = (filter.clone(), page.clone());
        self.read("list actions", move |tx, _| report_lists::audit(tx, &filter, &page)).await
    }

    async fn record(&self, action: &str, message_id: &str, by: &Signature) -> StoreResult<()> {
        let (action, message_id, by) = (action.to_owned(), message_id.to_owned(), by.clone());
        self.write("record an action", move |tx, now| report_message::record(tx, now, &action, &message_id, &by)).await
    }
}
