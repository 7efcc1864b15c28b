//! Operators' reports on SQLite.

use super::Sqlite;
use crate::{
    domain::operations::{
        AuditEntry, AuditFilter, FailureGroup, GroupFilter, MailFilter, MailLine, MessageFilter, MessageLine, Overview,
        Page, Signature,
    },
    ports::{
        error::{StoreError, StoreResult},
        operations::{OverviewQuery, PageRequest, Reports, StoredMessage},
    },
};
use async_trait::async_trait;

#[async_trait]
impl Reports for Sqlite {
    async fn overview(&self, _: &OverviewQuery) -> StoreResult<Overview> {
        Err(missing())
    }

    async fn messages(&self, _: &MessageFilter, _: &PageRequest) -> StoreResult<Page<MessageLine>> {
        Err(missing())
    }

    async fn message(&self, _: &str, _: &str) -> StoreResult<Option<StoredMessage>> {
        Err(missing())
    }

    async fn groups(&self, _: &GroupFilter, _: &PageRequest) -> StoreResult<Page<FailureGroup>> {
        Err(missing())
    }

    async fn mails(&self, _: &str, _: &MailFilter, _: &PageRequest) -> StoreResult<Page<MailLine>> {
        Err(missing())
    }

    async fn audit(&self, _: &AuditFilter, _: &PageRequest) -> StoreResult<Page<AuditEntry>> {
        Err(missing())
    }

    async fn record(&self, _: &str, _: &str, _: &Signature) -> StoreResult<()> {
        Err(missing())
    }
}

fn missing() -> StoreError {
    StoreError::Broken { step: "report", reason: "not built yet".to_owned(), source: None }
}
