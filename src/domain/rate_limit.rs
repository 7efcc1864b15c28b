//! A mail provider's rate limit: how many mails it may be sent within any minute and within any hour.
//!
//! The windows slide: a token bucket would let almost twice as many through within one hour. A mail counts from its
//! lease until one window after its attempt ended, since the provider saw it somewhere in between. An attempt that
//! never ended counts until one window after its lease.

/// The provider measures by its own clock, which may run slightly slower than the database's. The difference within an
/// hour is less than this.
const MARGIN_MS: i64 = 100;
/// How long a mail counts towards the limit per minute.
pub const MINUTE_MS: i64 = 60_000 + MARGIN_MS;
/// How long a mail counts towards the limit per hour.
pub const HOUR_MS: i64 = 3_600_000 + MARGIN_MS;

/// The longest lease (`Email__LeaseMs`). A count that starts further in the future was stored before a clock was set
/// back.
pub const LEASE_MS_MAX: i64 = 600_000;

/// The name by which a provider's status queries are counted. They have their own limit, beside that of its mails.
#[must_use]
pub fn of_queries(provider: &str) -> String {
    format!("{provider}{QUERIES}")
}

/// Whether a name in the table of destinations only counts status queries: nothing is sent there, and it cannot be
/// paused.
#[must_use]
pub fn is_of_queries(name: &str) -> bool {
    name.starts_with("mail:") && name.ends_with(QUERIES)
}

const QUERIES: &str = " queries";

/// How many requests a provider may get; 0 means unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateLimit {
    /// Most requests within any minute.
    pub per_minute: u32,
    /// Most requests within any hour.
    pub per_hour: u32,
}

impl RateLimit {
    /// Whether either limit is set.
    #[must_use]
    pub fn is_limited(self) -> bool {
        self.per_minute > 0 || self.per_hour > 0
    }
}
