//! The wall clock, as a parameter. Leases and due times are the database's clock, never this one.

use chrono::{DateTime, Utc};

pub trait Clock: Send + Sync {
    fn now(&self) -> DateTime<Utc>;
}
