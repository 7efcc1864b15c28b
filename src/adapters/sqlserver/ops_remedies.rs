//! Requeue, replay, discard: rows are read and judged, then one batch changes those that have not changed since.

use super::{
    db::{SqlServer, read},
    ops_record::signed,
    outbox::NOW,
    rows,
    session::Results,
    statement::Statement,
};
use crate::{
    adapters::columns::{Columns, operator::Candidate},
    domain::{delivery::EMAIL_CONSUMER, duplicates::DuplicateWindow, remedy::Remedy},
    ports::{
        error::{StoreError, StoreResult},
        ops::{RemedyRow, RequeueRules, Selection, Signature},
    },
};
use chrono::DateTime;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tiberius::{Row, error::Error};

const SELECTED: &str = include_str!("sql/ops_selected.sql");
pub(super) const BEGIN: &str = include_str!("sql/ops_begin.sql");
const REQUEUE: &str = include_str!("sql/ops_requeue.sql");
const DISCARD: &str = include_str!("sql/ops_discard.sql");
const FOLLOWERS_DUE: &str = include_str!("sql/ops_followers_due.sql");
pub(super) const RECORD: &str = include_str!("sql/ops_record.sql");

/// A running dispatcher changes rows between our read and our write; then they are read again.
const TURNS_MAX: u32 = 5;

/// The reason an operator gets for a row that changed between read and write.
pub(super) const CHANGED: &str = "it changed in the meantime: look again";

pub(super) async fn selected(
    db: &SqlServer,
    step: &'static str,
    what: &Selection,
    mail_queue: Option<&str>,
) -> StoreResult<Vec<Candidate>> {
    let (id, destination, rows_max) = what.parts();
    let statement = Statement::of(&[NOW, SELECTED])
        .with("id", id)
        .with("destination", destination)
        .with("rows_max", i64::from(rows_max))
        .with("mail_queue", mail_queue.map(str::to_owned))
        .with("consumer", EMAIL_CONSUMER.to_owned());
    let results = db.query(step, statement).await?;
    let candidate = |row: &Row| Candidate::read(row, row.time("CurrentUtc")?);
    read(step, rows::having(&results, "LaterSent").map(candidate).collect())
}

/// The rows become pending and due now, as if never tried.
pub(super) async fn again(
    db: &SqlServer,
    what: &Selection,
    remedy: Remedy,
    rules: &RequeueRules,
    by: &Signature,
) -> StoreResult<Vec<RemedyRow>> {
    let may = |row: &Candidate| remedy.may(&row.facts, rules.out_of_order, rules.windows.of(&row.destination));
    judged(
        db,
        remedy.action(),
        what,
        by,
        Batch { change: &[REQUEUE], out_of_order: rules.out_of_order, mail_queue: rules.mail_queue.as_deref() },
        may,
    )
    .await
}

pub(super) async fn discard(db: &SqlServer, what: &Selection, by: &Signature) -> StoreResult<Vec<RemedyRow>> {
    let may = |row: &Candidate| Remedy::Discard.may(&row.facts, false, DuplicateWindow::NONE);
    judged(
        db,
        Remedy::Discard.action(),
        what,
        by,
        Batch { change: &[DISCARD, FOLLOWERS_DUE], out_of_order: false, mail_queue: None },
        may,
    )
    .await
}

struct Batch<'a> {
    change: &'a [&'a str],
    /// Requeues a row even if a later row of its key was sent.
    out_of_order: bool,
    mail_queue: Option<&'a str>,
}

async fn judged(
    db: &SqlServer,
    action: &'static str,
    what: &Selection,
    by: &Signature,
    batch: Batch<'_>,
    may: impl Fn(&Candidate) -> Result<(), String> + Send + Sync,
) -> StoreResult<Vec<RemedyRow>> {
    for _ in 0..TURNS_MAX {
        let rows = selected(db, action, what, batch.mail_queue).await?;
        let verdicts: Vec<_> = rows.iter().map(&may).collect();
        let fit = || rows.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_ok()).map(|(row, _)| row);
        if fit().next().is_none() {
            return Ok(rows.iter().zip(verdicts).map(|(row, verdict)| row.answer(verdict.err())).collect());
        }
        let table: Vec<Value> = fit().map(|row| line(row, &row.target())).collect();
        let files = [&[NOW, BEGIN], batch.change, &[RECORD]].concat();
        let judged = rows.iter().map(|row| row.facts.now_ms).min().and_then(DateTime::from_timestamp_millis);
        let statement = Statement::of(&files)
            .with("rows", Value::from(table).to_string())
            .with("out_of_order", i32::from(batch.out_of_order))
            .with("judged", judged.unwrap_or_default());
        let results = db.execute(action, signed(statement, action, by)).await?;
        let Some(done) = read(action, done(&results))? else { continue };
        let answer = |(row, verdict): (&Candidate, Result<(), String>)| match verdict {
            Ok(()) if done.contains(&row.seq) => row.answer(None),
            Ok(()) => row.answer(Some(CHANGED.to_owned())),
            Err(why_not) => row.answer(Some(why_not)),
        };
        return Ok(rows.iter().zip(verdicts).map(answer).collect());
    }
    let reason = "a dispatcher keeps changing these rows: try again in a minute".to_owned();
    Err(StoreError::Unavailable { step: action, reason, source: None })
}

/// A row in the JSON that `ops_begin` reads.
pub(super) fn line(row: &Candidate, target: &str) -> Value {
    json!({"s": row.seq, "p": row.facts.state as i64, "t": target})
}

/// The rows that were changed. `None`: another writer changed one of their keys meanwhile, and nothing was changed.
pub(super) fn done(results: &Results) -> Result<Option<BTreeSet<i64>>, Error> {
    if rows::only_count(results, "Changed")? != 0 {
        return Ok(None);
    }
    rows::having(results, "DoneSeq").map(|row| row.number("DoneSeq")).collect::<Result<_, _>>().map(Some)
}
