//! One write to the books: read, decide, and one batch that writes all of it if what was read still holds.

use super::{
    books_read,
    db::{SqlServer, read},
    error_numbers::RACES,
    errors,
    outbox::NOW,
    rows,
    session::Results,
    statement::Statement,
};
use crate::{
    adapters::columns::{self, Columns},
    domain::{
        booking::{Change, Command, Decision, Entry, Snapshot},
        client::Client,
        events::subject_of,
        hex::hex,
        idempotency::{Fingerprint, IdempotencyKey},
        ids::ClientId,
        message::NewMessage,
        record::FinancialRecord,
    },
    ports::{
        books::Committed,
        error::{StoreError, StoreResult},
    },
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(super) const FIND_KEY: &str = include_str!("sql/books_find_key.sql");
pub(super) const LOCK_KEY: &str = include_str!("sql/books_lock_key.sql");
pub(super) const STORE_KEY: &str = include_str!("sql/books_store_key.sql");
const STEP: &str = "book";

/// How often a write is decided again because another writer changed what it had read; then the caller gets an error.
const TURNS_MAX: u32 = 8;

/// How long a generated key is kept, for a caller that sent none: longer than the call itself can last.
const OUR_KEY_LIFETIME_MS: i64 = 10 * 60_000;

/// A write whose answer was lost is never blindly repeated: its key shows whether it was done. A call without a key
/// gets a generated one.
pub(super) async fn commit(db: &SqlServer, entry: &Entry) -> StoreResult<Committed> {
    if entry.idempotency.is_some() {
        return keyed(db, entry, db.key_lifetime_ms(), false).await;
    }
    let fingerprint = Fingerprint::of("", "", None, entry.message_id.as_str().as_bytes());
    let idempotency = Some((IdempotencyKey::of_ours(&entry.message_id), fingerprint));
    match keyed(db, &Entry { idempotency, ..entry.clone() }, OUR_KEY_LIFETIME_MS, true).await? {
        Committed::Replayed(booked) | Committed::Done(booked) => Ok(Committed::Done(booked)),
        Committed::Refused(refusal) => Ok(Committed::Refused(refusal)),
        Committed::KeyBusy => Err(StoreError::Unknown {
            step: STEP,
            reason: "the first try, whose answer was lost, is still running".to_owned(),
            source: None,
        }),
    }
}

async fn keyed(db: &SqlServer, entry: &Entry, lifetime_ms: i64, ours: bool) -> StoreResult<Committed> {
    let (mut raced, mut lost) = (None, None);
    for _ in 0..TURNS_MAX {
        let (results, snapshot) = match look(db, entry).await {
            Ok(found) => found,
            // A failed read now does not mean that nothing was written before.
            Err(error) => return Err(lost.unwrap_or(error)),
        };
        // Checked before any rule: the first try changed the books, and its repeat must not be refused because of that.
        if let Some((_, fingerprint)) = &entry.idempotency
            && let Some(answered) = answered(&results, fingerprint)?
        {
            return Ok(answered);
        }
        let decision = match entry.decide(&snapshot) {
            Ok(decision) => decision,
            Err(refusal) => return Ok(Committed::Refused(refusal)),
        };
        if ours && decision.change == Change::Nothing {
            return Ok(Committed::Done(decision.booked));
        }
        match db.execute(STEP, batch(entry, &snapshot, &decision, lifetime_ms)?).await {
            Ok(results) => match read(STEP, rows::only_count(&results, "Ended"))? {
                0 => return Ok(Committed::Done(decision.booked)),
                1 => return Ok(Committed::KeyBusy),
                // Answered or changed in the meantime: read again.
                _ => {}
            },
            Err(error) if errors::code(&error).is_some_and(|code| RACES.contains(&code)) => raced = Some(error),
            // The answer was lost. A repeat under the same key is safe: it waits for the first and finds its answer.
            Err(error @ StoreError::Unknown { .. }) => lost = Some(error),
            Err(error) => return Err(lost.unwrap_or(error)),
        }
    }
    Err(lost.or(raced).unwrap_or_else(|| StoreError::Unavailable {
        step: STEP,
        reason: "other writers keep changing the same rows".to_owned(),
        source: None,
    }))
}

/// Reads what the command's rules need, then the key: if this read sees the effects of an earlier write under the same
/// key, it also sees the key.
async fn look(db: &SqlServer, entry: &Entry) -> StoreResult<(Results, Snapshot)> {
    const NIP: &str = include_str!("sql/books_nip_owner.sql");
    const NEXT_CLIENT: &str = include_str!("sql/books_next_client_id.sql");
    const NEXT_RECORD: &str = include_str!("sql/books_next_record_id.sql");
    const HAS_RECORDS: &str = include_str!("sql/books_has_records.sql");
    let (mut files, id, period, nip): (Vec<&str>, _, _, _) = match &entry.command {
        Command::CreateClient(draft) => (vec![NOW, NIP, NEXT_CLIENT], None, None, Some(&draft.nip_nb)),
        Command::ReplaceClient(id, draft) => (vec![NOW, books_read::CLIENT, NIP], Some(*id), None, Some(&draft.nip_nb)),
        Command::DeleteClient(id) => (vec![NOW, books_read::CLIENT, HAS_RECORDS], Some(*id), None, None),
        Command::CreateRecord(id, period, _) => {
            (vec![NOW, books_read::CLIENT, books_read::RECORDS, NEXT_RECORD], Some(*id), Some(*period), None)
        }
        Command::PatchRecord(id, period, _) | Command::DeleteRecord(id, period) | Command::Enqueue(id, period, _) => {
            (vec![NOW, books_read::CLIENT, books_read::RECORDS], Some(*id), Some(*period), None)
        }
    };
    if entry.idempotency.is_some() {
        files.push(FIND_KEY);
    }
    let mut statement = Statement::of(&files);
    if let Some(id) = id {
        statement = statement.with("id", id.0);
    }
    if let Some(period) = period {
        statement = statement.with("year", i32::from(period.year())).with("month", i32::from(period.month()));
    }
    if let Some(nip) = nip {
        statement = statement.with("nip", nip.as_str().to_owned());
    }
    if let Some((key, _)) = &entry.idempotency {
        statement = statement.with("key", key.as_str().to_owned());
    }
    let results = db.query(STEP, statement).await?;
    let snapshot = read(STEP, snapshot(&results))?;
    Ok((results, snapshot))
}

fn snapshot(results: &Results) -> Result<Snapshot, tiberius::error::Error> {
    let number = |column| rows::having(results, column).next().map(|row| row.number(column)).transpose();
    let next_id = number("NextId")?.unwrap_or_default();
    Ok(Snapshot {
        client: books_read::clients(results)?.pop(),
        nip_owner: number("NipOwner")?.map(ClientId),
        record: books_read::records(results)?.pop(),
        has_records: number("HasRecords")?.is_some(),
        next_client_id: next_id,
        next_record_id: next_id,
    })
}

fn answered(results: &Results, fingerprint: &Fingerprint) -> StoreResult<Option<Committed>> {
    let answered = |row| columns::books::answered(row, fingerprint);
    read(STEP, rows::having(results, "Fingerprint").next().map(answered).transpose())
}

fn batch(entry: &Entry, found: &Snapshot, decision: &Decision, lifetime_ms: i64) -> StoreResult<Statement> {
    const BEGIN: &str = include_str!("sql/books_begin.sql");
    const GUARD_CLIENT: &str = include_str!("sql/books_guard_client.sql");
    const GUARD_ONE: &str = include_str!("sql/books_guard_one.sql");
    const ENQUEUE: &str = include_str!("sql/books_enqueue.sql");
    const ENSURE: &str = include_str!("sql/books_ensure_destination.sql");
    const ERASE: &str = include_str!("sql/books_erase.sql");
    const END: &str = include_str!("sql/books_end.sql");
    let mut files = vec![NOW, BEGIN];
    if entry.idempotency.is_some() {
        files.push(LOCK_KEY);
    }
    // The message contains the client's name and address: they must be the committed ones.
    let reported = decision.message.as_ref().and(found.client.as_ref());
    if reported.is_some() {
        files.push(GUARD_CLIENT);
    }
    if let Some(sql) = change_sql(&decision.change) {
        files.extend([sql, GUARD_ONE]);
    }
    if matches!(decision.change, Change::DeleteClient(_)) {
        files.push(ERASE);
    }
    if decision.message.is_some() {
        files.extend([ENQUEUE, ENSURE]);
    }
    if entry.idempotency.is_some() {
        files.push(STORE_KEY);
    }
    files.push(END);

    let mut statement = with_change(Statement::of(&files), &decision.change, found);
    if let Some(client) = reported {
        statement = statement.with("client_version", client.version);
        if !matches!(decision.change, Change::InsertRecord(_)) {
            statement = statement.with("client", client.id.0);
        }
    }
    if let Some(message) = &decision.message {
        statement = with_message(statement, message)?;
    }
    with_key(statement, entry, decision, lifetime_ms)
}

fn with_key(statement: Statement, entry: &Entry, decision: &Decision, lifetime_ms: i64) -> StoreResult<Statement> {
    let Some((key, fingerprint)) = &entry.idempotency else { return Ok(statement) };
    let booked = serde_json::to_string(&decision.booked).map_err(|e| broken(e.to_string()))?;
    Ok(statement
        .with("lock", lock_name(key.as_str()))
        .with("key", key.as_str().to_owned())
        .with("fingerprint", fingerprint.as_str().to_owned())
        .with("answer", booked)
        .with("lifetime_s", i32::try_from(lifetime_ms / 1000).unwrap_or(i32::MAX)))
}

fn change_sql(change: &Change) -> Option<&'static str> {
    Some(match change {
        Change::Nothing => return None,
        Change::InsertClient(_) => include_str!("sql/books_insert_client.sql"),
        Change::UpdateClient(_) => include_str!("sql/books_update_client.sql"),
        Change::DeleteClient(_) => include_str!("sql/books_delete_client.sql"),
        Change::InsertRecord(_) => include_str!("sql/books_insert_record.sql"),
        Change::UpdateRecord(_) => include_str!("sql/books_update_record.sql"),
        Change::DeleteRecord(_) => include_str!("sql/books_delete_record.sql"),
        Change::LockRecord(_) => include_str!("sql/books_lock_record.sql"),
    })
}

