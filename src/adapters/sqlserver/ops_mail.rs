//! What operators read of mails.

use super::{
    db::{SqlServer, read},
    ops_read::REPORT,
    rows,
    statement::Statement,
};
use crate::{
    adapters::columns::mail,
    domain::{delivery::MailState, recipient::RecipientHash},
    ports::{error::StoreResult, ops::MailRow},
};

const LIST: &str = include_str!("sql/ops_mail_list.sql");
const SHOW: &str = include_str!("sql/ops_mail_show.sql");
const OF_RECIPIENT: &str = include_str!("sql/ops_mail_of.sql");

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
