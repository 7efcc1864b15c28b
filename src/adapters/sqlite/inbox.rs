//! The inbox on SQLite.

use super::{
    Sqlite,
    history::History,
    outbox::{add_destination, count_of},
    rate_limit, rows,
};
use crate::{
    adapters::columns::{Columns, mail},
    domain::{
        delivery::{Delivery, LEASE_RAN_OUT, MailState, MailWork, OnDoubt},
        ids::LeaseToken,
        latency,
        mail_history::{never_settled, unmailable},
        mail_settlement::MailSettlement,
        mail_verdict::{ALIKE_AMONG, ALIKE_RECIPIENTS, TAKEN_BACK_MAX},
        outbox::{Settled, bounded},
        recipient::Addressee,
    },
    ports::{
        error::StoreResult,
        inbox::{Alike, Begun, Doubted, Inbox, Lease},
    },
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, named_params};

#[async_trait]
impl Inbox for Sqlite {
    async fn begin(
        &self,
        consumer: &str,
        delivery: &Delivery,
        addressee: &Addressee,
        lease: &Lease,
    ) -> StoreResult<Begun> {
        let (consumer, delivery, addressee, lease) =
            (consumer.to_owned(), delivery.clone(), addressee.clone(), lease.clone());
        self.write("take in", move |tx, now| begin(tx, now, &consumer, &delivery, &addressee, &lease)).await
    }

    async fn refuse(
        &self,
        consumer: &str,
        provider: &str,
        delivery: &Delivery,
        addressee: &Addressee,
        reason: &str,
    ) -> StoreResult<()> {
        let (consumer, delivery, addressee, reason) =
            (consumer.to_owned(), delivery.clone(), addressee.clone(), bounded(reason));
        let (provider, instance) = (provider.to_owned(), self.instance());
        self.write("refuse a message", move |tx, now| {
            let failure = unmailable(&provider, &reason);
            let mut statement = tx.prepare_cached(include_str!("sql/inbox_refuse.sql"))?;
            let values = named_params! {
                ":consumer": consumer,
                ":id": delivery.message_id,
                ":body": delivery.body,
                ":traceparent": delivery.traceparent,
                ":subject": addressee.subject,
                ":hash": addressee.hash(),
                ":reason": reason,
                ":fingerprint": failure.fingerprint,
                ":enqueued_on": delivery.enqueued_on.map(|time| time.timestamp_millis()),
                ":now": now,
            };
            let deliveries = statement.query_row(values, |row| row.number("Deliveries"))?;
            if deliveries > 1 {
                return Ok(());
            }
            let mut history = History::new(tx, now, &instance, &provider);
            history.mail_attempt((&consumer, &delivery.message_id), MailState::Refused, None, Some(&reason))?;
            history.group(&failure, delivery.message_id.clone());
            history.count(latency::GIVEN_UP);
            history.store()
        })
        .await
    }

    async fn expire(
        &self,
        consumer: &str,
        provider: &str,
        on_doubt: OnDoubt,
        rows_max: u32,
    ) -> StoreResult<Vec<Doubted>> {
        let (consumer, provider, instance) = (consumer.to_owned(), provider.to_owned(), self.instance());
        self.write_alone("expire leases of mails", move |tx, now| {
            let failure = never_settled(&provider);
            let mut statement = tx.prepare_cached(include_str!("sql/inbox_expire.sql"))?;
            let which = named_params! {
                ":consumer": consumer,
                ":now": now,
                ":resend": on_doubt == OnDoubt::Resend,
                ":reason": LEASE_RAN_OUT,
                ":fingerprint": failure.fingerprint,
                ":rows_max": rows_max,
            };
            let mut doubted =
                statement.query_map(which, |row| mail::doubted(row))?.collect::<rusqlite::Result<Vec<_>>>()?;
            doubted.sort_unstable();
            let mut history = History::new(tx, now, &instance, &provider);
            for Doubted { message_id: id, .. } in &doubted {
                history.mail_attempt((&consumer, id), MailState::InDoubt, None, Some(LEASE_RAN_OUT))?;
                history.group(&failure, id.clone());
                history.count(latency::FAILED);
            }
            history.store()?;
            Ok(doubted)
        })
        .await
    }

    async fn take_due(&self, consumer: &str, lease: &Lease, probe: bool, rows_max: u32) -> StoreResult<Vec<MailWork>> {
        let (consumer, lease) = (consumer.to_owned(), lease.clone());
        self.write_alone("lease due mails", move |tx, now| take_due(tx, now, &consumer, &lease, probe, rows_max)).await
    }

