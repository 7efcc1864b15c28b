//! The last runs of timer functions, on SQLite.

use super::Sqlite;
use crate::{
    domain::outbox::bounded,
    ports::{error::StoreResult, operations::Heartbeats},
};
use async_trait::async_trait;
use rusqlite::named_params;

#[async_trait]
impl Heartbeats for Sqlite {
    async fn beat(&self, function: &str, next_in_ms: i64, error: Option<&str>) -> StoreResult<()> {
        let (function, instance, error) = (function.to_owned(), self.instance(), error.map(bounded));
        self.write("store a heartbeat", move |transaction, now| {
            let params = named_params! {
                ":function": function, ":instance": instance, ":next_in_ms": next_in_ms, ":error": error, ":now": now,
            };
            transaction.prepare_cached(include_str!("sql/heartbeat.sql"))?.execute(params).map(drop)
        })
        .await
    }
}
