//! A dead letter that an operator takes in.

use super::{
    db::{SqlServer, read},
    errors::odd,
    outbox::NOW,
    remedy_plan::{MAIL_FACTS, texts},
    remedy_record::signed,
    remedy_run::{RECORD, RECORD_MESSAGES},
    rows,
    statement::Statement,
};
use crate::{
    adapters::columns::mail,
    domain::{
        delivery::{Delivery, MailState},
        operations::Signature,
        outbox::bounded,
        recipient::Addressee,
    },
    ports::{error::StoreResult, operations::TakenIn},
};

const TAKE_IN: &str = include_str!("sql/remedy_take_in.sql");

pub(super) async fn take_in(
    db: &SqlServer,
    consumer: &str,
    delivery: &Delivery,
    addressee: &Addressee,
    refused: Option<&str>,
    by: &Signature,
) -> StoreResult<TakenIn> {
    let step = "take in";
    let id = &delivery.message_id;
    let ids = texts(std::slice::from_ref(id));
    let statement = Statement::of(&[NOW, "BEGIN TRAN;", TAKE_IN, RECORD, RECORD_MESSAGES])
        .with("consumer", consumer.to_owned())
        .with("id", id.clone())
        .with("body", delivery.body.clone())
        .with("traceparent", delivery.traceparent.clone())
        .with("subject", addressee.subject.clone())
        .with("hash", addressee.hash().map(str::to_owned))
        .with("state", MailState::first(refused) as i64)
        .with("refusal", refused.map(bounded))
        .with("target", id.clone())
        .with("messages", ids.clone());
    let changed = db.once_more(step, signed(statement, step, by)).await?;
    if read(step, rows::only_count(&changed, "ChangedRows"))? == 1 {
        return Ok(TakenIn::New);
    }
    let found =
        db.query(step, Statement::new(MAIL_FACTS).with("ids", ids).with("consumer", consumer.to_owned())).await?;
    let known = rows::having(&found, "HasBody").next().map(mail::state).transpose();
    read(step, known.and_then(|state| state.ok_or_else(|| odd("the message is missing")))).map(TakenIn::Known)
}
