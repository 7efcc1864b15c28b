//! Operators' queries and remedies on SQL Server.

use super::{db::SqlServer, ops_mail, ops_read};
use crate::{
    domain::{delivery::MailState, recipient::RecipientHash},
    ports::{
        error::StoreResult,
        ops::{Found, MailRow, Ops, OutboxRow, RowFilter, Status},
    },
};
use async_trait::async_trait;

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

    async fn mail_list(&self, consumer: &str, state: Option<MailState>, limit: u32) -> StoreResult<Vec<MailRow>> {
        ops_mail::list(self, consumer, state, limit).await
    }

    async fn mail_show(&self, consumer: &str, id: &str) -> StoreResult<Option<MailRow>> {
        ops_mail::show(self, consumer, id).await
    }

    async fn mail_of(&self, consumer: &str, recipient: &RecipientHash, limit: u32) -> StoreResult<Vec<MailRow>> {
        ops_mail::of_recipient(self, consumer, recipient, limit).await
    }
}
