//! A mail provider's own pace: how many mails it may be sent within any minute, and within any hour.
//!
//! Windows slide: a bucket that fills up again would let almost twice as many through within one hour. A mail counts
//! from its lease until a window after its sending has ended, since the provider saw it somewhere between; one whose
//! sending never ended, until a window after its lease.

/// The provider measures by a clock of its own, which may run a little slower than the database's; that differs by less
/// than this within an hour.
const MARGIN_MS: i64 = 100;
/// So long a mail counts for the limit of a minute, and for that of an hour.
pub const MINUTE_MS: i64 = 60_000 + MARGIN_MS;
pub const HOUR_MS: i64 = 3_600_000 + MARGIN_MS;

/// No lease is longer (`Email__LeaseMs`), so what counts from later than this was stored by a clock that went back.
pub const LEASE_MS_MAX: i64 = 600_000;

/// Status queries have a limit of their own, and a name that they count by beside the provider's mails.
#[must_use]
pub fn of_queries(provider: &str) -> String {
    format!("{provider}{QUERIES}")
}

/// It is in the table of destinations, where its limit is kept; nothing is sent there, and it cannot be paused.
#[must_use]
pub fn is_of_queries(name: &str) -> bool {
    name.starts_with("mail:") && name.ends_with(QUERIES)
}

const QUERIES: &str = " queries";

/// 0: no such limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateLimit {
    pub per_minute: u32,
    pub per_hour: u32,
}

impl RateLimit {
    #[must_use]
    pub fn is_limited(self) -> bool {
        self.per_minute > 0 || self.per_hour > 0
    }
}
