//! What operators read of mails.

use crate::{
    adapters::columns::mail,
    domain::{delivery::MailState, recipient::RecipientHash},
    ports::ops::MailRow,
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
