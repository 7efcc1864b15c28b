//! A month's figures were changed; the message also contains the figures before.

use super::{DefaultRoute, Event, FinancialChange, Samples, samples};
use crate::domain::money::GROSZE_MAX;

/// The message type.
#[derive(Debug)]
pub struct FinancialRecordUpdated;

impl Event for FinancialRecordUpdated {
    type Data = FinancialChange;

    const NAME: &'static str = "FinancialRecordUpdated";
    const VERSION: u32 = 1;
    const DEFAULT_ROUTE: DefaultRoute = DefaultRoute::EmailQueue;
    const BODY_BYTES_MAX: usize = 4 * 1024;
    const LETTER: &'static str = "financial_record_updated";

    fn samples() -> Result<Samples<FinancialChange>, String> {
        let before = samples::figures([100_000, 50_000, 160_000])?;
        Ok(vec![
            ("updated", samples::usual()?.change(Some(before))),
            ("updated-odd", samples::odd()?.change(Some(samples::figures([0, GROSZE_MAX, 1])?))),
            ("updated-before-unknown", samples::usual()?.change(None)),
        ])
    }
}
