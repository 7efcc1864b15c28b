//! What a write does to the books: a pure decision over what the store found, made inside its transaction.

use super::{
    client::{Client, ClientDraft},
    events::{
        AboutRecord, FinancialChange, FinancialRecordCreated, FinancialRecordDeleted, FinancialRecordUpdated, NewEvent,
    },
    idempotency::{Fingerprint, IdempotencyKey},
    ids::{ClientId, MessageId},
    message::{CLOUD_EVENT, Headers, MessageLimits, NewMessage},
    period::Period,
    record::{Figures, FiguresPatch, FinancialRecord},
    route::{Destination, Routes},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A write that a caller requests.
#[derive(Debug, Clone)]
pub enum Command {
    /// Adds a client.
    CreateClient(ClientDraft),
    /// Replaces all that the caller sets of a client.
    ReplaceClient(ClientId, ClientDraft),
    /// Deletes a client who has no records.
    DeleteClient(ClientId),
    /// Books the figures of a month that has none.
    CreateRecord(ClientId, Period, Figures),
    /// Changes some of a month's figures.
    PatchRecord(ClientId, Period, FiguresPatch),
    /// Deletes a month's figures.
    DeleteRecord(ClientId, Period),
    /// Enqueues a message about a booked month; the books stay as they are.
    Enqueue(ClientId, Period, Arc<dyn AboutRecord>),
}

/// A write with everything that must be known before its transaction begins: what `ports::books` gets.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The requested change.
    pub command: Command,
    /// The request's If-Match header, if present.
    pub if_match: Option<IfMatch>,
    /// The request's key and what was requested under it. None: the caller sent no Idempotency-Key.
    pub idempotency: Option<(IdempotencyKey, Fingerprint)>,
    /// Id of the message, if one is written.
    pub message_id: MessageId,
    /// The time of the event, by this process's clock.
    pub now: DateTime<Utc>,
    /// Trace context for the message.
    pub headers: Headers,
    /// Where each event type goes.
    pub routes: Arc<Routes>,
    /// Bounds of the message: the write is refused where its message exceeds them.
    pub limits: MessageLimits,
}

/// Entity tags of an If-Match header: any current version, or one of these (with their quotes).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: any current version.
    Any,
    /// These versions.
    OneOf(Vec<String>),
}

impl IfMatch {
    /// Reads the header's value. A malformed tag matches no version, so the write is refused as stale.
    #[must_use]
    pub fn parse(header: &str) -> Self {
        if header.trim() == "*" {
            return Self::Any;
        }
        Self::OneOf(header.split(',').map(|tag| tag.trim().to_owned()).collect())
    }

    fn admits(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(|tag| tag == etag),
        }
    }
}

/// What the store read, under the locks that keep it true until the commit.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The client the command names.
    pub client: Option<Client>,
    /// Another client, or the same, that holds the command's NIP.
    pub nip_owner: Option<ClientId>,
    /// The record the command names.
    pub record: Option<FinancialRecord>,
    /// Has the client any record?
    pub has_records: bool,
    /// The id that a new client would get.
    pub next_client_id: i64,
    /// The id that a new record would get.
    pub next_record_id: i64,
}

/// What the transaction writes and what the caller gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What happens to clients and records.
    pub change: Change,
    /// Goes into the outbox in the same transaction.
    pub message: Option<NewMessage>,
    /// The answer to the caller.
    pub booked: Booked,
}

/// What the store writes to clients and records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The books already are as requested.
    Nothing,
    /// A new row.
    InsertClient(Client),
    /// The client's new values, with the next version.
    UpdateClient(Client),
    /// Removes the row.
    DeleteClient(ClientId),
    /// A new row.
    InsertRecord(FinancialRecord),
    /// The record's new figures, with the next version.
    UpdateRecord(FinancialRecord),
    /// Removes the row; the record as it was read.
    DeleteRecord(FinancialRecord),
    /// Writes nothing, but locks the record until the commit, so that it stays as it was read.
    LockRecord(FinancialRecord),
}

