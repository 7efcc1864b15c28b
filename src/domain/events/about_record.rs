//! A message about a booked month without a change to it.

use super::NewEvent;
use crate::domain::{client::Client, record::FinancialRecord};
use std::fmt::Debug;

/// Makes the event from client and record as the transaction read them: see `Command::Enqueue`.
pub trait AboutRecord: Debug + Send + Sync {
    /// The event about this record.
    ///
    /// # Errors
    /// The data cannot be written as JSON.
    fn event(&self, client: &Client, record: &FinancialRecord) -> Result<NewEvent, String>;
}
