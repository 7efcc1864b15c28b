//! What an operator sees and decides of mails.

use super::{
    ops_record::record,
    rows::{self, broken},
};
use crate::{
    domain::delivery::MailState,
    ports::ops::{MailRow, Signature},
};
use rusqlite::{Connection, OptionalExtension, Row, named_params};

pub(super) fn list(
    db: &Connection,
    consumer: &str,
    state: Option<MailState>,
    limit: u32,
) -> rusqlite::Result<Vec<MailRow>> {
    let mut statement = db.prepare_cached(include_str!("sql/ops_mail_list.sql"))?;
    let state = state.map(|state| state as i64);
    let which = named_params! { ":consumer": consumer, ":state": state, ":limit": limit };
    statement.query_map(which, mail_of)?.collect()
}

pub(super) fn resend(
    db: &Connection,
    now: i64,
    consumer: &str,
    id: &str,
    by: &Signature,
) -> rusqlite::Result<Result<(), String>> {
    let why_not = match found(db, consumer, id)? {
        Some((MailState::Refused | MailState::InDoubt, true)) => {
            let sql = include_str!("sql/ops_mail_resend.sql");
            return remedied(db, sql, now, consumer, id, "mail resend", by).map(Ok);
        }
        Some((MailState::Refused | MailState::InDoubt, false)) => {
            "its content was erased after the retention: replay its message from the outbox with --force, if it is there"
        }
        Some((MailState::Sent, _)) => "it was sent: to send it again, replay its message from the outbox with --force",
        Some((MailState::Accepted | MailState::Parked, _)) => "it waits already and goes by itself when due",
        Some((MailState::Sending, _)) => "it is being sent now: look again when its lease has ended",
        None => UNKNOWN,
    };
    Ok(Err(why_not.to_owned()))
}

pub(super) fn assume_sent(
    db: &Connection,
    now: i64,
    consumer: &str,
    id: &str,
    by: &Signature,
) -> rusqlite::Result<Result<(), String>> {
    let why_not = match found(db, consumer, id)? {
        Some((MailState::InDoubt, _)) => {
            let sql = include_str!("sql/ops_mail_assume_sent.sql");
            return remedied(db, sql, now, consumer, id, "mail assume-sent", by).map(Ok);
        }
        Some((MailState::Sent, _)) => "it was sent: there is nothing to assume",
        Some((MailState::Sending, _)) => "it is being sent now: look again when its lease has ended",
        Some((MailState::Accepted | MailState::Parked | MailState::Refused, _)) => {
            "it is not in doubt: it was certainly not sent"
        }
        None => UNKNOWN,
    };
    Ok(Err(why_not.to_owned()))
}

const UNKNOWN: &str = "there is no mail of this id: `ops mail list` shows those there are";

fn found(db: &Connection, consumer: &str, id: &str) -> rusqlite::Result<Option<(MailState, bool)>> {
    let mut statement = db.prepare_cached(include_str!("sql/ops_mail_found.sql"))?;
    let columns = |row: &Row<'_>| Ok((state_of(row)?, row.get("HasBody")?));
    statement.query_row(named_params! { ":consumer": consumer, ":id": id }, columns).optional()
}

fn remedied(
    db: &Connection,
    sql: &str,
    now: i64,
    consumer: &str,
    id: &str,
    action: &str,
    by: &Signature,
) -> rusqlite::Result<()> {
    db.prepare_cached(sql)?.execute(named_params! { ":consumer": consumer, ":id": id, ":now": now })?;
    record(db, now, action, &format!("{consumer} {id}"), by)
}

fn state_of(row: &Row<'_>) -> rusqlite::Result<MailState> {
    MailState::from_code(row.get("State")?).ok_or_else(|| broken("no such mail state"))
}

fn mail_of(row: &Row<'_>) -> rusqlite::Result<MailRow> {
    let time = |column: &str| row.get::<_, Option<i64>>(column).map(|ms| ms.map(rows::time_of));
    Ok(MailRow {
        message_id: rows::text(row, "MessageId")?,
        state: state_of(row)?,
        due_at: time("DueAt")?,
        attempts: row.get("Attempts")?,
        doubts: row.get("Doubts")?,
        deliveries: row.get("Deliveries")?,
        last_error: rows::text_opt(row, "LastError")?,
        received_on: rows::time_of(row.get("ReceivedOnUtc")?),
        finished_on: time("FinishedOnUtc")?,
    })
}