/// The answer to a write that succeeded. Stored under the idempotency key, so a repeat gets the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booked {
    /// What was done.
    pub result: BookedResult,
    /// The message written in the same transaction. None: the write enqueued none.
    pub message_id: Option<String>,
}

/// What was done, with the values after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BookedResult {
    /// The new client.
    ClientCreated(Client),
    /// The client after the write, also when nothing differed.
    ClientReplaced(Client),
    /// The client is gone.
    ClientDeleted,
    /// The new record.
    RecordCreated(FinancialRecord),
    /// The record after the write. Where the figures did not differ, no message was written.
    RecordPatched(FinancialRecord),
    /// The record is gone.
    RecordDeleted,
    /// The record whose figures the message carries.
    Enqueued(FinancialRecord),
}

/// The rule of the books that refuses a write. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The client does not exist.
    #[error("there is no client {0}")]
    NoClient(ClientId),
    /// The client has no record for the month.
    #[error("client {0} has no record for {1}")]
    NoRecord(ClientId, Period),
    /// This client, another one, has the same NIP.
    #[error("client {0} already has this nipNb")]
    NipTaken(ClientId),
    /// The month is already booked.
    #[error("client {0} already has a record for {1}: change it with PATCH")]
    RecordExists(ClientId, Period),
    /// A client with records cannot be deleted.
    #[error("client {0} still has financial records: delete them first")]
    HasRecords(ClientId),
    /// The If-Match header names an older version.
    #[error("it was changed in the meantime: its ETag is now {current}")]
    Changed {
        /// The ETag now, with its quotes.
        current: String,
    },
    /// Another request was made under the same Idempotency-Key.
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// The bus would never take the message, for this reason.
    #[error("the message could never be sent: {0}")]
    Unsendable(String),
}

/// A client's ETag. Ids are never reused, so the version is enough.
#[must_use]
pub fn client_etag(client: &Client) -> String {
    format!("\"{}\"", client.version)
}

/// A record's ETag. It contains the id, so that a month that was deleted and booked again does not match an old tag.
#[must_use]
pub fn record_etag(record: &FinancialRecord) -> String {
    format!("\"{}-{}\"", record.id, record.version)
}

impl Entry {
    /// Decides what to write. The store then writes the change, the message and the key's answer, all or nothing.
    ///
    /// # Errors
    /// The rule that refuses the write.
    pub fn decide(&self, found: &Snapshot) -> Result<Decision, Refusal> {
        match &self.command {
            Command::CreateClient(draft) => {
                nip_is_free(found, None)?;
                let client = Client { id: ClientId(found.next_client_id), draft: draft.clone(), version: 1 };
                Ok(silent(Change::InsertClient(client.clone()), BookedResult::ClientCreated(client)))
            }
            Command::ReplaceClient(id, draft) => {
                let old = client_in(found, *id)?;
                self.check_match(&client_etag(old))?;
                nip_is_free(found, Some(*id))?;
                if old.draft == *draft {
                    return Ok(silent(Change::Nothing, BookedResult::ClientReplaced(old.clone())));
                }
                let client = Client { id: *id, draft: draft.clone(), version: old.version + 1 };
                Ok(silent(Change::UpdateClient(client.clone()), BookedResult::ClientReplaced(client)))
            }
            Command::DeleteClient(id) => {
                let old = client_in(found, *id)?;
                self.check_match(&client_etag(old))?;
                if found.has_records {
                    return Err(Refusal::HasRecords(*id));
                }
                Ok(silent(Change::DeleteClient(*id), BookedResult::ClientDeleted))
            }
            Command::CreateRecord(id, period, figures) => {
                let client = client_in(found, *id)?;
                if let Some(old) = &found.record {
                    self.check_match(&record_etag(old))?;
                    return Err(Refusal::RecordExists(*id, *period));
                }
                let record = FinancialRecord {
                    id: found.next_record_id,
                    client_id: *id,
                    period: *period,
                    figures: *figures,
                    version: 1,
                };
                let event = NewEvent::of::<FinancialRecordCreated>(&FinancialChange::of(client, &record, None));
                self.announcing(event, Change::InsertRecord(record), BookedResult::RecordCreated(record))
            }
            Command::PatchRecord(id, period, patch) => {
                let client = client_in(found, *id)?;
                let old = found.record.ok_or(Refusal::NoRecord(*id, *period))?;
                self.check_match(&record_etag(&old))?;
                let figures = patch.apply(old.figures);
                if figures == old.figures {
                    return Ok(silent(Change::Nothing, BookedResult::RecordPatched(old)));
                }
                let record = FinancialRecord { figures, version: old.version + 1, ..old };
                let data = FinancialChange::of(client, &record, Some(old.figures));
                let event = NewEvent::of::<FinancialRecordUpdated>(&data);
                self.announcing(event, Change::UpdateRecord(record), BookedResult::RecordPatched(record))
            }
            Command::DeleteRecord(id, period) => {
                let client = client_in(found, *id)?;
                let old = found.record.ok_or(Refusal::NoRecord(*id, *period))?;
                self.check_match(&record_etag(&old))?;
                let event = NewEvent::of::<FinancialRecordDeleted>(&FinancialChange::of(client, &old, None));
                self.announcing(event, Change::DeleteRecord(old), BookedResult::RecordDeleted)
            }
            Command::Enqueue(id, period, message) => {
                let client = client_in(found, *id)?;
                let record = found.record.ok_or(Refusal::NoRecord(*id, *period))?;
                self.check_match(&record_etag(&record))?;
                let event = message.event(client, &record);
                self.announcing(event, Change::LockRecord(record), BookedResult::Enqueued(record))
            }
        }
    }

