//! What operators read of the outbox: the state of each destination, rows, one message.

use super::{
    db::{SqlServer, read},
    migrate::VERSION,
    outbox::{self, HELD, HELD_MS, NOW},
    rows,
    session::Results,
    statement::Statement,
};
use crate::{
    adapters::columns::{Columns, mail, operator},
    domain::{delivery::EMAIL_CONSUMER, ids::Spellings},
    ports::{
        error::StoreResult,
        ops::{Found, OutboxRow, RowFilter, Status},
        outbox::{HELD_ROWS_MAX, held_by},
    },
};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use tiberius::error::Error;

pub(super) const REPORT: &str = include_str!("sql/ops_report.sql");
const STATUS: &str = include_str!("sql/ops_status.sql");
const OLDEST: &str = include_str!("sql/ops_oldest_claimable.sql");
const NOT_ROUTED: &str = include_str!("sql/ops_not_routed.sql");
const MAIL_COUNTS: &str = include_str!("sql/ops_mail_counts.sql");
const LIST: &str = include_str!("sql/ops_list.sql");
const FIND: &str = include_str!("sql/ops_find.sql");
const SHOW: &str = include_str!("sql/ops_show.sql");

pub(super) async fn status(db: &SqlServer, routed_types: &[String]) -> StoreResult<Status> {
    let step = "status";
    let files = [NOW, HELD, REPORT, STATUS, OLDEST, NOT_ROUTED, MAIL_COUNTS, VERSION];
    let results = db
        .query(
            step,
            Statement::of(&files)
                .with("held_ms", HELD_MS)
                .with("held_max", i64::from(HELD_ROWS_MAX))
                .with("consumer", EMAIL_CONSUMER.to_owned()),
        )
        .await?;
    let mut status = read(step, status_of(&results, routed_types))?;
    let held = read(step, outbox::held(&results))?;
    if held > 0 {
        status.stalled = Some(held_by(held, &outbox::holders(db).await));
    }
    Ok(status)
}

pub(super) async fn list(db: &SqlServer, filter: &RowFilter) -> StoreResult<Vec<OutboxRow>> {
    let step = "list rows";
    let statement = Statement::of(&[REPORT, LIST])
        .with("state", filter.state.map(|state| state as i64))
        .with("destination", filter.destination.clone())
        .with("event_type", filter.event_type.clone())
        .with("after", filter.after)
        .with("limit", i64::from(filter.limit));
    rows_of(step, &db.query(step, statement).await?)
}

pub(super) async fn find(db: &SqlServer, consumer: &str, text: &str) -> StoreResult<Option<Found>> {
    let step = "find a message";
    let Spellings { exact, lower, upper, seq } = Spellings::of(text);
    let statement = Statement::of(&[REPORT, FIND])
        .with("exact", exact)
        .with("lower", lower)
        .with("upper", upper)
        .with("consumer", consumer.to_owned())
        .with("seq", seq);
    let results = db.query(step, statement).await?;
    read(step, rows::having(&results, "FoundId").next().map(operator::found).transpose())
}

pub(super) async fn show(db: &SqlServer, id: &str) -> StoreResult<Vec<OutboxRow>> {
    let step = "show a message";
    rows_of(step, &db.query(step, Statement::of(&[REPORT, SHOW]).with("id", id.to_owned())).await?)
}

fn rows_of(step: &'static str, results: &Results) -> StoreResult<Vec<OutboxRow>> {
    read(step, rows::having(results, "Seq").map(operator::outbox_row).collect())
}

fn status_of(results: &Results, routed_types: &[String]) -> Result<Status, Error> {
    let mut oldest: BTreeMap<String, DateTime<Utc>> = BTreeMap::new();
    for row in rows::having(results, "HeadOf") {
        oldest.insert(row.text("HeadOf")?, row.time("OldestDueAt")?);
    }
    let mut status = Status { schema_version: rows::only_count(results, "Version")?, ..Status::default() };
    // A destination without a status line has no rows.
    let mut now = DateTime::UNIX_EPOCH;
    for row in rows::having(results, "Pending") {
        now = row.time("CurrentUtc")?;
        let mut one = operator::destination(row)?;
        one.oldest_claimable_ms = oldest.get(&one.name).map(|due_at| (now - *due_at).num_milliseconds());
        status.destinations.push(one);
    }
    status.mail = rows::having(results, "Mails").map(mail::count).collect::<Result<_, _>>()?;
    let not_routed = rows::having(results, "EventType").map(operator::not_routed).collect::<Result<_, _>>()?;
    status.count_not_routed(not_routed, routed_types, now);
    Ok(status)
}
