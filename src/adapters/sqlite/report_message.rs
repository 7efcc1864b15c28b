//! Everything about one message, and the record that its personal data was looked at.

use super::report_overview::all;
use crate::{
    adapters::columns::{
        Columns,
        report::{self, MessageParts},
    },
    domain::{
        ids::Spellings,
        operations::{ACTIONS_MAX, Signature},
    },
    ports::operations::StoredMessage,
};
use rusqlite::{Connection, OptionalExtension, named_params};

pub(super) fn message(db: &Connection, consumer: &str, text: &str) -> rusqlite::Result<Option<StoredMessage>> {
    let Some(id) = find(db, consumer, text)? else { return Ok(None) };
    let which = named_params! { ":id": id, ":consumer": consumer };
    let mut content = None;
    let rows = all(db, include_str!("sql/report_message.sql"), which, |row| {
        if content.is_none() {
            content = Some(report::content(row)?);
        }
        report::message(row)
    })?;
    let mut mail = db.prepare_cached(include_str!("sql/report_mail.sql"))?;
    let mail = mail.query_row(which, |row| report::mail(row)).optional()?;
    if rows.is_empty() && mail.is_none() {
        return Ok(None);
    }
    let of_id = named_params! { ":id": id };
    let row_attempts = all(db, include_str!("sql/report_attempts.sql"), of_id, |row| report::row_attempt(row))?;
    let mail_attempts = all(db, include_str!("sql/report_mail_attempts.sql"), which, |row| report::mail_attempt(row))?;
    let last = named_params! { ":id": id, ":before": i64::MAX, ":most": ACTIONS_MAX };
    let actions = all(db, include_str!("sql/report_actions.sql"), last, |row| report::audit_entry(row))?;
    let parts = MessageParts { id: id.clone(), rows, content, mail, row_attempts, mail_attempts, actions };
    Ok(Some(parts.stored()))
}

/// The id of the message that a person means.
pub(super) fn find(db: &Connection, consumer: &str, text: &str) -> rusqlite::Result<Option<String>> {
    let Spellings { exact, lower, upper, seq } = Spellings::of(text);
    let meant =
        named_params! { ":exact": exact, ":lower": lower, ":upper": upper, ":consumer": consumer, ":number": seq };
    let mut find = db.prepare_cached(include_str!("sql/report_find.sql"))?;
    find.query_row(meant, |row| row.text("FoundId")).optional()
}

pub(super) fn record(
    db: &Connection,
    now: i64,
    action: &str,
    message_id: &str,
    by: &Signature,
) -> rusqlite::Result<()> {
    db.prepare_cached(include_str!("sql/report_record.sql"))?.execute(named_params! {
        ":now": now,
        ":actor": by.actor,
        ":action": action,
        ":id": message_id,
        ":reason": by.reason,
    })?;
    let named = named_params! { ":id": message_id };
    db.prepare_cached(include_str!("sql/report_record_message.sql"))?.execute(named).map(drop)
}
