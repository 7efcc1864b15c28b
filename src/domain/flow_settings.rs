//! What is set of each flow: how much at a time, how long, and when it gives up.

use super::{delivery::MailPolicy, rate_limit::RateLimit, verdict::Policy};

#[derive(Debug, Clone, Copy)]
pub struct DispatchSettings {
    /// Rows a claim takes at most; 1 to 2,000.
    pub batch_max: u32,
    pub batch_bytes_max: u64,
    pub lease_ms: i64,
    /// Kept free at the lease's end for the settle.
    pub headroom_ms: i64,
    pub claims_max: u32,
    /// A run ends by itself after this, well below the host's functionTimeout.
    pub run_ms: u64,
    pub policy: Policy,
}

#[derive(Debug, Clone, Copy)]
pub struct NotifySettings {
    /// How long a mail may be on its way to the provider before it is in doubt.
    pub lease_ms: i64,
    /// A RetryEmail run ends by itself after this.
    pub run_ms: u64,
    /// Mails sent side by side in a RetryEmail run.
    pub at_once: u32,
    /// How long a duplicate is recognised; an unknown message older than this is refused.
    pub tombstone_days: i64,
    pub policy: MailPolicy,
    /// The provider's.
    pub rate_limit: RateLimit,
    /// Its own for questions about mails in doubt.
    pub queries: RateLimit,
}

#[derive(Debug, Clone, Copy)]
pub struct PruneSettings {
    pub outbox_days: i64,
    pub inbox_days: i64,
    pub refused_body_days: i64,
    /// Rows per step: one short transaction.
    pub step_rows_max: u32,
    /// A run ends by itself after this; the next goes on.
    pub run_ms: u64,
}
