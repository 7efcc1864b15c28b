//! What operators read of mails, and what they decide about them.

use super::ops_record::record;
use crate::{
    adapters::columns::mail,
    domain::{
        delivery::{Delivery, MailState},
        mail_remedy::MailRemedy,
        outbox::bounded,
        recipient::{Addressee, RecipientHash},
    },
    ports::ops::{MailRow, Signature, TakenIn},
};
use rusqlite::{Connection, OptionalExtension, named_params};

pub(super) fn list(
    db: &Connection,
    consumer: &str,
    state: Option<MailState>,
    limit: u32,
) -> rusqlite::Result<Vec<MailRow>> {
    let mut statement = db.prepare_cached(include_str!("sql/ops_mail_list.sql"))?;
    let state = state.map(|state| state as i64);
    let which = named_params! { ":consumer": consumer, ":state": state, ":limit": limit };
    statement.query_map(which, |row| mail::mail(row))?.collect()
}

pub(super) fn show(db: &Connection, consumer: &str, id: &str) -> rusqlite::Result<Option<MailRow>> {
    let mut statement = db.prepare_cached(include_str!("sql/ops_mail_show.sql"))?;
    statement.query_row(named_params! { ":consumer": consumer, ":id": id }, |row| mail::mail(row)).optional()
}

pub(super) fn of_recipient(
    db: &Connection,
    consumer: &str,
    recipient: &RecipientHash,
    limit: u32,
) -> rusqlite::Result<Vec<MailRow>> {
    let mut statement = db.prepare_cached(include_str!("sql/ops_mail_of.sql"))?;
    let which = named_params! { ":consumer": consumer, ":hash": recipient.as_str(), ":limit": limit };
    statement.query_map(which, |row| mail::mail(row))?.collect()
}

/// The inner `Err` is the reason why the remedy is refused.
pub(super) fn remedy(
    db: &Connection,
    now: i64,
    consumer: &str,
    id: &str,
    remedy: MailRemedy,
    by: &Signature,
) -> rusqlite::Result<Result<(), String>> {
    let sql = match remedy {
        MailRemedy::Resend => include_str!("sql/ops_mail_resend.sql"),
        MailRemedy::AssumeSent => include_str!("sql/ops_mail_assume_sent.sql"),
    };
    if let Err(why_not) = remedy.may(found(db, consumer, id)?) {
        return Ok(Err(why_not));
    }
    db.prepare_cached(sql)?.execute(named_params! { ":consumer": consumer, ":id": id, ":now": now })?;
    record(db, now, remedy.action(), &format!("{consumer} {id}"), by).map(Ok)
}

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
    let new = db.prepare_cached(include_str!("sql/ops_mail_take_in.sql"))?.execute(named_params! {
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
    match found(db, consumer, id)? {
        Some((known, _)) if new == 0 => Ok(TakenIn::Known(known)),
        _ => record(db, now, "take in", &format!("{consumer} {id}"), by).map(|()| TakenIn::New),
    }
}

fn found(db: &Connection, consumer: &str, id: &str) -> rusqlite::Result<Option<(MailState, bool)>> {
    let mut statement = db.prepare_cached(include_str!("sql/ops_mail_found.sql"))?;
    statement.query_row(named_params! { ":consumer": consumer, ":id": id }, |row| mail::found(row)).optional()
}