fn with_change(statement: Statement, change: &Change, found: &Snapshot) -> Statement {
    match change {
        Change::Nothing => statement,
        Change::InsertClient(client) | Change::UpdateClient(client) => with_client(statement, client),
        Change::DeleteClient(id) => {
            let version = found.client.as_ref().map_or(0, |client| client.version);
            statement.with("id", id.0).with("version", version).with("subject", subject_of(*id))
        }
        Change::InsertRecord(record) => with_figures(statement, record)
            .with("id", record.id)
            .with("client", record.client_id.0)
            .with("year", i32::from(record.period.year()))
            .with("month", i32::from(record.period.month())),
        Change::UpdateRecord(record) => with_figures(statement, record).with("id", record.id),
        Change::DeleteRecord(record) | Change::LockRecord(record) => {
            statement.with("id", record.id).with("version", record.version)
        }
    }
}

fn with_client(statement: Statement, client: &Client) -> Statement {
    statement
        .with("id", client.id.0)
        .with("name", client.draft.name.as_str().to_owned())
        .with("address", client.draft.address.as_str().to_owned())
        .with("nip", client.draft.nip_nb.as_str().to_owned())
        .with("email", client.draft.email.as_str().to_owned())
        .with("language", client.draft.language.map(|language| language.code().to_owned()))
        .with("version", client.version)
}

