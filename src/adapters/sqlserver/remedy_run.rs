//! The run of a plan: its rows or mails are judged again, then one batch changes those that fit, with the record of it.

use super::{
    db::{SqlServer, read},
    outbox::{DESTINATION_ADD, NOW},
    remedy_plan::{broken, judged_mails, judged_rows, numbers},
    remedy_record::signed,
    rows,
    statement::Statement,
};
use crate::{
    adapters::columns::Columns,
    domain::{
        delivery::EMAIL_CONSUMER,
        ids::MessageId,
        mail_remedy::{self, MailRemedy},
        operations::{
            Action, Judged, RemedyReport, RemedyRequest, RemedyRow, Signature, report_of_run, there, verdicts,
        },
        remedy,
        replay::{self, Copied},
    },
    ports::{
        error::{StoreError, StoreResult},
        operations::{Ran, RemedyRules},
    },
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tiberius::{Row, error::Error};

const STEP: &str = "run a remedy";
const PLANNED: &str = include_str!("sql/remedy_planned.sql");
const PLANNED_ROWS: &str = include_str!("sql/remedy_planned_rows.sql");
const REPORT: &str = include_str!("sql/remedy_report.sql");
const BEGIN: &str = include_str!("sql/remedy_begin.sql");
const TAKE: &str = include_str!("sql/remedy_take.sql");
const MAIL_TAKE: &str = include_str!("sql/remedy_mail_take.sql");
const REQUEUE: &str = include_str!("sql/remedy_requeue.sql");
const ORDER: &str = include_str!("sql/remedy_order.sql");
const DISCARD: &str = include_str!("sql/remedy_discard.sql");
const FOLLOWERS_DUE: &str = include_str!("sql/remedy_followers_due.sql");
const FORGET_ATTEMPTS: &str = include_str!("sql/remedy_forget_attempts.sql");
const ROUTE: &str = include_str!("sql/remedy_route.sql");
const ORIGINAL: &str = include_str!("sql/remedy_original.sql");
const COPY: &str = include_str!("sql/remedy_copy.sql");
const MAIL_RESEND: &str = include_str!("sql/remedy_mail_resend.sql");
const MAIL_ASSUME_SENT: &str = include_str!("sql/remedy_mail_assume_sent.sql");
pub(super) const RECORD: &str = include_str!("sql/remedy_record.sql");
pub(super) const RECORD_MESSAGES: &str = include_str!("sql/remedy_record_messages.sql");

/// A running dispatcher changes rows between our read and our write; then they are judged again, and left.
const TURNS_MAX: u32 = 5;

/// A plan that has not expired.
pub(super) struct Planned {
    pub request: RemedyRequest,
    /// Of its run.
    pub report: Option<RemedyReport>,
    now: DateTime<Utc>,
}

pub(super) async fn planned(db: &SqlServer, token: &str) -> StoreResult<Option<Planned>> {
    let results = db.query(STEP, Statement::of(&[NOW, PLANNED]).with("token", token.to_owned())).await?;
    let texts =
        |row: &Row| Ok::<_, Error>((row.own_text("Remedy")?, row.own_text_opt("Report")?, row.time("CurrentUtc")?));
    let found = read(STEP, rows::having(&results, "Remedy").next().map(texts).transpose())?;
    let Some((request, report, now)) = found else { return Ok(None) };
    let request = serde_json::from_str(&request).map_err(|error| broken(&error))?;
    let report = report.map(|report| serde_json::from_str(&report)).transpose().map_err(|error| broken(&error))?;
    Ok(Some(Planned { request, report, now }))
}

pub(super) async fn store_report(db: &SqlServer, token: &str, report: &RemedyReport) -> StoreResult<()> {
    let statement = Statement::new(REPORT)
        .with("token", token.to_owned())
        .with("report", serde_json::to_string(report).map_err(|error| broken(&error))?)
        .repeatable();
    db.execute(STEP, statement).await.map(drop)
}

pub(super) async fn run(db: &SqlServer, token: &str, rules: &RemedyRules, by: &Signature) -> StoreResult<Ran> {
    for _ in 0..TURNS_MAX {
        let (request, judged_on) = match planned(db, token).await? {
            None => return Ok(Ran::Unknown),
            Some(Planned { report: Some(report), .. }) => return Ok(Ran::Before(report)),
            Some(Planned { request, now, .. }) => (request, now),
        };
        let results = db.query(STEP, Statement::new(PLANNED_ROWS).with("token", token.to_owned())).await?;
        let line = |row: &Row| Ok::<_, Error>((row.own_text("Target")?, row.own_text("Stamp")?));
        let shown = read(STEP, rows::having(&results, "Stamp").map(line).collect::<Result<Vec<_>, _>>())?;
        let (judged, unknown) = match MailRemedy::of(&request.action) {
            Some(remedy) => (judged_mails(db, remedy, &there(&shown)).await?, mail_remedy::UNKNOWN),
            None => (judged_rows(db, &request.action, rules, &there(&shown)).await?, remedy::UNKNOWN),
        };
        let mut verdicts = verdicts(&shown, judged, unknown);
        let copied = copies(db, &request.action, &mut verdicts).await?;
        let (statement, report) = batch(&request, &verdicts, copied, token, by)?;
        let results = db.execute(STEP, statement.with("judged", judged_on)).await?;
        if read(STEP, rows::only_count(&results, "Ended"))? == 0 {
            return Ok(Ran::Now(report));
        }
    }
    let reason = "a dispatcher keeps changing these rows: pause their destination, or try again in a minute".to_owned();
    Err(StoreError::Unavailable { step: STEP, reason, source: None })
}

type Verdicts = Vec<(Judged, Result<(), String>)>;
/// By `Seq`: the new id and what differs in the copy.
type Copies = BTreeMap<i64, (MessageId, Copied)>;

/// The batch of a run, and the report that it stores if all of it is done.
fn batch(
    request: &RemedyRequest,
    verdicts: &[(Judged, Result<(), String>)],
    copies: Copies,
    token: &str,
    by: &Signature,
) -> StoreResult<(Statement, RemedyReport)> {
    let fit = || verdicts.iter().filter(|(_, verdict)| verdict.is_ok()).map(|(one, _)| one);
    let mails = MailRemedy::of(&request.action).is_some();
    let todo: Vec<Value> = fit()
        .map(|one| match one.target.parse::<i64>() {
            Ok(seq) if !mails => json!({"s": seq, "p": one.stamp}),
            Ok(_) | Err(_) => json!({"i": one.target, "p": one.stamp}),
        })
        .collect();
    let expected = i64::try_from(todo.len()).unwrap_or(i64::MAX);
    let (changes, to): (Vec<String>, _) = match &request.action {
        Action::Requeue { .. } | Action::Replay { force: false, .. } => (owned(&[REQUEUE, ORDER]), None),
        // The copies of one row: their parameters are numbered.
        Action::Replay { force: true, .. } => ((0..copies.len()).map(numbered).collect(), None),
        Action::Discard => (owned(&[DISCARD, FOLLOWERS_DUE]), None),
        Action::Route { to, .. } => {
            (owned(&[FOLLOWERS_DUE, DESTINATION_ADD, FORGET_ATTEMPTS, ROUTE, ORDER]), Some(to.clone()))
        }
        Action::ResendMail => (owned(&[MAIL_RESEND]), None),
        Action::AssumeMailSent => (owned(&[MAIL_ASSUME_SENT]), None),
        Action::TakeIn => (Vec::new(), None),
    };
    let take = if mails { MAIL_TAKE } else { TAKE };
    let files: Vec<&str> = [NOW, BEGIN, take]
        .into_iter()
        .chain(changes.iter().map(String::as_str))
        .chain([RECORD, RECORD_MESSAGES])
        .collect();
    let rows: Vec<RemedyRow> = verdicts
        .iter()
        .map(|(one, verdict)| {
            let new_id = copies.get(&seq_of(one)).map(|(new, _)| new.as_str().to_owned());
            one.answer(verdict.clone().map(|()| new_id))
        })
        .collect();
    let done: Vec<&RemedyRow> = rows.iter().filter(|row| row.done).collect();
    let messages: Vec<Value> = RemedyRequest::messages(&done).into_iter().map(|id| json!({"i": id})).collect();
    let target = request.target(&done);
    let report = report_of_run(rows);
    let mut statement = Statement::of(&files)
        .with("todo", Value::from(todo).to_string())
        .with("expected", expected)
        .with("consumer", EMAIL_CONSUMER.to_owned())
        .with("out_of_order", i32::from(request.action.out_of_order()))
        .with("to", to.clone())
        .with("name", to)
        .with("token", token.to_owned())
        .with("report", serde_json::to_string(&report).map_err(|error| broken(&error))?)
        .with("messages", Value::from(messages).to_string())
        .with("target", target);
    for (n, (seq, (new, copied))) in copies.into_iter().enumerate() {
        statement = statement
            .with(format!("seq_{n}"), seq)
            .with(format!("new_id_{n}"), new.as_str().to_owned())
            .with(format!("payload_{n}"), copied.payload)
            .with(format!("headers_{n}"), copied.headers);
    }
    Ok((signed(statement, request.action.recorded(), by), report))
}

fn owned(files: &[&str]) -> Vec<String> {
    files.iter().map(|&file| file.to_owned()).collect()
}

/// The statement for the n-th copy, with parameters of its own: as JSON, Babelfish would keep the escapes of JSON in JSON.
fn numbered(n: usize) -> String {
    ["@seq", "@new_id", "@payload", "@headers"]
        .iter()
        .fold(COPY.to_owned(), |sql, name| sql.replace(name, &format!("{name}_{n}")))
}

/// Makes the copies of the rows that fit. A row of which none can be made does not fit.
async fn copies(db: &SqlServer, action: &Action, verdicts: &mut Verdicts) -> StoreResult<Copies> {
    let mut made = Copies::new();
    let Action::Replay { force: true, .. } = action else { return Ok(made) };
    let fit = verdicts.iter().filter(|(_, verdict)| verdict.is_ok());
    let seqs: Vec<String> = fit.map(|(one, _)| one.target.clone()).collect();
    let results = db.query(STEP, Statement::new(ORIGINAL).with("seqs", numbers(&seqs))).await?;
    let original = |row: &Row| {
        let (content_type, headers) = (row.text("ContentType")?, row.text("Headers")?);
        Ok::<_, Error>((row.number("OriginalSeq")?, (content_type, headers, row.text("Payload")?)))
    };
    let originals: BTreeMap<_, _> = read(STEP, rows::having(&results, "OriginalSeq").map(original).collect())?;
    // One event has one id: its copies for several destinations share it, as the originals did.
    let mut ids = BTreeMap::new();
    for (one, verdict) in verdicts.iter_mut().filter(|(_, verdict)| verdict.is_ok()) {
        let new = ids.entry(one.id.clone()).or_insert_with(MessageId::fresh).clone();
        let copy = match originals.get(&seq_of(one)) {
            Some((content_type, headers, payload)) => {
                replay::copy(&one.id, &new, content_type, payload.as_bytes(), headers)
            }
            None => Err(remedy::GONE.to_owned()),
        };
        match copy {
            Ok(copy) => drop(made.insert(seq_of(one), (new, copy))),
            Err(why_not) => *verdict = Err(why_not),
        }
    }
    Ok(made)
}

fn seq_of(one: &Judged) -> i64 {
    one.target.parse().unwrap_or_default()
}
