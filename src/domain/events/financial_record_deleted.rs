//! A month's figures were deleted. Most deletions correct typing errors that clients need not hear of, so by default no
//! message is sent.

use super::{DefaultRoute, Event, FinancialChange, Samples, samples};

/// The message type.
#[derive(Debug)]
pub struct FinancialRecordDeleted;

impl Event for FinancialRecordDeleted {
    type Data = FinancialChange;

    const NAME: &'static str = "FinancialRecordDeleted";
    const VERSION: u32 = 1;
    const DEFAULT_ROUTE: DefaultRoute = DefaultRoute::Nobody;
    const BODY_BYTES_MAX: usize = 4 * 1024;
    const LETTER: &'static str = "financial_record_deleted";

    fn samples() -> Result<Samples<FinancialChange>, String> {
        Ok(vec![("deleted", samples::usual()?.change(None)), ("deleted-odd", samples::odd()?.change(None))])
    }
}
