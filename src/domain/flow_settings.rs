//! The settings of each flow: how much at once, how long, and when it gives up.

use super::{delivery::MailPolicy, rate_limit::RateLimit, verdict::Policy};

/// Settings of the dispatcher.
#[derive(Debug, Clone, Copy)]
pub struct DispatchSettings {
    /// Most rows of a claim; 1 to 2,000.
    pub batch_max: u32,
    /// Most bytes of payload of a claim.
    pub batch_bytes_max: u64,
    /// How long a claim leases its rows.
    pub lease_ms: i64,
    /// The part of the lease that is kept for the settle.
    pub headroom_ms: i64,
    /// Further claims that a suspect row gets before it is dead-lettered.
    pub claims_max: u32,
    /// A run ends by itself after this, well below the host's functionTimeout.
    pub run_ms: u64,
    /// Retries and breakers.
    pub policy: Policy,
}

/// Settings of mailing.
#[derive(Debug, Clone, Copy)]
pub struct NotifySettings {
    /// How long a mail may be on its way to the provider before it is in doubt.
    pub lease_ms: i64,
    /// A RetryEmail run ends by itself after this.
    pub run_ms: u64,
    /// Mails that a RetryEmail run sends in parallel.
    pub at_once: u32,
    /// How long a duplicate is recognised; an unknown message that is older is refused.
    pub tombstone_days: i64,
    /// Retries, doubts and breakers.
    pub policy: MailPolicy,
    /// How many mails the provider may be sent.
    pub rate_limit: RateLimit,
    /// How many status queries the provider may get.
    pub queries: RateLimit,
}

/// How long what is finished is kept.
#[derive(Debug, Clone, Copy)]
pub struct PruneSettings {
    /// Sent and discarded outbox rows.
    pub outbox_days: i64,
    /// Tombstones of the inbox.
    pub inbox_days: i64,
    /// Content of refused mails.
    pub refused_body_days: i64,
    /// Most rows of a step, which is one short transaction.
    pub step_rows_max: u32,
    /// A run ends by itself after this, and the next continues.
    pub run_ms: u64,
}
