//! `ops mail dead-letters`: lists the queue's dead letters and takes them in.

use super::{
    run::{MailQueue, OpsContext, print},
    tables,
};
use crate::{
    domain::route::Destination,
    flows::dead_letters::{self, TakeIn},
    ports::{dead_letters::DeadLetters, ops::Signature},
};
use anyhow::{Context, Result, anyhow};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::io::Write;

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

pub(super) async fn list(context: &OpsContext<'_>, limit: u32, out: &mut (dyn Write + Send)) -> Result<bool> {
    let (dead, queue) = readable(&context.mail_queue)?;
    let letters = dead_letters::list(dead, queue, limit).await.map_err(|why| anyhow!(why))?;
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

/// False: not everything was taken in; what was stored stays stored.
pub(super) async fn take_in(
    context: &OpsContext<'_>,
    ids: &[String],
    limit: u32,
    by: &Signature,
    out: &mut (dyn Write + Send),
) -> Result<bool> {
    let (dead, queue) = readable(&context.mail_queue)?;
    let MailQueue { tombstone_days, clock, .. } = context.mail_queue;
    let take_in =
        TakeIn { ops: context.ops, dead, queue, recipients: context.recipients, now: clock.now(), tombstone_days };
    let report = dead_letters::take_in(&take_in, ids, limit, by).await;
    print(context, out, &report, |out| tables::taken_in(out, &report))?;
    let left = report.taken.iter().any(|one| one.not_removed.is_some());
    Ok(report.stopped.is_none() && report.not_found.is_empty() && !left)
}

fn readable<'a>(mail: &MailQueue<'a>) -> Result<(&'a dyn DeadLetters, &'a Destination)> {
    let dead = mail.dead_letters.as_ref().map_err(|why| anyhow!(why.clone()))?;
    Ok((*dead, mail.queue.context("EmailQueueName is not set: it names the queue whose dead letters are read")?))
}
