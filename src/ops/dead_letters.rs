//! `ops mail dead-letters`: lists the queue's dead letters.

use super::{
    run::{OpsContext, Out, print},
    tables,
};
use crate::flows::dead_letters;
use anyhow::{Context, Result, anyhow};
use chrono::{DateTime, Utc};
use serde::Serialize;

/// A dead letter as it is printed: without its body, which is personal data.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    pub message_id: String,
    pub reason: Option<String>,
    pub description: Option<String>,
    pub enqueued_on: Option<DateTime<Utc>>,
    pub deliveries: i64,
    pub bytes: usize,
}

pub(super) async fn list(context: &OpsContext, limit: u32, out: Out<'_>) -> Result<bool> {
    let dead = context.operate.dead_letters.as_ref().map_err(|why| anyhow!(why.clone()))?;
    let queue = context.operate.mail_queue.as_ref();
    let queue = queue.context("EmailQueueName is not set: it names the queue whose dead letters are read")?;
    let letters = dead_letters::list(&**dead, queue, limit).await.map_err(|why| anyhow!(why))?;
    let shown: Vec<Shown> = letters
        .into_iter()
        .map(|letter| Shown {
            message_id: letter.delivery.message_id,
            reason: letter.reason,
            description: letter.description,
            enqueued_on: letter.delivery.enqueued_on,
            deliveries: letter.delivery.delivery_count,
            bytes: letter.delivery.body.len(),
        })
        .collect();
    print(context, out, &shown, |out| tables::dead_letters(out, &shown))?;
    Ok(true)
}
