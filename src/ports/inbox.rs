//! The inbox: remembers every message by (consumer, MessageId), so that from `begin` on the mail is ours.

use super::error::StoreResult;
use crate::domain::{
    delivery::{Delivery, MailState, MailWork, OnDoubt},
    ids::LeaseToken,
    mail_settlement::MailSettlement,
    outbox::Settled,
    rate_limit::RateLimit,
    recipient::Addressee,
};
use async_trait::async_trait;

/// What `begin` found. In every case the message is stored, and the delivery is answered 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Ours to send now: we hold the lease.
    Ours(MailWork),
    /// Stored, not to be sent now: another holds it, or the provider's breaker is open or paused, or its pace has no
    /// room, or none before those that wait for it already.
    Busy(MailState),
    /// Sent, refused, parked or in doubt already: this delivery is a repeat.
    Done(MailState),
}

impl Begun {
    /// As the row is now. `ours`: the work, where it is under our token.
    #[must_use]
    pub fn of(state: MailState, ours: Option<MailWork>) -> Self {
        match (state, ours) {
            (MailState::Sending, Some(work)) => Self::Ours(work),
            (MailState::Accepted | MailState::Sending, _) => Self::Busy(state),
            (MailState::Sent | MailState::Parked | MailState::InDoubt | MailState::Refused, _) => Self::Done(state),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Lease {
    pub token: LeaseToken,
    pub lease_ms: i64,
    /// Breaker name of the provider, `mail:<provider>`.
    pub provider: String,
    /// How many mails it may be sent; every lease to send one counts, of all processes.
    pub rate_limit: RateLimit,
    /// It can be asked about mails in doubt: a lease to ask is none to send, and takes no room of theirs.
    pub status_queries: bool,
}

/// Refusals that look alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alike {
    /// Breaker name of the provider, `mail:<provider>`.
    pub provider: String,
    /// The same for refusals of one kind.
    pub fingerprint: String,
    /// When this mail is due, if it is taken back.
    pub delay_ms: i64,
}

#[async_trait]
pub trait Inbox: Send + Sync {
    /// One atomic statement: stores a new message as `sending` with this lease, or as `accepted` and due now where
    /// the provider's breaker is open, it is paused or its pace has no room; takes a known `accepted` one likewise.
    async fn begin(
        &self,
        consumer: &str,
        delivery: &Delivery,
        addressee: &Addressee,
        lease: &Lease,
    ) -> StoreResult<Begun>;

    /// Stores a message that can never be mailed. A known one is left as it is.
    async fn refuse(&self, consumer: &str, delivery: &Delivery, addressee: &Addressee, reason: &str)
    -> StoreResult<()>;

    /// Leases that ran out become `in doubt`, due now (`Resend`) or held (`Hold`); the doubt is counted and the row
    /// says so. Answers their MessageIds, at most `rows_max`.
    async fn expire(&self, consumer: &str, on_doubt: OnDoubt, rows_max: u32) -> StoreResult<Vec<String>>;

    /// Leases up to `rows_max` rows that are accepted, parked or in doubt and due, oldest due first: those the provider
    /// is to be asked about, and no more others than its pace has room for. `probe`: the token holds the provider's
    /// probe, so an open breaker does not stop it.
    async fn take_due(&self, consumer: &str, lease: &Lease, probe: bool, rows_max: u32) -> StoreResult<Vec<MailWork>>;

    /// Before the provider is asked about a mail that is leased by this token: a place among its queries, of all
    /// processes, which counts until a window after the mail's settlement. None: it may be asked; else in how many ms.
    /// `queries`: the name they count by (`pace::of_queries`), and how many it may be asked. Safe to repeat.
    async fn take_query(&self, message_id: &str, queries: &Lease) -> StoreResult<Option<i64>>;

    /// Safe to repeat, as a settle is. `Sent` erases the body. `provider_met`: the provider may have seen the mail, or the
    /// query about it, until now, so that it counts in its pace from now on; else it leaves its room there to another.
    async fn settle(
        &self,
        consumer: &str,
        message_id: &str,
        token: LeaseToken,
        settlement: &MailSettlement,
        provider_met: bool,
    ) -> StoreResult<Settled>;

    /// After a mail was refused: where so many different recipients were refused alike since the provider last took a
    /// mail, or it is at fault by this already, all of them are accepted again, due now, and it is at fault from then on,
    /// until its breaker closes. Answers how many; none: it stays refused. Safe to repeat.
    async fn take_back(&self, consumer: &str, message_id: &str, alike: &Alike) -> StoreResult<u32>;
}
