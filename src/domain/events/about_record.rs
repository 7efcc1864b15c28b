//! A message about a booked month that comes of no change to it.

use super::NewEvent;
use crate::domain::{client::Client, record::FinancialRecord};
use std::fmt::Debug;

/// What it says of client and record it is given inside the transaction: see `Command::Enqueue`.
pub trait AboutRecord: Debug + Send + Sync {
    /// # Errors
    /// The data cannot be written as JSON.
    fn event(&self, client: &Client, record: &FinancialRecord) -> Result<NewEvent, String>;
}
