//! The last runs of timer functions, on SQLite.

use super::Sqlite;
use crate::ports::{error::StoreResult, operations::Heartbeats};
use async_trait::async_trait;

#[async_trait]
impl Heartbeats for Sqlite {
    async fn beat(&self, _: &str, _: i64, _: Option<&str>) -> StoreResult<()> {
        Ok(())
    }
}
