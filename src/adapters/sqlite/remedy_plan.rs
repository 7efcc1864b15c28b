//! The dry run: finds the rows or mails of a remedy and judges each.

use super::rows;
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
    ports::operations::RemedyRules,
};
use rusqlite::{Connection, Row, ToSql, named_params};
use serde_json::{Value, json};

const LIFETIME_MS: i64 = 3_600_000;

pub(super) fn plan(
    db: &Connection,
    now: i64,
    request: &RemedyRequest,
    rules: &RemedyRules,
    token: &str,
) -> rusqlite::Result<Plan> {
    let (judged, more) = found(db, now, request, rules)?;
    db.prepare_cached(include_str!("sql/remedy_plan.sql"))?.execute(named_params! {
        ":token": token,
        ":remedy": serde_json::to_string(request).map_err(rows::broken)?,
        ":expires": now + LIFETIME_MS,
    })?;
    let lines = judged.iter().map(|row| json!({"t": row.target, "s": row.planned_stamp()}));
    let lines = Value::from(lines.collect::<Vec<_>>()).to_string();
    db.prepare_cached(include_str!("sql/remedy_plan_rows.sql"))?
        .execute(named_params! { ":token": token, ":rows": lines })?;
    Ok(Plan::of(token, rows::time_of(now + LIFETIME_MS), &judged, more))
}

fn found(
    db: &Connection,
    now: i64,
    request: &RemedyRequest,
    rules: &RemedyRules,
) -> rusqlite::Result<(Vec<Judged>, bool)> {
    if let Some(remedy) = Remedy::of(&request.action) {
        let wanted = Rows::of(request, remedy);
        let found = named(db, wanted.texts.as_deref(), include_str!("sql/remedy_ids.sql"), &[])?;
        let (targets, more) = selected_rows(db, &wanted, &found.targets)?;
        let mut judged = judged_rows(db, now, &request.action, rules, &targets)?;
        judged.extend(found.missing.iter().map(|text| Judged::absent(text, remedy::UNKNOWN)));
        return Ok((judged, more));
    }
    if let Some(remedy) = MailRemedy::of(&request.action) {
        let wanted = Mails::of(request, remedy);
        let consumer: [(&str, &dyn ToSql); 1] = [(":consumer", &EMAIL_CONSUMER)];
        let found = named(db, wanted.texts.as_deref(), include_str!("sql/remedy_mail_ids.sql"), &consumer)?;
        let (targets, more) = selected_mails(db, &wanted, &found.targets)?;
        let mut judged = judged_mails(db, remedy, &targets)?;
        judged.extend(found.missing.iter().map(|text| Judged::absent(text, mail_remedy::UNKNOWN)));
        return Ok((judged, more));
    }
    // Dead letters are the queue's: the flow has read them.
    let Selection::Ids(ids) = &request.selection else { return Ok((Vec::new(), false)) };
    Ok((ids.iter().map(|id| Judged::dead_letter(id)).collect(), false))
}

fn named(db: &Connection, texts: Option<&[String]>, sql: &str, more: &[(&str, &dyn ToSql)]) -> rusqlite::Result<Found> {
    let texts = texts.unwrap_or_default();
    let spelled = spelled(texts);
    let mut which: Vec<(&str, &dyn ToSql)> = vec![(":texts", &spelled)];
    which.extend(more);
    let line = |row: &Row<'_>| Ok((row.number("Place")?, row.text("Target")?, row.text("Id")?));
    let lines = db.prepare_cached(sql)?.query_map(which.as_slice(), line)?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(Found::of(texts, &lines))
}

fn selected_rows(db: &Connection, wanted: &Rows, seqs: &[String]) -> rusqlite::Result<(Vec<String>, bool)> {
    let filter = &wanted.filter;
    let which = named_params! {
        ":seqs": numbers(seqs),
        ":path": wanted.path,
        ":states": wanted.states,
        ":since": filter.since.map_or(i64::MIN, |time| time.timestamp_millis()),
        ":until": filter.until.map_or(i64::MAX, |time| time.timestamp_millis()),
        ":fingerprint": filter.fingerprint,
        ":ordering_key": filter.ordering_key,
        ":subject": wanted.subject(),
        ":event_type": filter.event_type,
        ":destination": filter.destination,
        ":examined_max": EXAMINED_MAX,
        ":limit": wanted.limit,
    };
    selected(db, include_str!("sql/remedy_select.sql"), which, wanted.limit)
}

fn selected_mails(db: &Connection, wanted: &Mails, ids: &[String]) -> rusqlite::Result<(Vec<String>, bool)> {
    let filter = &wanted.filter;
    let which = named_params! {
        ":ids": json!(ids).to_string(),
        ":path": wanted.path,
        ":states": wanted.states,
        ":consumer": EMAIL_CONSUMER,
        ":fingerprint": filter.fingerprint,
        ":subject": wanted.subject(),
        ":recipient_hash": filter.recipient_hash,
        ":examined_max": EXAMINED_MAX,
        ":limit": wanted.limit,
    };
    selected(db, include_str!("sql/remedy_mail_select.sql"), which, wanted.limit)
}

/// The targets, and whether there may be more than were asked for.
fn selected(
    db: &Connection,
    sql: &str,
    which: &[(&str, &dyn ToSql)],
    limit: i64,
) -> rusqlite::Result<(Vec<String>, bool)> {
    let mut statement = db.prepare_cached(sql)?;
    let (mut targets, mut more) = (Vec::new(), false);
    let mut lines = statement.query(which)?;
    while let Some(line) = lines.next()? {
        match line.text_opt("Target")? {
            Some(target) => targets.push(target),
            None => more = line.number("Examined")? >= EXAMINED_MAX,
        }
    }
    let rows_max = usize::try_from(limit - 1).unwrap_or_default();
    more |= targets.len() > rows_max;
    targets.truncate(rows_max);
    Ok((targets, more))
}

/// The rows of these `Seq`s, in their order, as the remedy sees them now. One that is gone is missing.
pub(super) fn judged_rows(
    db: &Connection,
    now: i64,
    action: &Action,
    rules: &RemedyRules,
    seqs: &[String],
) -> rusqlite::Result<Vec<Judged>> {
    let Some(remedy) = Remedy::of(action) else { return Ok(Vec::new()) };
    let to = if let Action::Route { to, .. } = action { Some(to) } else { None };
    let which = named_params! {
        ":seqs": numbers(seqs),
        ":to": to,
        ":mail_queue": rules.mail_queue,
        ":consumer": EMAIL_CONSUMER,
    };
    let mut statement = db.prepare_cached(include_str!("sql/remedy_facts.sql"))?;
    let now = rows::time_of(now);
    let judged = statement.query_map(which, |row| operator::judged(row, now, remedy, action, rules))?;
    Ok(one_row_of_each_message(action, judged.collect::<rusqlite::Result<_>>()?))
}

/// The mails of these ids, as the remedy sees them now. One that is gone is missing.
pub(super) fn judged_mails(db: &Connection, remedy: MailRemedy, ids: &[String]) -> rusqlite::Result<Vec<Judged>> {
    let mut statement = db.prepare_cached(include_str!("sql/remedy_mail_facts.sql"))?;
    let which = named_params! { ":ids": json!(ids).to_string(), ":consumer": EMAIL_CONSUMER };
    statement.query_map(which, |row| mail::judged(row, remedy))?.collect()
}

fn numbers(seqs: &[String]) -> String {
    format!("[{}]", seqs.join(","))
}
