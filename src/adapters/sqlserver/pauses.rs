//! Pause, drain and resume of destinations and mail providers.

use super::{
    db::{SqlServer, read},
    outbox::NOW,
    remedy_record::signed,
    remedy_run::{RECORD, RECORD_MESSAGES},
    rows,
    statement::Statement,
};
use crate::{
    adapters::columns::Columns,
    domain::{
        delivery::EMAIL_CONSUMER,
        operations::{PauseAction, PauseReport, PauseRequest, Signature},
    },
    ports::error::StoreResult,
};
use serde_json::{Value, json};

const NAMES: &str = include_str!("sql/pause_names.sql");
const BEGIN: &str = include_str!("sql/pause_begin.sql");
const END: &str = include_str!("sql/pause_end.sql");
const LEASED: &str = include_str!("sql/pause_leased.sql");

pub(super) async fn names(db: &SqlServer) -> StoreResult<Vec<String>> {
    let step = "read destinations";
    let results = db.query(step, Statement::new(NAMES)).await?;
    read(step, rows::having(&results, "Name").map(|row| row.text("Name")).collect())
}

pub(super) async fn change(db: &SqlServer, request: &PauseRequest, by: &Signature) -> StoreResult<Option<PauseReport>> {
    let step = request.action.name();
    let Some(names) = request.names(names(db).await?) else { return Ok(None) };
    let listed: Vec<Value> = names.iter().map(|name| json!({"n": name})).collect();
    let mails = names.iter().any(|name| name.starts_with("mail:"));
    let change = if request.action == PauseAction::Resume { END } else { BEGIN };
    let mut statement = Statement::of(&[NOW, "BEGIN TRAN;", change, RECORD, RECORD_MESSAGES, LEASED])
        .with("names", Value::from(listed).to_string())
        .with("consumer", mails.then(|| EMAIL_CONSUMER.to_owned()))
        .with("messages", "[]".to_owned())
        .with("target", request.target());
    if request.action != PauseAction::Resume {
        let seconds = |ms: i64| i32::try_from((ms / 1_000).clamp(0, SECONDS_MAX)).unwrap_or_default();
        statement = statement
            .with("for_s", request.for_ms.map(seconds))
            .with("for_ms", request.for_ms.map(|ms| i32::try_from(ms.rem_euclid(1_000)).unwrap_or_default()))
            .with("drain", i32::from(request.action == PauseAction::Drain));
    }
    let results = db.execute(step, signed(statement, step, by)).await?;
    let changed = read(step, rows::only_count(&results, "ChangedRows"))?;
    let leased = read(step, rows::only_count(&results, "Leased"))?;
    Ok(Some(PauseReport { names, changed: u64::from(changed), leased: u64::from(leased) }))
}

/// As many as DATEADD takes: 63 years.
const SECONDS_MAX: i64 = 2_000_000_000;
