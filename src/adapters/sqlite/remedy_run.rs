//! The run of a plan: each row or mail is judged again and changed, in one transaction with the record of it.

use super::{
    remedy_plan::{judged_mails, judged_rows},
    remedy_record::record,
    rows,
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
        remedy, replay,
    },
    ports::operations::{Ran, RemedyRules},
};
use rusqlite::{Connection, OptionalExtension, named_params};
use std::collections::BTreeMap;

/// The request of a plan that has not expired, and the report of its run.
pub(super) fn planned(
    db: &Connection,
    now: i64,
    token: &str,
) -> rusqlite::Result<Option<(RemedyRequest, Option<RemedyReport>)>> {
    let mut statement = db.prepare_cached(include_str!("sql/remedy_planned.sql"))?;
    let which = named_params! { ":token": token, ":now": now };
    let texts = |row: &rusqlite::Row<'_>| Ok((row.own_text("Remedy")?, row.own_text_opt("Report")?));
    let Some((request, report)) = statement.query_row(which, texts).optional()? else { return Ok(None) };
    let request = serde_json::from_str(&request).map_err(rows::broken)?;
    let report = report.map(|report| serde_json::from_str(&report)).transpose().map_err(rows::broken)?;
    Ok(Some((request, report)))
}

/// Stores the report of a run. False: there is one already.
pub(super) fn store_report(db: &Connection, token: &str, report: &RemedyReport) -> rusqlite::Result<bool> {
    let report = serde_json::to_string(report).map_err(rows::broken)?;
    let mut statement = db.prepare_cached(include_str!("sql/remedy_report.sql"))?;
    Ok(statement.execute(named_params! { ":token": token, ":report": report })? == 1)
}

pub(super) fn run(
    db: &Connection,
    now: i64,
    token: &str,
    rules: &RemedyRules,
    by: &Signature,
) -> rusqlite::Result<Ran> {
    let request = match planned(db, now, token)? {
        None => return Ok(Ran::Unknown),
        Some((_, Some(report))) => return Ok(Ran::Before(report)),
        Some((request, None)) => request,
    };
    let mut shown = db.prepare_cached(include_str!("sql/remedy_planned_rows.sql"))?;
    let shown = shown
        .query_map(named_params! { ":token": token }, |row| Ok((row.own_text("Target")?, row.own_text("Stamp")?)))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let (now_judged, unknown) = match MailRemedy::of(&request.action) {
        Some(remedy) => (judged_mails(db, remedy, &there(&shown))?, mail_remedy::UNKNOWN),
        None => (judged_rows(db, now, &request.action, rules, &there(&shown))?, remedy::UNKNOWN),
    };
    let (mut answers, mut ids) = (Vec::new(), BTreeMap::new());
    for (one, verdict) in verdicts(&shown, now_judged, unknown) {
        let done = match verdict {
            Ok(()) => apply(db, now, &request.action, &one, &mut ids)?,
            Err(why_not) => Err(why_not),
        };
        answers.push(one.answer(done));
    }
    let report = finish(db, now, &request, answers, by)?;
    store_report(db, token, &report)?;
    Ok(Ran::Now(report))
}

fn finish(
    db: &Connection,
    now: i64,
    request: &RemedyRequest,
    answers: Vec<RemedyRow>,
    by: &Signature,
) -> rusqlite::Result<RemedyReport> {
    let done: Vec<&RemedyRow> = answers.iter().filter(|row| row.done).collect();
    if !done.is_empty() {
        let messages = RemedyRequest::messages(&done);
        record(db, now, request.action.recorded(), &request.target(&done), done.len() as u64, &messages, by)?;
    }
    Ok(report_of_run(answers))
}

/// The new id, for a copy. The inner `Err` is the reason why it was not done.
fn apply(
    db: &Connection,
    now: i64,
    action: &Action,
    one: &Judged,
    ids: &mut BTreeMap<String, MessageId>,
) -> rusqlite::Result<Result<Option<String>, String>> {
    let seq = one.target.parse::<i64>().unwrap_or_default();
    let changed = |sql| db.prepare_cached(sql)?.execute(named_params! { ":seq": seq, ":now": now });
    let mail = |sql| {
        let which = named_params! { ":consumer": EMAIL_CONSUMER, ":id": one.target, ":now": now };
        db.prepare_cached(sql)?.execute(which)
    };
    match action {
        Action::Requeue { .. } | Action::Replay { force: false, .. } => {
            changed(include_str!("sql/remedy_requeue.sql"))?
        }
        Action::Replay { force: true, .. } => {
            // One event has one id: its copies for several destinations share it, as the originals did.
            let new = ids.entry(one.id.clone()).or_insert_with(MessageId::fresh);
            return Ok(copy(db, now, seq, &one.id, new)?.map(|()| Some(new.as_str().to_owned())));
        }
        Action::Discard => {
            changed(include_str!("sql/remedy_discard.sql"))?;
            changed(include_str!("sql/remedy_followers_due.sql"))?
        }
        Action::Route { to, .. } => {
            changed(include_str!("sql/remedy_followers_due.sql"))?;
            db.prepare_cached(include_str!("sql/outbox_destination_add.sql"))?
                .execute(named_params! { ":name": to })?;
            db.prepare_cached(include_str!("sql/remedy_forget_attempts.sql"))?
                .execute(named_params! { ":seq": seq })?;
            db.prepare_cached(include_str!("sql/remedy_route.sql"))?
                .execute(named_params! { ":seq": seq, ":to": to, ":now": now })?
        }
        Action::ResendMail => mail(include_str!("sql/remedy_mail_resend.sql"))?,
        Action::AssumeMailSent => mail(include_str!("sql/remedy_mail_assume_sent.sql"))?,
        Action::TakeIn => return Ok(Err("dead letters are taken in from the queue".to_owned())),
    };
    Ok(Ok(None))
}

fn copy(db: &Connection, now: i64, seq: i64, id: &str, new: &MessageId) -> rusqlite::Result<Result<(), String>> {
    let mut original = db.prepare_cached(include_str!("sql/remedy_original.sql"))?;
    let copied = original.query_row(named_params! { ":seq": seq }, |original| {
        let content_type = original.text("ContentType")?;
        let headers = original.text("Headers")?;
        let payload = original.get_ref("Payload")?.as_bytes()?;
        Ok(replay::copy(id, new, &content_type, payload, &headers))
    })?;
    let copied = match copied {
        Ok(copied) => copied,
        Err(why_not) => return Ok(Err(why_not)),
    };
    db.prepare_cached(include_str!("sql/remedy_copy.sql"))?.execute(named_params! {
        ":seq": seq,
        ":new_id": new.as_str(),
        ":payload": copied.payload,
        ":headers": copied.headers,
        ":now": now,
    })?;
    Ok(Ok(()))
}
