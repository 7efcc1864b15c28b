//! What operators see of the past, on SQLite: attempts, failure groups and counts by minute.

use super::outbox::count_of;
use crate::{
    adapters::columns::Columns,
    domain::{delivery::MailState, fingerprint::Failure, latency, outbox::RowState, outbox_failures::ATTEMPTS_KEPT},
};
use rusqlite::{Connection, Params, named_params};
use std::collections::BTreeMap;

/// What one transaction adds for one destination or mail provider. Groups and counts are collected, and stored last.
pub(super) struct History<'a> {
    connection: &'a Connection,
    now: i64,
    instance: &'a str,
    name: &'a str,
    groups: BTreeMap<String, (Failure, String)>,
    counts: BTreeMap<i64, i64>,
}

impl<'a> History<'a> {
    pub(super) fn new(connection: &'a Connection, now: i64, instance: &'a str, name: &'a str) -> Self {
        Self { connection, now, instance, name, groups: BTreeMap::new(), counts: BTreeMap::new() }
    }

    pub(super) fn name(&self) -> &str {
        self.name
    }

    pub(super) fn count_latency(&mut self, since: i64) {
        self.count(latency::bucket(self.now.saturating_sub(since)));
    }

    pub(super) fn count(&mut self, bucket: i64) {
        *self.counts.entry(bucket).or_default() += 1;
    }

    pub(super) fn group(&mut self, failure: &Failure, sample_id: String) {
        self.groups.insert(failure.fingerprint.clone(), (failure.clone(), sample_id));
    }

    /// An attempt that did not send the row.
    pub(super) fn attempt(
        &self,
        seq: i64,
        state: RowState,
        outcome: Option<i64>,
        error: Option<&str>,
    ) -> rusqlite::Result<()> {
        self.connection.prepare_cached(include_str!("sql/outbox_attempt.sql"))?.execute(named_params! {
            ":seq": seq, ":now": self.now, ":instance": self.instance, ":state": state as i64,
            ":outcome": outcome, ":error": error,
        })?;
        let kept = named_params! {":seq": seq, ":kept": ATTEMPTS_KEPT};
        self.connection.prepare_cached(include_str!("sql/outbox_attempts_trim.sql"))?.execute(kept).map(drop)
    }

    /// How an attempt left a mail.
    pub(super) fn mail_attempt(
        &self,
        (consumer, id): (&str, &str),
        state: MailState,
        reference: Option<&str>,
        error: Option<&str>,
    ) -> rusqlite::Result<()> {
        self.connection.prepare_cached(include_str!("sql/inbox_attempt.sql"))?.execute(named_params! {
            ":consumer": consumer, ":id": id, ":now": self.now, ":instance": self.instance,
            ":state": state as i64, ":reference": reference, ":error": error,
        })?;
        let kept = named_params! {":consumer": consumer, ":id": id, ":kept": ATTEMPTS_KEPT};
        self.connection.prepare_cached(include_str!("sql/inbox_attempts_trim.sql"))?.execute(kept).map(drop)
    }

    /// Runs a statement that dead-letters rows which nobody settles, and returns how many.
    pub(super) fn dead_letter(&mut self, sql: &str, params: impl Params, failure: &Failure) -> rusqlite::Result<u32> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let dead = statement.query_map(params, |row| {
            Ok((row.number("Seq")?, row.text("Id")?, row.number_opt("LastOutcome")?, row.text_opt("LastError")?))
        })?;
        let dead = dead.collect::<rusqlite::Result<Vec<_>>>()?;
        let count = count_of(dead.len());
        for (seq, id, outcome, error) in dead {
            self.attempt(seq, RowState::Dead, outcome, error.as_deref())?;
            self.count(latency::GIVEN_UP);
            self.group(failure, id);
        }
        Ok(count)
    }

    pub(super) fn store(self) -> rusqlite::Result<()> {
        for (failure, sample_id) in self.groups.values() {
            self.connection.prepare_cached(include_str!("sql/failure_group.sql"))?.execute(named_params! {
                ":fingerprint": failure.fingerprint, ":name": failure.name, ":class": failure.class,
                ":error": failure.error, ":sample": sample_id, ":now": self.now,
            })?;
        }
        for (bucket, added) in self.counts {
            self.connection.prepare_cached(include_str!("sql/minute_count.sql"))?.execute(named_params! {
                ":name": self.name, ":bucket": bucket, ":instance": self.instance, ":added": added, ":now": self.now,
            })?;
        }
        Ok(())
    }
}
