//! One write to the books inside its transaction: key, snapshot, decision, change, message, answer.

use super::{books_read, rows::broken};
use crate::{
    adapters::columns::{self, Columns},
    domain::{
        booking::{Change, Command, Entry, Snapshot},
        client::{Client, Nip},
        events::subject_of,
        idempotency::{Fingerprint, IdempotencyKey},
        ids::ClientId,
        language::Language,
        message::NewMessage,
        record::FinancialRecord,
    },
    ports::books::Committed,
};
use rusqlite::{Connection, OptionalExtension, named_params};

pub(super) fn commit(db: &Connection, now: i64, entry: &Entry, key_lifetime_ms: i64) -> rusqlite::Result<Committed> {
    // Before If-Match and uniqueness: the first try changed both, and its repeat must not be refused because of that.
    if let Some((key, fingerprint)) = &entry.idempotency
        && let Some(answered) = answered(db, now, key, fingerprint)?
    {
        return Ok(answered);
    }
    let decision = match entry.decide(&snapshot(db, &entry.command)?) {
        Ok(decision) => decision,
        Err(refusal) => return Ok(Committed::Refused(refusal)),
    };
    change(db, now, &decision.change)?;
    if let Some(message) = &decision.message {
        enqueue(db, now, message)?;
    }
    if let Some((key, fingerprint)) = &entry.idempotency {
        let answer = serde_json::to_string(&decision.booked).map_err(broken)?;
        db.prepare_cached(include_str!("sql/books_store_key.sql"))?.execute(named_params! {
            ":key": key.as_str(),
            ":fingerprint": fingerprint.as_str(),
            ":answer": answer,
            ":expires": now.saturating_add(key_lifetime_ms),
        })?;
    }
    Ok(Committed::Done(decision.booked))
}

fn answered(
    db: &Connection,
    now: i64,
    key: &IdempotencyKey,
    fingerprint: &Fingerprint,
) -> rusqlite::Result<Option<Committed>> {
    let mut statement = db.prepare_cached(include_str!("sql/books_find_key.sql"))?;
    let which = named_params! { ":key": key.as_str(), ":now": now };
    statement.query_row(which, |row| columns::books::answered(row, fingerprint)).optional()
}

/// Reads only what the command's rules need.
fn snapshot(db: &Connection, command: &Command) -> rusqlite::Result<Snapshot> {
    let found = |id: ClientId| -> rusqlite::Result<Snapshot> {
        Ok(Snapshot { client: books_read::client(db, id)?, ..Snapshot::default() })
    };
    Ok(match command {
        Command::CreateClient(draft) => Snapshot {
            nip_owner: nip_owner(db, &draft.nip_nb)?,
            next_client_id: next_id(db, include_str!("sql/books_next_client_id.sql"))?,
            ..Snapshot::default()
        },
        Command::ReplaceClient(id, draft) => Snapshot { nip_owner: nip_owner(db, &draft.nip_nb)?, ..found(*id)? },
        Command::DeleteClient(id) => Snapshot { has_records: has_records(db, *id)?, ..found(*id)? },
        Command::CreateRecord(id, period, _) => Snapshot {
            record: books_read::record(db, *id, *period)?,
            next_record_id: next_id(db, include_str!("sql/books_next_record_id.sql"))?,
            ..found(*id)?
        },
        Command::PatchRecord(id, period, _) | Command::DeleteRecord(id, period) | Command::Enqueue(id, period, _) => {
            Snapshot { record: books_read::record(db, *id, *period)?, ..found(*id)? }
        }
    })
}

fn nip_owner(db: &Connection, nip: &Nip) -> rusqlite::Result<Option<ClientId>> {
    let mut statement = db.prepare_cached(include_str!("sql/books_nip_owner.sql"))?;
    statement.query_row(named_params! { ":nip": nip.as_str() }, |row| row.number("NipOwner").map(ClientId)).optional()
}

fn has_records(db: &Connection, id: ClientId) -> rusqlite::Result<bool> {
    let mut statement = db.prepare_cached(include_str!("sql/books_has_records.sql"))?;
    statement.exists(named_params! { ":client": id.0 })
}

