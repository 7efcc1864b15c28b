//! Requeue, replay, discard: each row judged and changed in one transaction with its record.

use super::{
    ops_read::{outcome_of, state_of},
    ops_record::record,
    rows,
};
use crate::{
    domain::{
        delivery::{EMAIL_CONSUMER, MailState},
        duplicates::DuplicateWindow,
        remedy::{Remedy, RowFacts},
    },
    ports::ops::{RemedyRow, RequeueRules, Selection, Signature},
};
use rusqlite::{Connection, Row, named_params};

/// A row a remedy means, with what judges it.
pub(super) struct Selected {
    pub seq: i64,
    pub id: String,
    pub destination: String,
    pub facts: RowFacts,
}

impl Selected {
    pub(super) fn answer(&self, why_not: Option<String>) -> RemedyRow {
        let (id, destination) = (self.id.clone(), self.destination.clone());
        RemedyRow { id, destination, done: why_not.is_none(), new_id: None, why_not }
    }

    /// As `OperatorActions` names it.
    pub(super) fn target(&self) -> String {
        format!("{} to {}", self.id, self.destination)
    }
}

pub(super) fn selected(
    db: &Connection,
    now: i64,
    what: &Selection,
    mail_queue: Option<&str>,
) -> rusqlite::Result<Vec<Selected>> {
    let (id, destination, rows_max) = match what {
        Selection::Id { id, destination } => (Some(id), destination.as_ref(), 0),
        Selection::AllDead { destination, rows_max } => (None, Some(destination), *rows_max),
    };
    let mut statement = db.prepare_cached(include_str!("sql/ops_selected.sql"))?;
    let which = named_params! {
        ":id": id,
        ":destination": destination,
        ":rows_max": rows_max,
        ":mail_queue": mail_queue,
        ":consumer": EMAIL_CONSUMER,
    };
    let mut rows = statement.query_map(which, |row| selected_of(row, now))?.collect::<rusqlite::Result<Vec<_>>>()?;
    rows.sort_unstable_by_key(|row| row.seq);
    Ok(rows)
}

/// Back to pending, due now, as if never tried.
pub(super) fn again(
    db: &Connection,
    now: i64,
    what: &Selection,
    remedy: Remedy,
    rules: &RequeueRules,
    by: &Signature,
) -> rusqlite::Result<Vec<RemedyRow>> {
    let action = if remedy == Remedy::Replay { "replay" } else { "requeue" };
    let mut update = db.prepare_cached(include_str!("sql/ops_requeue.sql"))?;
    let mut answers = Vec::new();
    for row in selected(db, now, what, rules.mail_queue.as_deref())? {
        let why_not = remedy.may(&row.facts, rules.out_of_order, rules.windows.of(&row.destination)).err();
        if why_not.is_none() {
            update.execute(named_params! { ":seq": row.seq, ":now": now })?;
            record(db, now, action, &row.target(), by)?;
        }
        answers.push(row.answer(why_not));
    }
    Ok(answers)
}

pub(super) fn discard(db: &Connection, now: i64, what: &Selection, by: &Signature) -> rusqlite::Result<Vec<RemedyRow>> {
    let mut discard = db.prepare_cached(include_str!("sql/ops_discard.sql"))?;
    let mut followers = db.prepare_cached(include_str!("sql/ops_followers_due.sql"))?;
    let mut answers = Vec::new();
    for row in selected(db, now, what, None)? {
        let why_not = Remedy::Discard.may(&row.facts, false, DuplicateWindow::NONE).err();
        if why_not.is_none() {
            discard.execute(named_params! { ":seq": row.seq, ":now": now })?;
            followers.execute(named_params! { ":seq": row.seq, ":now": now })?;
            record(db, now, "discard", &row.target(), by)?;
        }
        answers.push(row.answer(why_not));
    }
    Ok(answers)
}

fn selected_of(row: &Row<'_>, now: i64) -> rusqlite::Result<Selected> {
    Ok(Selected {
        seq: row.get("Seq")?,
        id: rows::text(row, "Id")?,
        destination: rows::text(row, "Destination")?,
        facts: RowFacts {
            now_ms: now,
            state: state_of(row)?,
            last_outcome: outcome_of(row)?,
            last_attempt_ms: row.get("LastAttemptOnUtc")?,
            processed_ms: row.get("ProcessedOnUtc")?,
            leased_of_key: rows::text_opt(row, "LeasedOfKey")?,
            later_sent: rows::text_opt(row, "LaterSent")?,
            later_waiting: rows::text_opt(row, "LaterWaiting")?,
            mail: row.get::<_, Option<i64>>("MailState")?.and_then(MailState::from_code),
        },
    })
}