fn with_figures(statement: Statement, record: &FinancialRecord) -> Statement {
    // As grosze: a decimal parameter has the precision of its value, and each precision would need a plan of its own.
    statement
        .with("income_tax", record.figures.income_tax.grosze())
        .with("vat", record.figures.vat.grosze())
        .with("insurance_amount", record.figures.insurance_amount.grosze())
        .with("version", record.version)
}

fn with_message(statement: Statement, message: &NewMessage) -> StoreResult<Statement> {
    let headers = serde_json::to_string(&message.headers).map_err(|e| broken(e.to_string()))?;
    let mut names: Vec<String> = message.destinations.iter().map(ToString::to_string).collect();
    if names.is_empty() {
        names.push(String::new());
    }
    let positions: Vec<Value> =
        names.iter().enumerate().map(|(position, name)| json!({"n": position, "d": name})).collect();
    Ok(statement
        .with("message_id", message.id.as_str().to_owned())
        .with("event_type", message.event_type.clone())
        .with("destinations", Value::from(positions).to_string())
        .with("ordering_key", message.ordering_key.clone())
        .with("content_type", message.content_type.clone())
        .with("payload", message.payload.clone())
        .with("headers", headers)
        .with("subject", message.subject.clone())
        .with("occurred_on", message.occurred_on))
}

/// A lock's name has at most 255 characters and is compared by the database's collation; a hash is short and ASCII.
pub(super) fn lock_name(key: &str) -> String {
    format!("client-organizer key {}", hex(&Sha256::digest(key.as_bytes())))
}

fn broken(reason: String) -> StoreError {
    StoreError::Broken { step: STEP, reason, source: None }
}
