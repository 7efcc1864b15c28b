//! Claiming on SQLite: expired leases over the limit die, then the due heads are leased.

use super::{history::History, rows::InOrder};
use crate::{
    adapters::columns::{self, Columns},
    domain::{
        outbox::{Claim, ClaimMode, Claimed, ClaimedRow, SUSPECT_CLAIMS},
        outbox_failures::never_settled,
    },
    ports::outbox::EXPIRED_ROWS_MAX,
};
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde_json::json;
use std::sync::LazyLock;

const GATE: &str = include_str!("sql/outbox_claim_gate.sql");
pub(super) const EXPIRE: &str = include_str!("sql/outbox_claim_expire.sql");
pub(super) const HEADS: &str = include_str!("sql/outbox_claim_heads.sql");
const LEASE: &str = include_str!("sql/outbox_claim_lease.sql");

/// The heads that must be sent alone. "Claims >= 2" is written out because IX_Outbox_Suspect matches only then; without
/// it each claim would scan every due row. The statement has its own name, so that traces and plans show which it was.
pub(super) static SUSPECT: LazyLock<String> = LazyLock::new(|| {
    HEADS.replacen("outbox_claim_heads:", "outbox_claim_suspect:", 1).replacen(
        "o.State < 2",
        "o.State < 2 AND o.Claims >= 2",
        1,
    )
});

/// The destination's row in `Destinations`; without a row it is neither paused nor open.
#[derive(Default)]
struct Gate {
    paused: bool,
    open: bool,
    our_probe: bool,
}

pub(super) fn claim(connection: &Connection, now: i64, claim: &Claim, instance: &str) -> rusqlite::Result<Claimed> {
    let destination = claim.destination.to_string();
    let token = claim.token.to_string();
    let (gate, mut claimed) = gate(connection, now, &destination, &token)?;
    let admitted = match claim.mode {
        ClaimMode::Batch { .. } | ClaimMode::Suspect => !gate.open,
        ClaimMode::Probe => gate.open && gate.our_probe,
    };
    if gate.paused || !admitted {
        return Ok(claimed);
    }
    let failure = never_settled(&destination);
    let mut history = History::new(connection, now, instance, &destination);
    let expired = named_params! {
        ":destination": destination,
        ":now": now,
        ":claims_max": SUSPECT_CLAIMS + i64::from(claim.claims_max),
        ":fingerprint": failure.fingerprint,
        ":rows_max": EXPIRED_ROWS_MAX,
    };
    claimed.set_dead = history.dead_letter(EXPIRE, expired, &failure)?;
    history.store()?;
    claimed.rows = heads(connection, now, claim.mode, &destination)?;
    if !claimed.rows.is_empty() {
        let seqs: Vec<i64> = claimed.rows.iter().map(|row| row.seq).collect();
        let until = now.saturating_add(claim.lease_ms);
        let params = named_params! {":seqs": json!(seqs).to_string(), ":token": token, ":until": until};
        let leased = connection.prepare_cached(LEASE)?.execute(params)?;
        debug_assert_eq!(leased, claimed.rows.len(), "found under this same lock");
    }
    Ok(claimed)
}

fn gate(connection: &Connection, now: i64, destination: &str, token: &str) -> rusqlite::Result<(Gate, Claimed)> {
    let read = |row: &Row<'_>| {
        let gate = Gate { paused: row.get("Paused")?, open: row.get("IsOpen")?, our_probe: row.get("OurProbe")? };
        let claimed = Claimed {
            last_accepted_on: row.time_opt("LastAcceptedOnUtc")?,
            breaker_failures: row.count("Failures")?,
            ..Claimed::default()
        };
        Ok((gate, claimed))
    };
    let params = named_params! {":destination": destination, ":token": token, ":now": now};
    Ok(connection.prepare_cached(GATE)?.query_row(params, read).optional()?.unwrap_or_default())
}

/// The rows to lease, by `DueAt` and `Seq`, within the mode's bounds.
fn heads(connection: &Connection, now: i64, mode: ClaimMode, destination: &str) -> rusqlite::Result<Vec<ClaimedRow>> {
    let bounds = mode.bounds();
    let mut statement = connection.prepare_cached(if bounds.suspects_only { SUSPECT.as_str() } else { HEADS })?;
    let params = named_params! {
        ":destination": destination, ":now": now, ":claims_max": bounds.claims_max, ":rows_max": bounds.rows_max,
    };
    let mut found = statement.query(params)?;
    let (mut rows, mut bytes) = (Vec::new(), 0_u64);
    while let Some(row) = found.next()? {
        bytes = bytes.saturating_add(row.total("Bytes")?);
        if bytes > bounds.bytes_max && !rows.is_empty() {
            break;
        }
        rows.push(columns::outbox::claimed(&InOrder::of(row))?);
    }
    Ok(rows)
}
