//! Remedies with a dry run, and pauses, on SQL Server.

use super::SqlServer;
use crate::{
    domain::operations::{PauseReport, PauseRequest, Plan, RemedyReport, RemedyRequest, Signature},
    ports::{
        error::{StoreError, StoreResult},
        operations::{Ran, Remedies},
        ops::RequeueRules,
    },
};
use async_trait::async_trait;

#[async_trait]
impl Remedies for SqlServer {
    async fn plan(&self, _: &RemedyRequest, _: &RequeueRules, _: &str) -> StoreResult<Plan> {
        Err(missing())
    }

    async fn destinations(&self) -> StoreResult<Vec<String>> {
        Err(missing())
    }

    async fn store_report(&self, _: &str, _: &RemedyReport) -> StoreResult<()> {
        Err(missing())
    }

    async fn planned(&self, _: &str) -> StoreResult<Option<(RemedyRequest, Option<RemedyReport>)>> {
        Err(missing())
    }

    async fn run(&self, _: &str, _: &RequeueRules, _: &Signature) -> StoreResult<Ran> {
        Err(missing())
    }

    async fn change_pause(&self, _: &PauseRequest, _: &Signature) -> StoreResult<Option<PauseReport>> {
        Err(missing())
    }

    async fn answer_of(&self, _: &str) -> StoreResult<Option<(String, String)>> {
        Err(missing())
    }

    async fn store_answer(&self, _: &str, _: &str, _: &str) -> StoreResult<()> {
        Err(missing())
    }
}

fn missing() -> StoreError {
    StoreError::Broken { step: "remedy", reason: "not built yet".to_owned(), source: None }
}
