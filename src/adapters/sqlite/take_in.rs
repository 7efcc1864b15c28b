//! A dead letter that an operator takes in.

use super::remedy_record::record;
use crate::{
    adapters::columns::mail,
    domain::{
        delivery::{Delivery, MailState},
        operations::Signature,
        outbox::bounded,
        recipient::Addressee,
    },
    ports::operations::TakenIn,
};
use rusqlite::{Connection, named_params};
use serde_json::json;

pub(super) fn take_in(
    db: &Connection,
    now: i64,
    consumer: &str,
    delivery: &Delivery,
    addressee: &Addressee,
    refused: Option<&str>,
    by: &Signature,
) -> rusqlite::Result<TakenIn> {
    let id = &delivery.message_id;
    let new = db.prepare_cached(include_str!("sql/remedy_take_in.sql"))?.execute(named_params! {
        ":consumer": consumer,
        ":id": id,
        ":body": delivery.body,
        ":traceparent": delivery.traceparent,
        ":subject": addressee.subject,
        ":hash": addressee.hash(),
        ":state": MailState::first(refused) as i64,
        ":due_at": refused.is_none().then_some(now),
        ":reason": refused.map(bounded),
        ":finished": refused.is_some().then_some(now),
        ":now": now,
    })?;
    if new == 1 {
        record(db, now, "take in", id, 1, &[id], by)?;
        return Ok(TakenIn::New);
    }
    let mut known = db.prepare_cached(include_str!("sql/remedy_mail_facts.sql"))?;
    let which = named_params! { ":ids": json!([id]).to_string(), ":consumer": consumer };
    known.query_row(which, |row| mail::state(row)).map(TakenIn::Known)
}
