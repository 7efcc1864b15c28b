//! Requeue, replay, discard: each row is judged and changed in one transaction, with its record.

use super::{ops_record::record, rows};
use crate::{
    adapters::columns::operator::Candidate,
    domain::{delivery::EMAIL_CONSUMER, duplicates::DuplicateWindow, remedy::Remedy},
    ports::ops::{RemedyRow, RequeueRules, Selection, Signature},
};
use rusqlite::{Connection, named_params};

pub(super) fn selected(
    db: &Connection,
    now: i64,
    what: &Selection,
    mail_queue: Option<&str>,
) -> rusqlite::Result<Vec<Candidate>> {
    let (id, destination, rows_max) = what.parts();
    let mut statement = db.prepare_cached(include_str!("sql/ops_selected.sql"))?;
    let which = named_params! {
        ":id": id,
        ":destination": destination,
        ":rows_max": rows_max,
        ":mail_queue": mail_queue,
        ":consumer": EMAIL_CONSUMER,
    };
    let candidate = |row: &rusqlite::Row<'_>| Candidate::read(row, rows::time_of(now));
    let mut rows = statement.query_map(which, candidate)?.collect::<rusqlite::Result<Vec<_>>>()?;
    rows.sort_unstable_by_key(|row| row.seq);
    Ok(rows)
}

/// The rows become pending and due now, as if never tried.
pub(super) fn again(
    db: &Connection,
    now: i64,
    what: &Selection,
    remedy: Remedy,
    rules: &RequeueRules,
    by: &Signature,
) -> rusqlite::Result<Vec<RemedyRow>> {
    let mut update = db.prepare_cached(include_str!("sql/ops_requeue.sql"))?;
    let mut answers = Vec::new();
    for row in selected(db, now, what, rules.mail_queue.as_deref())? {
        let why_not = remedy.may(&row.facts, rules.out_of_order, rules.windows.of(&row.destination)).err();
        if why_not.is_none() {
            update.execute(named_params! { ":seq": row.seq, ":now": now })?;
            record(db, now, remedy.action(), &row.target(), by)?;
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
            record(db, now, Remedy::Discard.action(), &row.target(), by)?;
        }
        answers.push(row.answer(why_not));
    }
    Ok(answers)
}
