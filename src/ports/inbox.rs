//! The inbox: stores every message by (consumer, MessageId), so that from `begin` on the mail is ours.

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
    /// To be sent now, under a lease that we hold.
    Ours(MailWork),
    /// Stored, but not to be sent now: another process has leased it, the provider's breaker is open or paused, or its
    /// rate limit has no room beyond the mails that already wait for it.
    Busy(MailState),
    /// Already sent, refused, parked or in doubt: this delivery is a repeat.
    Done(MailState),
}

impl Begun {
    /// From the row's state now. `ours`: the work, if it is leased under our token.
    #[must_use]
    pub fn of(state: MailState, ours: Option<MailWork>) -> Self {
        match (state, ours) {
            (MailState::Sending, Some(work)) => Self::Ours(work),
            (MailState::Accepted | MailState::Sending, _) => Self::Busy(state),
            (MailState::Sent | MailState::Parked | MailState::InDoubt | MailState::Refused, _) => Self::Done(state),
        }
    }
}

/// The terms under which mails are leased.
#[derive(Debug, Clone)]
pub struct Lease {
    /// Marks the leased rows.
    pub token: LeaseToken,
    /// How long the lease lasts, by the database's clock.
    pub lease_ms: i64,
    /// Breaker name of the provider, `mail:<provider>`.
    pub provider: String,
    /// How many mails the provider may be sent. Every lease to send counts, across all processes.
    pub rate_limit: RateLimit,
    /// The provider answers status queries about mails in doubt. A lease for such a query does not count as a mail.
    pub status_queries: bool,
}

/// A mail whose lease ended without an outcome.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Doubted {
    /// The inbox key.
    pub message_id: String,
    /// The trace context of the booking that wrote the message.
    pub traceparent: Option<String>,
}

/// Refusals that look alike, which may be the provider's fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alike {
    /// Breaker name of the provider, `mail:<provider>`.
    pub provider: String,
    /// Equal for refusals of one kind.
    pub fingerprint: String,
    /// Until this mail is due, if it is taken back.
    pub delay_ms: i64,
}

/// The stored mails of a consumer.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// One atomic statement: stores a new message as `sending` with this lease, or as `accepted` and due now if the
    /// provider's breaker is open, it is paused or its rate limit has no room. A known `accepted` message is treated
    /// likewise.
    async fn begin(
        &self,
        consumer: &str,
        delivery: &Delivery,
        addressee: &Addressee,
        lease: &Lease,
    ) -> StoreResult<Begun>;

    /// Stores a message that can never be mailed. A known message is left unchanged. `provider`: breaker name of the one
    /// that would have mailed it.
    async fn refuse(
        &self,
        consumer: &str,
        provider: &str,
        delivery: &Delivery,
        addressee: &Addressee,
        reason: &str,
    ) -> StoreResult<()>;

    /// Mails with an expired lease become `in doubt`, due now (`Resend`) or held (`Hold`); the doubt is counted and
    /// recorded in the row. Returns them, at most `rows_max`. `provider`: breaker name of the one that mails.
    async fn expire(
        &self,
        consumer: &str,
        provider: &str,
        on_doubt: OnDoubt,
        rows_max: u32,
    ) -> StoreResult<Vec<Doubted>>;

    /// Leases up to `rows_max` due rows that are accepted, parked or in doubt, oldest due first: those that need a
    /// status query, and no more others than the provider's rate limit allows. `probe`: the token holds the provider's
    /// probe, so an open breaker does not stop it.
    async fn take_due(&self, consumer: &str, lease: &Lease, probe: bool, rows_max: u32) -> StoreResult<Vec<MailWork>>;

    /// Claims room in the limit of status queries, across all processes, before one about a mail that is leased by this
    /// token. The query counts until one window after the mail's settlement. None: it may be made; otherwise in how many
    /// milliseconds. `queries`: the name under which they count (`rate_limit::of_queries`), and their limit. Safe to
    /// repeat.
    async fn take_query(&self, message_id: &str, queries: &Lease) -> StoreResult<Option<i64>>;

    /// Records how the attempt ended. Safe to repeat, as a settle is. `Sent` erases the body. `provider_met`: the
    /// provider may have seen the mail or the query until now, so it counts towards the rate limit from now on;
    /// otherwise its room is free again. `provider`: its breaker name, under which the attempt is counted.
    async fn settle(
        &self,
        consumer: &str,
        message_id: &str,
        token: LeaseToken,
        settlement: &MailSettlement,
        provider: &str,
        provider_met: bool,
    ) -> StoreResult<Settled>;

    /// `settle` of a refusal that may be the provider's fault. In the same transaction, since a mail that is taken
    /// meanwhile must not hide the refusals: if too many different recipients were refused alike since the provider last
    /// took a mail, or the provider is already at fault for this, all these mails become accepted again, due now, and
    /// the provider is at fault until its breaker closes. Also returns how many; 0: the mail stays refused.
    async fn settle_alike(
        &self,
        consumer: &str,
        message_id: &str,
        token: LeaseToken,
        refused: &MailSettlement,
        alike: &Alike,
    ) -> StoreResult<(Settled, u32)>;
}
