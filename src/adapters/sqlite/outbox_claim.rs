//! Claiming on SQLite: expired leases over the limit die, then the due heads are leased.

use super::{outbox::count_of, rows};
use crate::domain::outbox::{Claim, ClaimMode, Claimed, ClaimedRow, LastOutcome, SUSPECT_CLAIMS};
use rusqlite::{Connection, OptionalExtension, Row, named_params};

const GATE: &str = include_str!("sql/outbox_gate.sql");
pub(super) const EXPIRE: &str = include_str!("sql/outbox_expire.sql");
pub(super) const HEADS: &str = include_str!("sql/outbox_heads.sql");
pub(super) const SUSPECT: &str = include_str!("sql/outbox_suspect.sql");
const LEASE: &str = include_str!("sql/outbox_lease.sql");

/// Each of these was claimed alone, so there are few; a bound on the transaction all the same.
const EXPIRED_ROWS_MAX: u32 = 500;

/// What `Destinations` says; a destination without a row is open for business.
#[derive(Default)]
struct Gate {
    paused: bool,
    open: bool,
    our_probe: bool,
}

pub(super) fn claim(connection: &Connection, now: i64, claim: &Claim) -> rusqlite::Result<Claimed> {
    let destination = claim.destination.to_string();
    let token = claim.token.to_string();
    let (gate, mut claimed) = gate(connection, &destination, &token)?;
    let admitted = match claim.mode {
        ClaimMode::Batch { .. } | ClaimMode::Suspect => !gate.open,
        ClaimMode::Probe => gate.open && gate.our_probe,
    };
    if gate.paused || !admitted {
        return Ok(claimed);
    }
    let expired = connection.prepare_cached(EXPIRE)?.execute(named_params! {
        ":destination": destination,
        ":now": now,
        ":claims_max": SUSPECT_CLAIMS + i64::from(claim.claims_max),
        ":rows_max": EXPIRED_ROWS_MAX,
    })?;
    claimed.set_dead = count_of(expired);
    let until = now.saturating_add(claim.lease_ms);
    let mut lease = connection.prepare_cached(LEASE)?;
    for seq in heads(connection, now, claim.mode, &destination)? {
        let params = named_params! {":seq": seq, ":token": token, ":until": until};
        claimed.rows.push(lease.query_row(params, leased)?);
    }
    Ok(claimed)
}

fn gate(connection: &Connection, destination: &str, token: &str) -> rusqlite::Result<(Gate, Claimed)> {
    let read = |row: &Row<'_>| {
        let gate = Gate { paused: row.get("Paused")?, open: row.get("IsOpen")?, our_probe: row.get("OurProbe")? };
        let claimed = Claimed {
            last_accepted_on: rows::time_opt(row, "LastAcceptedOnUtc")?,
            breaker_failures: rows::count(row, "Failures")?,
            ..Claimed::default()
        };
        Ok((gate, claimed))
    };
    let params = named_params! {":destination": destination, ":token": token};
    Ok(connection.prepare_cached(GATE)?.query_row(params, read).optional()?.unwrap_or_default())
}

/// The rows to lease, by `DueAt` then `Seq`, within the mode's bounds.
fn heads(connection: &Connection, now: i64, mode: ClaimMode, destination: &str) -> rusqlite::Result<Vec<i64>> {
    let (rows_max, bytes_max, claims_max) = match mode {
        ClaimMode::Batch { rows_max, bytes_max } => (rows_max, bytes_max, SUSPECT_CLAIMS - 1),
        ClaimMode::Probe => (1, u64::MAX, i64::MAX),
        ClaimMode::Suspect => {
            let params = named_params! {":destination": destination, ":now": now};
            let seq = connection.prepare_cached(SUSPECT)?.query_row(params, |row| row.get("Seq")).optional()?;
            return Ok(seq.into_iter().collect());
        }
    };
    let mut statement = connection.prepare_cached(HEADS)?;
    let params = named_params! {
        ":destination": destination, ":now": now, ":claims_max": claims_max, ":rows_max": rows_max,
    };
    let mut found = statement.query(params)?;
    let (mut seqs, mut bytes) = (Vec::new(), 0_u64);
    while let Some(row) = found.next()? {
        bytes = bytes.saturating_add(rows::count(row, "Bytes")?.into());
        // The first goes whatever its size: were it skipped, it would wait for ever.
        if bytes > bytes_max && !seqs.is_empty() {
            break;
        }
        seqs.push(row.get("Seq")?);
    }
    Ok(seqs)
}

fn leased(row: &Row<'_>) -> rusqlite::Result<ClaimedRow> {
    Ok(ClaimedRow {
        seq: row.get("Seq")?,
        id: rows::text(row, "Id")?,
        event_type: rows::text(row, "EventType")?,
        ordering_key: rows::text_opt(row, "OrderingKey")?,
        content_type: rows::text(row, "ContentType")?,
        payload: rows::bytes(row, "Payload")?,
        headers: rows::text(row, "Headers")?,
        occurred_on: rows::time(row, "OccurredOnUtc")?,
        claims: rows::count(row, "Claims")?.into(),
        retry_count: rows::count(row, "RetryCount")?.into(),
        last_outcome: row.get::<_, Option<i64>>("LastOutcome")?.and_then(LastOutcome::from_code),
        last_attempt_on: rows::time_opt(row, "LastAttemptOnUtc")?,
    })
}
