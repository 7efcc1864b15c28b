//! Everything about one message, and the record that its personal data was looked at.

use super::{
    db::{SqlServer, read},
    outbox::NOW,
    report_overview::all,
    reports::REPORT,
    rows,
    session::Results,
    statement::Statement,
};
use crate::{
    adapters::columns::{Columns, report},
    domain::{
        ids::Spellings,
        operations::{ACTIONS_MAX, Signature},
    },
    ports::{error::StoreResult, operations::StoredMessage},
};
use tiberius::error::Error;

pub(super) const FIND: &str = include_str!("sql/report_find.sql");
const MESSAGE: &str = include_str!("sql/report_message.sql");
const MAIL: &str = include_str!("sql/report_mail.sql");
const ATTEMPTS: &str = include_str!("sql/report_attempts.sql");
const MAIL_ATTEMPTS: &str = include_str!("sql/report_mail_attempts.sql");
pub(super) const ACTIONS: &str = include_str!("sql/report_actions.sql");
const RECORD: &str = include_str!("sql/report_record.sql");
const RECORD_MESSAGE: &str = include_str!("sql/report_record_message.sql");

pub(super) async fn message(db: &SqlServer, consumer: &str, text: &str) -> StoreResult<Option<StoredMessage>> {
    let step = "show a message";
    let Spellings { exact, lower, upper, seq } = Spellings::of(text);
    let statement = Statement::of(&[REPORT, FIND, MESSAGE, MAIL, ATTEMPTS, MAIL_ATTEMPTS, ACTIONS])
        .with("exact", exact)
        .with("lower", lower)
        .with("upper", upper)
        .with("consumer", consumer.to_owned())
        .with("number", seq)
        .with("before", i64::MAX)
        .with("most", i64::from(ACTIONS_MAX));
    read(step, stored(&db.query(step, statement).await?))
}

fn stored(results: &Results) -> Result<Option<StoredMessage>, Error> {
    let found = rows::having(results, "FoundId").next().map_or(Ok(None), |row| row.text_opt("FoundId"))?;
    let Some(id) = found else { return Ok(None) };
    let rows = all(results, "MailState", report::message)?;
    let mail = rows::having(results, "Deliveries").next().map(report::mail).transpose()?;
    if rows.is_empty() && mail.is_none() {
        return Ok(None);
    }
    let content = rows::having(results, "Payload").next().map(report::content).transpose()?;
    let parts = report::MessageParts {
        id,
        rows,
        content,
        mail,
        row_attempts: all(results, "IsRowAttempt", report::row_attempt)?,
        mail_attempts: all(results, "IsMailAttempt", report::mail_attempt)?,
        actions: all(results, "Actor", report::audit_entry)?,
    };
    Ok(Some(parts.stored()))
}

pub(super) async fn record(db: &SqlServer, action: &str, message_id: &str, by: &Signature) -> StoreResult<()> {
    let statement = Statement::of(&[NOW, RECORD, RECORD_MESSAGE])
        .with("actor", by.actor.clone())
        .with("action", action.to_owned())
        .with("id", message_id.to_owned())
        .with("reason", by.reason.clone());
    db.execute("record an action", statement).await.map(drop)
}
