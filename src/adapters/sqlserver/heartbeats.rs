//! The last runs of timer functions, on SQL Server.

use super::{SqlServer, outbox::NOW, statement::Statement};
use crate::{
    domain::outbox::bounded,
    ports::{error::StoreResult, operations::Heartbeats},
};
use async_trait::async_trait;

const HEARTBEAT: &str = include_str!("sql/heartbeat.sql");

#[async_trait]
impl Heartbeats for SqlServer {
    async fn beat(&self, function: &str, next_in_ms: i64, error: Option<&str>) -> StoreResult<()> {
        let statement = Statement::of(&[NOW, HEARTBEAT])
            .with("function", function.to_owned())
            .with("instance", self.instance().to_owned())
            .with("next_in_s", i32::try_from(next_in_ms.max(0) / 1_000).unwrap_or(i32::MAX))
            .with("error", error.map(bounded))
            .repeatable();
        self.once_more("store a heartbeat", statement).await.map(drop)
    }
}