/// The answer stays true until the commit, since we hold the write lock.
fn next_id(db: &Connection, sql: &str) -> rusqlite::Result<i64> {
    db.prepare_cached(sql)?.query_row([], |row| row.number("NextId"))
}

fn change(db: &Connection, now: i64, change: &Change) -> rusqlite::Result<()> {
    let rows = match change {
        Change::Nothing => return Ok(()),
        Change::InsertClient(client) => write_client(db, include_str!("sql/books_insert_client.sql"), client)?,
        Change::UpdateClient(client) => write_client(db, include_str!("sql/books_update_client.sql"), client)?,
        Change::InsertRecord(record) => write_record(db, include_str!("sql/books_insert_record.sql"), record)?,
        Change::UpdateRecord(record) => {
            db.prepare_cached(include_str!("sql/books_update_record.sql"))?.execute(named_params! {
                ":id": record.id,
                ":income_tax": record.figures.income_tax.grosze(),
                ":vat": record.figures.vat.grosze(),
                ":insurance_amount": record.figures.insurance_amount.grosze(),
                ":version": record.version,
            })?
        }
        Change::DeleteClient(id) => {
            let erase = named_params! { ":subject": subject_of(*id), ":now": now };
            db.prepare_cached(include_str!("sql/books_erase.sql"))?.execute(erase)?;
            delete(db, include_str!("sql/books_delete_client.sql"), id.0)?
        }
        Change::LockRecord(record) => db
            .prepare_cached(include_str!("sql/books_lock_record.sql"))?
            .execute(named_params! { ":id": record.id, ":version": record.version })?,
        Change::DeleteRecord(record) => delete(db, include_str!("sql/books_delete_record.sql"), record.id)?,
    };
    // The row was read under this same lock, so anything but one row is a defect: the transaction must roll back.
    if rows == 1 { Ok(()) } else { Err(rusqlite::Error::StatementChangedRows(rows)) }
}

fn write_client(db: &Connection, sql: &str, client: &Client) -> rusqlite::Result<usize> {
    db.prepare_cached(sql)?.execute(named_params! {
        ":id": client.id.0,
        ":name": client.draft.name.as_str(),
        ":address": client.draft.address.as_str(),
        ":nip": client.draft.nip_nb.as_str(),
        ":email": client.draft.email.as_str(),
        ":language": client.draft.language.map(Language::code),
        ":version": client.version,
    })
}

fn write_record(db: &Connection, sql: &str, record: &FinancialRecord) -> rusqlite::Result<usize> {
    db.prepare_cached(sql)?.execute(named_params! {
        ":id": record.id,
        ":client": record.client_id.0,
        ":year": record.period.year(),
        ":month": record.period.month(),
        ":income_tax": record.figures.income_tax.grosze(),
        ":vat": record.figures.vat.grosze(),
        ":insurance_amount": record.figures.insurance_amount.grosze(),
        ":version": record.version,
    })
}

fn delete(db: &Connection, sql: &str, id: i64) -> rusqlite::Result<usize> {
    db.prepare_cached(sql)?.execute(named_params! { ":id": id })
}

/// One row per destination in the order of the route; without a route, one row with `''`, which waits for routing.
fn enqueue(db: &Connection, now: i64, message: &NewMessage) -> rusqlite::Result<()> {
    let headers = serde_json::to_string(&message.headers).map_err(broken)?;
    let mut insert = db.prepare_cached(include_str!("sql/books_enqueue.sql"))?;
    let mut row = |destination: &str| {
        insert.execute(named_params! {
            ":id": message.id.as_str(),
            ":event_type": message.event_type,
            ":destination": destination,
            ":ordering_key": message.ordering_key,
            ":content_type": message.content_type,
            ":payload": message.payload,
            ":headers": headers,
            ":subject": message.subject,
            ":occurred_on": message.occurred_on.timestamp_millis(),
            ":now": now,
        })
    };
    if message.destinations.is_empty() {
        row("")?;
    }
    for destination in &message.destinations {
        let name = destination.to_string();
        row(&name)?;
        db.prepare_cached(include_str!("sql/books_ensure_destination.sql"))?
            .execute(named_params! { ":name": name })?;
    }
    Ok(())
}
