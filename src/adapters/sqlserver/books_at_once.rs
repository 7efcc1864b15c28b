//! A first booking in one round trip: the database fills in what only it knows, so that nothing is read beforehand.
//!
//! The rules decide as always, over a client whose name and address are marks and a record whose id is one. The batch
//! puts the real ones in their place, under the locks that it commits with. Where there is anything to refuse it does
//! nothing, and the write goes the way of the others: look, decide, write.

use super::{outbox::NOW, statement::Statement};
use crate::domain::{
    booking::{Command, Decision, Entry, Snapshot},
    client::{Client, ClientDraft, ClientName, Email, Nip, PostalAddress},
    ids::ClientId,
};
use uuid::Uuid;

/// Random for every booking, so that no text of a caller's can hold them.
pub(super) struct Marks {
    name: String,
    email: String,
    id: i64,
}

/// A name and an address, escaped, are at most so much longer than their marks: 200 and 254 characters of 4 bytes.
const FILLED_BYTES_MAX: usize = 2_000;

impl Marks {
    pub(super) fn new() -> Self {
        let text = || Uuid::new_v4().simple().to_string();
        Self {
            name: text(),
            email: format!("{}@mark.invalid", text()),
            id: -fastrand::i64(1_000_000_000_000_000_000..),
        }
    }

    /// None: not a first booking that tells somebody, or not certain to fit; it goes the longer way.
    pub(super) fn decide(&self, entry: &Entry) -> Option<Decision> {
        let decision = self.with_id(entry, self.id)?;
        let payload = &decision.message.as_ref()?.payload;
        (payload.len() + FILLED_BYTES_MAX <= entry.limits.body_bytes_max).then_some(decision)
    }

    /// The same decision, with the id that the database gave.
    pub(super) fn with_id(&self, entry: &Entry, id: i64) -> Option<Decision> {
        let Command::CreateRecord(client, ..) = &entry.command else { return None };
        let client = Some(self.client(*client)?);
        entry.decide(&Snapshot { client, next_record_id: id, ..Snapshot::default() }).ok()
    }

    fn client(&self, id: ClientId) -> Option<Client> {
        let draft = ClientDraft {
            name: ClientName::parse(&self.name).ok()?,
            address: PostalAddress::parse("mark").ok()?,
            nip_nb: Nip::parse("5260250274").ok()?,
            email: Email::parse(&self.email).ok()?,
        };
        Some(Client { id, draft, version: 1 })
    }

    /// For `books_record_at_once.sql`, which reads the templates under these names.
    pub(super) fn with_marks(&self, statement: Statement) -> Statement {
        statement
            .with("mark_name", self.name.clone())
            .with("mark_email", self.email.clone())
            .with("mark_id", self.id.to_string())
    }
}

/// The batch's files in order; between lock and change it looks at what it fills in.
pub(super) const FILES: [&str; 9] = [
    NOW,
    include_str!("sql/books_begin.sql"),
    include_str!("sql/books_lock_key.sql"),
    include_str!("sql/books_record_at_once.sql"),
    include_str!("sql/books_insert_record.sql"),
    include_str!("sql/books_enqueue.sql"),
    include_str!("sql/books_ensure_destination.sql"),
    include_str!("sql/books_store_key.sql"),
    include_str!("sql/books_end_at_once.sql"),
];
