//! What operators read of mails, and what they decide about them.

use super::{
    db::{SqlServer, read},
    errors::odd,
    ops_read::REPORT,
    ops_record::signed,
    outbox::NOW,
    rows,
    statement::Statement,
};
use crate::{
    adapters::columns::mail,
    domain::{
        delivery::{Delivery, MailState},
        mail_remedy::MailRemedy,
        outbox::bounded,
        recipient::{Addressee, RecipientHash},
    },
    ports::{
        error::StoreResult,
        ops::{MailRow, Signature, TakenIn},
    },
};

const LIST: &str = include_str!("sql/ops_mail_list.sql");
const SHOW: &str = include_str!("sql/ops_mail_show.sql");
const OF_RECIPIENT: &str = include_str!("sql/ops_mail_of.sql");
const FOUND: &str = include_str!("sql/ops_mail_found.sql");
const RESEND: &str = include_str!("sql/ops_mail_resend.sql");
const TAKE_IN: &str = include_str!("sql/ops_mail_take_in.sql");
const CHANGED: &str = include_str!("sql/ops_changed.sql");
const ASSUME_SENT: &str = include_str!("sql/ops_mail_assume_sent.sql");

pub(super) async fn list(
    db: &SqlServer,
    consumer: &str,
    state: Option<MailState>,
    limit: u32,
) -> StoreResult<Vec<MailRow>> {
    let step = "list mails";
    let statement = Statement::of(&[REPORT, LIST])
        .with("consumer", consumer.to_owned())
        .with("state", state.map(|state| state as i64))
        .with("limit", i64::from(limit));
    let results = db.query(step, statement).await?;
    read(step, rows::having(&results, "Deliveries").map(mail::mail).collect())
}

pub(super) async fn show(db: &SqlServer, consumer: &str, id: &str) -> StoreResult<Option<MailRow>> {
    let step = "show a mail";
    let statement = Statement::of(&[REPORT, SHOW]).with("consumer", consumer.to_owned()).with("id", id.to_owned());
    let results = db.query(step, statement).await?;
    read(step, rows::having(&results, "Deliveries").next().map(mail::mail).transpose())
}

pub(super) async fn of_recipient(
    db: &SqlServer,
    consumer: &str,
    recipient: &RecipientHash,
    limit: u32,
) -> StoreResult<Vec<MailRow>> {
    let step = "find mails";
    let statement = Statement::of(&[REPORT, OF_RECIPIENT])
        .with("consumer", consumer.to_owned())
        .with("hash", recipient.as_str().to_owned())
        .with("limit", i64::from(limit));
    let results = db.query(step, statement).await?;
    read(step, rows::having(&results, "Deliveries").map(mail::mail).collect())
}

/// The inner `Err` is the reason why the remedy is refused.
pub(super) async fn remedy(
    db: &SqlServer,
    consumer: &str,
    id: &str,
    remedy: MailRemedy,
    by: &Signature,
) -> StoreResult<Result<(), String>> {
    let step = remedy.action();
    let which = |statement: Statement| statement.with("consumer", consumer.to_owned()).with("id", id.to_owned());
    let found = db.query(step, which(Statement::new(FOUND))).await?;
    let found = rows::having(&found, "HasBody").next().map(mail::found).transpose();
    let state = match remedy.may(read(step, found)?) {
        Ok(state) => state,
        Err(why_not) => return Ok(Err(why_not)),
    };
    let sql = match remedy {
        MailRemedy::Resend => RESEND,
        MailRemedy::AssumeSent => ASSUME_SENT,
    };
    let statement = which(Statement::of(&[NOW, "BEGIN TRAN;", sql, CHANGED]))
        .with("state", state as i64)
        .with("target", format!("{consumer} {id}"));
    let changed = read(step, rows::only_count(&db.execute(step, signed(statement, step, by)).await?, "Done"))?;
    Ok(if changed == 1 { Ok(()) } else { Err("it changed in the meantime: look again".to_owned()) })
}

pub(super) async fn take_in(
    db: &SqlServer,
    consumer: &str,
    delivery: &Delivery,
    addressee: &Addressee,
    refused: Option<&str>,
    by: &Signature,
) -> StoreResult<TakenIn> {
    let step = "take in";
    let id = delivery.message_id.clone();
    let which = |statement: Statement| statement.with("consumer", consumer.to_owned()).with("id", id.clone());
    let statement = which(Statement::of(&[NOW, "BEGIN TRAN;", TAKE_IN, CHANGED]))
        .with("body", delivery.body.clone())
        .with("traceparent", delivery.traceparent.clone())
        .with("subject", addressee.subject.clone())
        .with("hash", addressee.hash().map(str::to_owned))
        .with("state", MailState::first(refused) as i64)
        .with("refusal", refused.map(bounded))
        .with("target", format!("{consumer} {id}"));
    let changed = db.once_more(step, signed(statement, step, by)).await?;
    if read(step, rows::only_count(&changed, "Done"))? == 1 {
        return Ok(TakenIn::New);
    }
    let found = db.query(step, which(Statement::new(FOUND))).await?;
    let known = rows::having(&found, "HasBody").next().map(mail::state).transpose();
    read(step, known.and_then(|state| state.ok_or_else(|| odd("the message is missing")))).map(TakenIn::Known)
}
