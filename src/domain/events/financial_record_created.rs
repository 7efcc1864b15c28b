//! A month's figures were booked.

use super::{DefaultRoute, Event, FinancialChange, Samples, samples};

/// The message type.
#[derive(Debug)]
pub struct FinancialRecordCreated;

impl Event for FinancialRecordCreated {
    type Data = FinancialChange;

    const NAME: &'static str = "FinancialRecordCreated";
    const VERSION: u32 = 1;
    const DEFAULT_ROUTE: DefaultRoute = DefaultRoute::EmailQueue;
    const BODY_BYTES_MAX: usize = 4 * 1024;
    const LETTER: &'static str = "financial_record_created";

    fn samples() -> Result<Samples<FinancialChange>, String> {
        Ok(vec![("created", samples::usual()?.change(None)), ("created-odd", samples::odd()?.change(None))])
    }
}
