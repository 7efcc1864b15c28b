//! Operators' reports on SQL Server. None of them waits for a lock.

use super::{SqlServer, report_lists, report_message, report_overview};
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

/// Begins each of them.
pub(super) const REPORT: &str = include_str!("sql/report_begin.sql");

#[async_trait]
impl Reports for SqlServer {
    async fn overview(&self, query: &OverviewQuery) -> StoreResult<Overview> {
        report_overview::overview(self, query).await
    }

    async fn messages(&self, filter: &MessageFilter, page: &PageRequest) -> StoreResult<Page<MessageLine>> {
        report_lists::messages(self, filter, page).await
    }

    async fn message(&self, consumer: &str, text: &str) -> StoreResult<Option<StoredMessage>> {
        report_message::message(self, consumer, text).await
    }

    async fn groups(&self, filter: &GroupFilter, page: &PageRequest) -> StoreResult<Page<FailureGroup>> {
        report_lists::groups(self, filter, page).await
    }

    async fn mails(&self, consumer: &str, filter: &MailFilter, page: &PageRequest) -> StoreResult<Page<MailLine>> {
        report_lists::mails(self, consumer, filter, page).await
    }

    async fn audit(&self, filter: &AuditFilter, page: &PageRequest) -> StoreResult<Page<AuditEntry>> {
        report_lists::audit(self, filter, page).await
    }

    async fn record(&self, action: &str, message_id: &str, by: &Signature) -> StoreResult<()> {
        report_message::record(self, action, message_id, by).await
    }
}
