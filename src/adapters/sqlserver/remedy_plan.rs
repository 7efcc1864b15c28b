//! The dry run: finds the rows or mails of a remedy and judges each.

use super::{
    db::{SqlServer, read},
    outbox::NOW,
    rows,
    session::Results,
    statement::Statement,
};
use crate::{
    adapters::{
        columns::{Columns, mail, operator},
        selection::{EXAMINED_MAX, Found, Mails, Rows, spelled},
    },
    domain::{
        delivery::EMAIL_CONSUMER,
        mail_remedy::{self, MailRemedy},
        operations::{Action, Judged, Plan, RemedyRequest, Selection, one_row_of_each_message},
        remedy::{self, Remedy},
    },
    ports::{
        error::{StoreError, StoreResult},
        operations::RemedyRules,
    },
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tiberius::Row;

const STEP: &str = "plan a remedy";
const LIFETIME_S: i32 = 3_600;
const IDS: &str = include_str!("sql/remedy_ids.sql");
const MAIL_IDS: &str = include_str!("sql/remedy_mail_ids.sql");
const SELECT: &str = include_str!("sql/remedy_select.sql");
const MAIL_SELECT: &str = include_str!("sql/remedy_mail_select.sql");
const FACTS: &str = include_str!("sql/remedy_facts.sql");
pub(super) const MAIL_FACTS: &str = include_str!("sql/remedy_mail_facts.sql");
const PLAN: &str = include_str!("sql/remedy_plan.sql");
const PLAN_ROWS: &str = include_str!("sql/remedy_plan_rows.sql");

pub(super) async fn plan(
    db: &SqlServer,
    request: &RemedyRequest,
    rules: &RemedyRules,
    token: &str,
) -> StoreResult<Plan> {
    let (judged, more) = found(db, request, rules).await?;
    let lines: Vec<Value> = judged
        .iter()
        .enumerate()
        .map(|(place, row)| json!({"p": place, "t": row.target, "s": row.planned_stamp()}))
        .collect();
    let remedy = serde_json::to_string(request).map_err(|error| broken(&error))?;
    let statement = Statement::of(&[NOW, PLAN, PLAN_ROWS])
        .with("token", token.to_owned())
        .with("remedy", remedy)
        .with("rows", Value::from(lines).to_string())
        .with("lifetime_s", LIFETIME_S);
    let results = db.execute(STEP, statement).await?;
    let expires_on = rows::having(&results, "ExpiresOnUtc").next().map(|row| row.time("ExpiresOnUtc")).transpose();
    let expires_on = read(STEP, expires_on)?.unwrap_or_default();
    Ok(Plan::of(token, expires_on, &judged, more))
}

pub(super) fn broken(error: &serde_json::Error) -> StoreError {
    StoreError::Broken { step: STEP, reason: error.to_string(), source: None }
}

async fn found(db: &SqlServer, request: &RemedyRequest, rules: &RemedyRules) -> StoreResult<(Vec<Judged>, bool)> {
    if let Some(remedy) = Remedy::of(&request.action) {
        let wanted = Rows::of(request, remedy);
        let found = named(db, wanted.texts.as_deref(), Statement::new(IDS)).await?;
        let (targets, more) = selected_rows(db, &wanted, &found.targets).await?;
        let mut judged = judged_rows(db, &request.action, rules, &targets).await?;
        judged.extend(found.missing.iter().map(|text| Judged::absent(text, remedy::UNKNOWN)));
        return Ok((judged, more));
    }
    if let Some(remedy) = MailRemedy::of(&request.action) {
        let wanted = Mails::of(request, remedy);
        let ids = Statement::new(MAIL_IDS).with("consumer", EMAIL_CONSUMER.to_owned());
        let found = named(db, wanted.texts.as_deref(), ids).await?;
        let (targets, more) = selected_mails(db, &wanted, &found.targets).await?;
        let mut judged = judged_mails(db, remedy, &targets).await?;
        judged.extend(found.missing.iter().map(|text| Judged::absent(text, mail_remedy::UNKNOWN)));
        return Ok((judged, more));
    }
    // Dead letters are the queue's: the flow has read them.
    let Selection::Ids(ids) = &request.selection else { return Ok((Vec::new(), false)) };
    Ok((ids.iter().map(|id| Judged::dead_letter(id)).collect(), false))
}

async fn named(db: &SqlServer, texts: Option<&[String]>, statement: Statement) -> StoreResult<Found> {
    let texts = texts.unwrap_or_default();
    if texts.is_empty() {
        return Ok(Found::of(texts, &[]));
    }
    let results = db.query(STEP, statement.with("texts", spelled(texts))).await?;
    let line = |row: &Row| Ok((row.number("Place")?, row.text("Target")?, row.text("Id")?));
    Ok(Found::of(texts, &read(STEP, rows::having(&results, "Place").map(line).collect::<Result<Vec<_>, _>>())?))
}

async fn selected_rows(db: &SqlServer, wanted: &Rows, seqs: &[String]) -> StoreResult<(Vec<String>, bool)> {
    let filter = &wanted.filter;
    let statement = Statement::new(SELECT)
        .with("seqs", numbers(seqs))
        .with("path", wanted.path.to_owned())
        .with("states", wanted.states)
        .with("since", within_years(filter.since.unwrap_or(DateTime::<Utc>::MIN_UTC)))
        .with("until", within_years(filter.until.unwrap_or(DateTime::<Utc>::MAX_UTC)))
        .with("fingerprint", filter.fingerprint.clone())
        .with("ordering_key", filter.ordering_key.clone())
        .with("subject", wanted.subject())
        .with("event_type", filter.event_type.clone())
        .with("destination", filter.destination.clone())
        .with("examined_max", EXAMINED_MAX)
        .with("limit", wanted.limit);
    selected(&db.query(STEP, statement).await?, wanted.limit)
}

async fn selected_mails(db: &SqlServer, wanted: &Mails, ids: &[String]) -> StoreResult<(Vec<String>, bool)> {
    let filter = &wanted.filter;
    let statement = Statement::new(MAIL_SELECT)
        .with("ids", texts(ids))
        .with("path", wanted.path.to_owned())
        .with("states", wanted.states)
        .with("consumer", EMAIL_CONSUMER.to_owned())
        .with("fingerprint", filter.fingerprint.clone())
        .with("subject", wanted.subject())
        .with("recipient_hash", filter.recipient_hash.clone())
        .with("examined_max", EXAMINED_MAX)
        .with("limit", wanted.limit);
    selected(&db.query(STEP, statement).await?, wanted.limit)
}

/// The targets, and whether there may be more than were asked for.
fn selected(results: &Results, limit: i64) -> StoreResult<(Vec<String>, bool)> {
    let examined = read(STEP, rows::only_count(results, "Examined"))?;
    let targets = rows::having(results, "Target").map(|row| row.text("Target"));
    let mut targets: Vec<String> = read(STEP, targets.collect())?;
    let rows_max = usize::try_from(limit - 1).unwrap_or_default();
    let more = i64::from(examined) >= EXAMINED_MAX || targets.len() > rows_max;
    targets.truncate(rows_max);
    Ok((targets, more))
}

/// The rows of these `Seq`s, in their order, as the remedy sees them now. One that is gone is missing.
pub(super) async fn judged_rows(
    db: &SqlServer,
    action: &Action,
    rules: &RemedyRules,
    seqs: &[String],
) -> StoreResult<Vec<Judged>> {
    let Some(remedy) = Remedy::of(action) else { return Ok(Vec::new()) };
    let to = if let Action::Route { to, .. } = action { Some(to.clone()) } else { None };
    let statement = Statement::of(&[NOW, FACTS])
        .with("seqs", numbers(seqs))
        .with("to", to)
        .with("mail_queue", rules.mail_queue.clone())
        .with("consumer", EMAIL_CONSUMER.to_owned());
    let results = db.query(STEP, statement).await?;
    let judged = |row: &Row| operator::judged(row, row.time("CurrentUtc")?, remedy, action, rules);
    let judged = read(STEP, rows::having(&results, "LaterSent").map(judged).collect())?;
    Ok(one_row_of_each_message(action, judged))
}

/// The mails of these ids, as the remedy sees them now. One that is gone is missing.
pub(super) async fn judged_mails(db: &SqlServer, remedy: MailRemedy, ids: &[String]) -> StoreResult<Vec<Judged>> {
    let statement = Statement::new(MAIL_FACTS).with("ids", texts(ids)).with("consumer", EMAIL_CONSUMER.to_owned());
    let results = db.query(STEP, statement).await?;
    read(STEP, rows::having(&results, "HasBody").map(|row| mail::judged(row, remedy)).collect())
}

pub(super) fn numbers(seqs: &[String]) -> String {
    let seqs = seqs.iter().map(|seq| json!({"s": seq.parse::<i64>().unwrap_or_default()}));
    Value::from(seqs.collect::<Vec<_>>()).to_string()
}

pub(super) fn texts(ids: &[String]) -> String {
    Value::from(ids.iter().map(|id| json!({"i": id})).collect::<Vec<_>>()).to_string()
}

/// The years that datetime2 has.
fn within_years(time: DateTime<Utc>) -> DateTime<Utc> {
    let year =
        |year: i32| chrono::NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default().and_time(chrono::NaiveTime::MIN);
    time.clamp(year(1).and_utc(), year(9_999).and_utc())
}