    async fn settle(
        &self,
        consumer: &str,
        message_id: &str,
        token: LeaseToken,
        settlement: &MailSettlement,
        provider: &str,
        provider_met: bool,
    ) -> StoreResult<Settled> {
        let (consumer, message_id, settlement) = (consumer.to_owned(), message_id.to_owned(), settlement.clone());
        let (provider, instance) = (provider.to_owned(), self.instance());
        self.write("settle a mail", move |tx, now| {
            rate_limit::settle(tx, now, &token.to_string(), &message_id, provider_met)?;
            let history = History::new(tx, now, &instance, &provider);
            settle(tx, now, (&consumer, &message_id), token, &settlement, provider_met, history)
        })
        .await
    }

    async fn take_query(&self, message_id: &str, queries: &Lease) -> StoreResult<Option<i64>> {
        let (message_id, queries) = (message_id.to_owned(), queries.clone());
        self.write("lease a status query", move |tx, now| rate_limit::query(tx, now, &queries, &message_id)).await
    }

    async fn settle_alike(
        &self,
        consumer: &str,
        message_id: &str,
        token: LeaseToken,
        refused: &MailSettlement,
        alike: &Alike,
    ) -> StoreResult<(Settled, u32)> {
        let (consumer, message_id, refused) = (consumer.to_owned(), message_id.to_owned(), refused.clone());
        let (alike, instance) = (alike.clone(), self.instance());
        self.write_alone("settle a mail", move |tx, now| {
            rate_limit::settle(tx, now, &token.to_string(), &message_id, true)?;
            let (mail, history) = ((&*consumer, &*message_id), History::new(tx, now, &instance, &alike.provider));
            if settle(tx, now, mail, token, &refused, true, history)? == Settled::Applied {
                let history = History::new(tx, now, &instance, &alike.provider);
                return Ok((Settled::Applied, take_back(tx, now, mail, &alike, &history)?));
            }
            // An earlier try of this settlement took it back, among others.
            let back = is_in(tx, mail, token, MailState::Accepted)?;
            Ok(if back { (Settled::Applied, 1) } else { (Settled::LeaseLost, 0) })
        })
        .await
    }
}

fn take_back(
    db: &Connection,
    now: i64,
    (consumer, message_id): (&str, &str),
    alike: &Alike,
    history: &History<'_>,
) -> rusqlite::Result<u32> {
    let refused = named_params! { ":consumer": consumer, ":id": message_id, ":alike": alike.fingerprint };
    db.prepare_cached(include_str!("sql/inbox_refused_alike.sql"))?.execute(refused)?;
    let which = named_params! {
        ":consumer": consumer,
        ":id": message_id,
        ":back_ms": alike.delay_ms,
        ":provider": alike.provider,
        ":alike": alike.fingerprint,
        ":recipients": ALIKE_RECIPIENTS,
        ":times": TAKEN_BACK_MAX,
        ":newest": ALIKE_AMONG,
        ":now": now,
    };
    let mut statement = db.prepare_cached(include_str!("sql/inbox_take_back.sql"))?;
    let back = statement.query_map(which, |row| row.text("MessageId"))?.collect::<rusqlite::Result<Vec<_>>>()?;
    back.iter().try_for_each(|id| history.mail_attempt((consumer, id), MailState::Accepted, None, None))?;
    if !back.is_empty() {
        add_destination(db, &alike.provider)?;
        let fault = named_params! { ":provider": alike.provider, ":alike": alike.fingerprint };
        db.prepare_cached(include_str!("sql/inbox_at_fault.sql"))?.execute(fault)?;
    }
    Ok(count_of(back.len()))
}

fn begin(
    db: &Connection,
    now: i64,
    consumer: &str,
    delivery: &Delivery,
    addressee: &Addressee,
    lease: &Lease,
) -> rusqlite::Result<Begun> {
    let token = lease.token.to_string();
    let room = rate_limit::room(db, now, lease)?;
    let full = room.is_some_and(|room| room.mails == 0);
    let mut statement = db.prepare_cached(include_str!("sql/inbox_begin.sql"))?;
    let values = named_params! {
        ":consumer": consumer,
        ":id": delivery.message_id,
        ":body": delivery.body,
        ":traceparent": delivery.traceparent,
        ":subject": addressee.subject,
        ":hash": addressee.hash(),
        ":token": token,
        ":lease_ends": now.saturating_add(lease.lease_ms),
        ":provider": lease.provider,
        ":rate_limited": room.is_some(),
        ":full": full,
        ":enqueued_on": delivery.enqueued_on.map(|time| time.timestamp_millis()),
        ":now": now,
    };
    let begun = statement.query_row(values, |row| mail::begun(row, lease.token, rows::time_of(now)))?;
    if let Some(room) = room {
        if matches!(begun, Begun::Ours(_)) {
            rate_limit::lease_one(db, now, lease, &delivery.message_id)?;
        }
        // Others may wait that this delivery does not know of, so it never reports that none does.
        if room.mails == 0 && begun == Begun::Busy(MailState::Accepted) {
            rate_limit::report(db, lease, room, true)?;
        }
    }
    Ok(begun)
}

