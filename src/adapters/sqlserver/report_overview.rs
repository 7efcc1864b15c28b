//! The overview: what is unfinished, from filtered indexes, and what was settled, from a small table.

use super::{
    db::{SqlServer, millis, read},
    migrate::VERSION,
    outbox::{self, HELD, HELD_MS, NOW},
    reports::REPORT,
    rows,
    session::Results,
    statement::Statement,
};
use crate::{
    adapters::columns::{
        Columns,
        overview::{self, Parts, REFUSED_RECENT_MS},
    },
    domain::{
        delivery::EMAIL_CONSUMER,
        operations::Overview,
        rate_limit::{HOUR_MS, MINUTE_MS},
    },
    ports::{
        error::StoreResult,
        operations::OverviewQuery,
        outbox::{HELD_ROWS_MAX, held_by},
    },
};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use tiberius::{Row, error::Error};

const DESTINATIONS: &str = include_str!("sql/report_destinations.sql");
const OLDEST: &str = include_str!("sql/report_oldest_claimable.sql");
const NOT_ROUTED: &str = include_str!("sql/report_not_routed.sql");
const MAIL_STATES: &str = include_str!("sql/report_mail_states.sql");
const ROOM: &str = include_str!("sql/report_room.sql");
const HEARTBEATS: &str = include_str!("sql/report_heartbeats.sql");
const MINUTES: &str = include_str!("sql/report_minutes.sql");

pub(super) async fn overview(db: &SqlServer, query: &OverviewQuery) -> StoreResult<Overview> {
    let step = "overview";
    let files = [NOW, HELD, REPORT, DESTINATIONS, OLDEST, NOT_ROUTED, MAIL_STATES, ROOM, HEARTBEATS, MINUTES, VERSION];
    let statement = Statement::of(&files)
        .with("held_ms", HELD_MS)
        .with("held_max", i64::from(HELD_ROWS_MAX))
        .with("consumer", EMAIL_CONSUMER.to_owned())
        .with("recent_ms", millis(REFUSED_RECENT_MS))
        .with("provider", query.provider.clone())
        .with("minute_ms", millis(MINUTE_MS))
        .with("hour_ms", millis(HOUR_MS))
        .with("minutes", i32::try_from(query.minutes).unwrap_or(i32::MAX));
    let results = db.query(step, statement).await?;
    let (mut parts, now) = read(step, parts(&results))?;
    let held = read(step, outbox::held(&results))?;
    if held > 0 {
        parts.stalled = Some(held_by(held, &outbox::holders(db).await));
    }
    Ok(parts.overview(query, now))
}

fn parts(results: &Results) -> Result<(Parts, DateTime<Utc>), Error> {
    let now =
        rows::having(results, "CurrentUtc").next().ok_or_else(|| Row::missing("CurrentUtc"))?.time("CurrentUtc")?;
    let mut oldest: BTreeMap<String, DateTime<Utc>> = BTreeMap::new();
    for row in rows::having(results, "HeadOf") {
        oldest.insert(row.text("HeadOf")?, row.time("OldestDueAt")?);
    }
    let mut destinations = all(results, "Pending", overview::destination)?;
    for (one, _) in &mut destinations {
        one.oldest_claimable_ms = oldest.get(&one.name).map(|due_at| (now - *due_at).num_milliseconds());
    }
    let counted = rows::having(results, "InMinute").next().map_or(Ok((0, 0)), overview::counted)?;
    let parts = Parts {
        destinations,
        not_routed: all(results, "EventType", overview::not_routed)?,
        mail_states: all(results, "Mails", overview::mail_state)?,
        counted,
        heartbeats: all(results, "LastRunOnUtc", |row| overview::heartbeat(row, now))?,
        minutes: all(results, "MinuteUtc", overview::minute)?,
        stalled: None,
        schema_version: rows::only_count(results, "Version")?,
    };
    Ok((parts, now))
}

/// The rows that have this column.
pub(super) fn all<T>(results: &Results, column: &str, row: impl Fn(&Row) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    rows::having(results, column).map(row).collect()
}
