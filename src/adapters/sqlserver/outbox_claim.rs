//! Claiming on SQL Server: expired leases over the limit die, then the due heads are leased; one batch.

use super::{db::millis, history, outbox::NOW, rows, session::Results, statement::Statement};
use crate::{
    adapters::columns::{self, Columns},
    domain::{
        outbox::{Claim, ClaimMode, Claimed, SUSPECT_CLAIMS},
        outbox_failures::never_settled,
    },
    ports::outbox::EXPIRED_ROWS_MAX,
};
use std::{collections::BTreeMap, sync::LazyLock};
use tiberius::error::Error;

const BEFORE: &str = include_str!("sql/outbox_claim_before.sql");
const GATE: &str = include_str!("sql/outbox_claim_gate.sql");
const EXPIRE: &str = include_str!("sql/outbox_claim_expire.sql");
const HEADS: &str = include_str!("sql/outbox_claim_heads.sql");
const LEASE: &str = include_str!("sql/outbox_claim_lease.sql");

static DEAD: LazyLock<String> = LazyLock::new(|| history::of_dead("@dead"));

/// The heads that must be sent alone. "Claims >= 2" is written out because IX_Outbox_Suspect matches only then; without
/// it each claim would scan every due row. The statement has its own name, so that traces and plans show which it was.
static SUSPECT: LazyLock<String> = LazyLock::new(|| {
    HEADS
        .replacen("outbox_claim_heads:", "outbox_claim_suspect:", 1)
        .replacen("IX_Outbox_Due", "IX_Outbox_Suspect", 1)
        .replacen("o.State < 2", "o.State < 2 AND o.Claims >= 2", 1)
});

pub(super) fn statement(claim: &Claim, instance: &str) -> Statement {
    let destination = claim.destination.to_string();
    let failure = never_settled(&destination);
    let bounds = claim.mode.bounds();
    let heads = if bounds.suspects_only { SUSPECT.as_str() } else { HEADS };
    let statement = Statement::of(&[NOW, BEFORE, GATE, EXPIRE, &DEAD, heads, LEASE])
        .with("destination", destination.clone())
        .with("fingerprint", failure.fingerprint.clone())
        .with("token", claim.token.to_string())
        .with("probe", i32::from(claim.mode == ClaimMode::Probe))
        .with("claims_max", SUSPECT_CLAIMS + i64::from(claim.claims_max))
        .with("expired_max", i64::from(EXPIRED_ROWS_MAX))
        .with("head_claims_max", bounds.claims_max)
        .with("rows_max", i64::from(bounds.rows_max))
        .with("bytes_max", i64::try_from(bounds.bytes_max).unwrap_or(i64::MAX))
        .with("lease_ms", millis(claim.lease_ms));
    history::with(statement, instance, &destination, [&failure])
}

/// OUTPUT has no order, so the rows are sorted by when they were due.
pub(super) fn claimed(results: &Results) -> Result<Claimed, Error> {
    let mut claimed = Claimed::default();
    for row in rows::having(results, "SetDead") {
        claimed.set_dead = row.count("SetDead")?;
        claimed.breaker_failures = row.count("Failures")?;
        claimed.last_accepted_on = row.time_opt("LastAcceptedOnUtc")?;
    }
    let mut was_due = BTreeMap::new();
    for row in rows::having(results, "TakenSeq") {
        was_due.insert(row.number("TakenSeq")?, row.time("WasDueAt")?);
    }
    let mut leased = Vec::new();
    for row in rows::having(results, "Payload") {
        let row = columns::outbox::claimed(row)?;
        leased.push((was_due.get(&row.seq).copied(), row));
    }
    leased.sort_by_key(|(due_at, row)| (*due_at, row.seq));
    claimed.rows = leased.into_iter().map(|(_, row)| row).collect();
    Ok(claimed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ids::LeaseToken, route::Destination};

    #[test]
    fn what_a_claim_declares_is_no_parameter_of_it() {
        for mode in [ClaimMode::Batch { rows_max: 1, bytes_max: 1 }, ClaimMode::Suspect, ClaimMode::Probe] {
            let destination = Destination::parse("queue:mails").unwrap();
            let claim = Claim { destination, mode, token: LeaseToken::fresh(), lease_ms: 1000, claims_max: 3 };
            // Binding looks at the names of all of its files together.
            statement(&claim, "here").bound();
        }
    }

    #[test]
    fn suspects_are_found_by_their_index_and_otherwise_as_all_heads() {
        assert!(SUSPECT.contains("INDEX(IX_Outbox_Suspect)") && SUSPECT.contains("INDEX(IX_Outbox_Key)"));
        assert!(SUSPECT.contains("o.Claims >= 2") && !SUSPECT.contains("IX_Outbox_Due"));
        let without = SUSPECT.replace("IX_Outbox_Suspect", "IX_Outbox_Due").replace(" AND o.Claims >= 2", "");
        let without = without.replace("outbox_claim_suspect:", "outbox_claim_heads:");
        assert_eq!(without, HEADS);
    }
}
