//! Claiming on SQL Server: expired leases over the limit die, then the due heads are leased; one batch.

use super::{db::millis, outbox::NOW, rows, session::Results, statement::Statement};
use crate::domain::outbox::{Claim, ClaimMode, Claimed, ClaimedRow, LastOutcome, SUSPECT_CLAIMS};
use std::collections::BTreeMap;
use tiberius::{Row, error::Error};

const BEFORE: &str = include_str!("sql/outbox_claimed_before.sql");
const GATE: &str = include_str!("sql/outbox_gate.sql");
const EXPIRE: &str = include_str!("sql/outbox_expire.sql");
const HEADS: &str = include_str!("sql/outbox_heads.sql");
const SUSPECT: &str = include_str!("sql/outbox_suspect.sql");
const PROBE: &str = include_str!("sql/outbox_probe.sql");
const LEASE: &str = include_str!("sql/outbox_lease.sql");

/// Each of these was claimed alone, so there are few; a bound on the transaction all the same.
const EXPIRED_ROWS_MAX: i64 = 500;

pub(super) fn statement(claim: &Claim) -> Statement {
    let (heads, rows_max, bytes_max) = match claim.mode {
        ClaimMode::Batch { rows_max, bytes_max } => (HEADS, rows_max, i64::try_from(bytes_max).unwrap_or(i64::MAX)),
        ClaimMode::Suspect => (SUSPECT, 1, i64::MAX),
        ClaimMode::Probe => (PROBE, 1, i64::MAX),
    };
    Statement::of(&[NOW, BEFORE, GATE, EXPIRE, heads, LEASE])
        .with("destination", claim.destination.to_string())
        .with("token", claim.token.to_string())
        .with("probe", i32::from(claim.mode == ClaimMode::Probe))
        .with("claims_max", SUSPECT_CLAIMS + i64::from(claim.claims_max))
        .with("expired_max", EXPIRED_ROWS_MAX)
        .with("rows_max", i64::from(rows_max))
        .with("bytes_max", bytes_max)
        .with("lease_ms", millis(claim.lease_ms))
}

/// OUTPUT keeps no order, so the rows are sorted by when they had been due.
pub(super) fn claimed(results: &Results) -> Result<Claimed, Error> {
    let mut claimed = Claimed::default();
    for row in rows::having(results, "SetDead") {
        claimed.set_dead = rows::count(row, "SetDead")?;
        claimed.breaker_failures = rows::count(row, "Failures")?;
        claimed.last_accepted_on = rows::time_opt(row, "LastAcceptedOnUtc")?;
    }
    let mut was_due = BTreeMap::new();
    for row in rows::having(results, "TakenSeq") {
        was_due.insert(rows::number(row, "TakenSeq")?, rows::time(row, "WasDueAt")?);
    }
    let mut leased = Vec::new();
    for row in rows::having(results, "Payload") {
        let row = row_of(row)?;
        leased.push((was_due.get(&row.seq).copied(), row));
    }
    leased.sort_by_key(|(due_at, row)| (*due_at, row.seq));
    claimed.rows = leased.into_iter().map(|(_, row)| row).collect();
    Ok(claimed)
}

fn row_of(row: &Row) -> Result<ClaimedRow, Error> {
    Ok(ClaimedRow {
        seq: rows::number(row, "Seq")?,
        id: rows::text(row, "Id")?,
        event_type: rows::text(row, "EventType")?,
        ordering_key: rows::text_opt(row, "OrderingKey")?,
        content_type: rows::text(row, "ContentType")?,
        payload: rows::text(row, "Payload")?.into_bytes(),
        headers: rows::text(row, "Headers")?,
        occurred_on: rows::time(row, "OccurredOnUtc")?,
        claims: rows::count(row, "Claims")?.into(),
        retry_count: rows::count(row, "RetryCount")?.into(),
        last_outcome: rows::number_opt(row, "LastOutcome")?.and_then(LastOutcome::from_code),
        last_attempt_on: rows::time_opt(row, "LastAttemptOnUtc")?,
    })
}