fn take_due(
    db: &Connection,
    now: i64,
    consumer: &str,
    lease: &Lease,
    probe: bool,
    rows_max: u32,
) -> rusqlite::Result<Vec<MailWork>> {
    let token = lease.token.to_string();
    let mut due = db.prepare_cached(include_str!("sql/inbox_due.sql"))?;
    let mut find = |querying: bool, rows_max: u32| {
        let which = named_params! {
            ":consumer": consumer,
            ":now": now,
            ":provider": lease.provider,
            ":probe": probe,
            ":token": token,
            ":status_queries": lease.status_queries,
            ":querying": querying,
            ":rows_max": rows_max,
        };
        due.query_map(which, |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()
    };
    let mut ids = if lease.status_queries { find(true, rows_max)? } else { Vec::new() };
    let wanted = rows_max.saturating_sub(u32::try_from(ids.len()).unwrap_or(u32::MAX));
    let room = rate_limit::room(db, now, lease)?;
    let some_wait = room.is_some_and(|room| room.mails == 0) && !find(false, 1)?.is_empty();
    let sends = find(false, room.map_or(wanted, |room| wanted.min(room.mails)))?;
    if let Some(room) = room {
        sends.iter().try_for_each(|id| rate_limit::lease_one(db, now, lease, id))?;
        rate_limit::report(db, lease, room, some_wait)?;
    }
    ids.extend(sends);
    // One by one, in the order found: RETURNING has no order.
    let mut take = db.prepare_cached(include_str!("sql/inbox_take.sql"))?;
    ids.iter()
        .map(|id| {
            let values = named_params! {
                ":consumer": consumer,
                ":id": id,
                ":token": token,
                ":lease_ends": now.saturating_add(lease.lease_ms),
                ":now": now,
            };
            take.query_row(values, |row| mail::work(row, lease.token, rows::time_of(now)))
        })
        .collect()
}

fn settle(
    db: &Connection,
    now: i64,
    (consumer, message_id): (&str, &str),
    lease: LeaseToken,
    settlement: &MailSettlement,
    provider_met: bool,
    mut history: History<'_>,
) -> rusqlite::Result<Settled> {
    let set = settlement.columns();
    let (token, error) = (lease.to_string(), set.error.map(bounded));
    let failure = settlement.failure(history.name(), provider_met);
    let mut statement = db.prepare_cached(include_str!("sql/inbox_settle.sql"))?;
    let values = named_params! {
        ":consumer": consumer,
        ":id": message_id,
        ":token": token,
        ":state": set.state as i64,
        ":due_at": set.delay_ms.map(|delay_ms| now.saturating_add(delay_ms)),
        ":error": error,
        ":fingerprint": failure.as_ref().map(|failure| &failure.fingerprint),
        ":provider": set.provider,
        ":reference": set.reference,
        ":recipient_failed": set.recipient_failed,
        ":doubted": set.doubted,
        ":not_found": set.not_found,
        ":now": now,
    };
    let since = statement.query_row(values, |row| row.number("SinceUtc")).optional()?;
    if let Some(since) = since {
        if settlement.is_attempt(provider_met) {
            history.mail_attempt((consumer, message_id), set.state, set.reference, error.as_deref())?;
        }
        if let Some(failure) = &failure {
            history.group(failure, message_id.to_owned());
        }
        match settlement.bucket(provider_met) {
            Some(bucket) => history.count(bucket),
            None if set.state == MailState::Sent => history.count_latency(since),
            None => {}
        }
        history.store()?;
        return Ok(Settled::Applied);
    }
    let repeated = is_in(db, (consumer, message_id), lease, set.state)?;
    Ok(if repeated { Settled::Applied } else { Settled::LeaseLost })
}

/// The token stays on the row: with the state that a settlement leads to, it shows that an earlier try applied it.
fn is_in(
    db: &Connection,
    (consumer, message_id): (&str, &str),
    token: LeaseToken,
    state: MailState,
) -> rusqlite::Result<bool> {
    let (token, state) = (token.to_string(), state as i64);
    let which = named_params! { ":consumer": consumer, ":id": message_id, ":token": token, ":state": state };
    db.prepare_cached(include_str!("sql/inbox_settled.sql"))?.exists(which)
}