    fn check_match(&self, etag: &str) -> Result<(), Refusal> {
        match &self.if_match {
            Some(tags) if !tags.admits(etag) => Err(Refusal::Changed { current: etag.to_owned() }),
            Some(_) | None => Ok(()),
        }
    }

    fn announcing(
        &self,
        event: Result<NewEvent, String>,
        change: Change,
        result: BookedResult,
    ) -> Result<Decision, Refusal> {
        let event = event.map_err(Refusal::Unsendable)?;
        // No route is set for one of our own events: the row is written without a destination and waits, and nothing is
        // lost.
        let destinations = match self.routes.of(event.event_type) {
            Some([]) => return Ok(silent(change, result)),
            Some(destinations) => destinations.to_vec(),
            None => Vec::new(),
        };
        let message = self.message(event, destinations).map_err(Refusal::Unsendable)?;
        let message_id = Some(message.id.as_str().to_owned());
        Ok(Decision { change, message: Some(message), booked: Booked { result, message_id } })
    }

    fn message(&self, event: NewEvent, destinations: Vec<Destination>) -> Result<NewMessage, String> {
        let (event_type, key, subject) = (event.event_type, event.ordering_key.clone(), event.subject.clone());
        let payload = event.payload(&self.message_id, self.now)?;
        self.limits.check(payload.as_bytes(), &self.headers, Some(&key))?;
        Ok(NewMessage {
            id: self.message_id.clone(),
            event_type: event_type.to_owned(),
            destinations,
            ordering_key: Some(key),
            content_type: CLOUD_EVENT.to_owned(),
            payload,
            headers: self.headers.clone(),
            subject: Some(subject),
            occurred_on: self.now,
        })
    }
}

fn client_in(found: &Snapshot, id: ClientId) -> Result<&Client, Refusal> {
    found.client.as_ref().ok_or(Refusal::NoClient(id))
}

fn silent(change: Change, result: BookedResult) -> Decision {
    Decision { change, message: None, booked: Booked { result, message_id: None } }
}

fn nip_is_free(found: &Snapshot, mine: Option<ClientId>) -> Result<(), Refusal> {
    match found.nip_owner {
        Some(owner) if Some(owner) != mine => Err(Refusal::NipTaken(owner)),
        Some(_) | None => Ok(()),
    }
}
