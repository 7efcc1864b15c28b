//! The last runs of timer functions, on SQL Server.

use super::SqlServer;
use crate::ports::{error::StoreResult, operations::Heartbeats};
use async_trait::async_trait;

#[async_trait]
impl Heartbeats for SqlServer {
    async fn beat(&self, _: &str, _: i64, _: Option<&str>) -> StoreResult<()> {
        let _ = self.instance();
        Ok(())
    }
}
