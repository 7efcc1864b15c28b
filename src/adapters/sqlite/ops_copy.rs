//! The forced replay: a new row with a new id beside the original.

use super::{ops_record::record, ops_remedies::selected};
use crate::{
    adapters::columns::{Columns, operator::Candidate},
    domain::{ids::MessageId, remedy::Remedy, replay},
    ports::ops::{RemedyRow, RequeueRules, Selection, Signature},
};
use rusqlite::{Connection, named_params};

pub(super) fn copies(
    db: &Connection,
    now: i64,
    what: &Selection,
    rules: &RequeueRules,
    by: &Signature,
) -> rusqlite::Result<Vec<RemedyRow>> {
    // One event has one id: its copies for several destinations share it, as the originals did.
    let new = MessageId::fresh();
    let mut answers = Vec::new();
    for row in selected(db, now, what, rules.mail_queue.as_deref())? {
        let copied = match Remedy::Copy.may(&row.facts, rules.out_of_order, rules.windows.of(&row.destination)) {
            Ok(()) => copy(db, now, &row, &new)?,
            Err(why_not) => Err(why_not),
        };
        let mut answer = row.answer(copied.err());
        if answer.done {
            record(db, now, Remedy::Copy.action(), &format!("{} as {new}", row.target()), by)?;
            answer.new_id = Some(new.as_str().to_owned());
        }
        answers.push(answer);
    }
    Ok(answers)
}

fn copy(db: &Connection, now: i64, row: &Candidate, new: &MessageId) -> rusqlite::Result<Result<(), String>> {
    let mut original = db.prepare_cached(include_str!("sql/ops_original.sql"))?;
    let copied = original.query_row(named_params! { ":seq": row.seq }, |original| {
        let content_type = original.text("ContentType")?;
        let headers = original.text("Headers")?;
        let payload = original.get_ref("Payload")?.as_bytes()?;
        Ok(replay::copy(&row.id, new, &content_type, payload, &headers))
    })?;
    let copied = match copied {
        Ok(copied) => copied,
        Err(why_not) => return Ok(Err(why_not)),
    };
    db.prepare_cached(include_str!("sql/ops_copy.sql"))?.execute(named_params! {
        ":seq": row.seq,
        ":new_id": new.as_str(),
        ":payload": copied.payload,
        ":headers": copied.headers,
        ":now": now,
    })?;
    Ok(Ok(()))
}
