//! A client's tax figures for one month.

use super::{ids::ClientId, money::Money, period::Period};
use serde::{Deserialize, Serialize};

/// The amounts of one month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Income tax.
    pub income_tax: Money,
    /// Value added tax.
    pub vat: Money,
    /// Social insurance contributions.
    pub insurance_amount: Money,
}

/// The amounts that a PATCH changes, at least one; None: unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FiguresPatch {
    /// Income tax.
    pub income_tax: Option<Money>,
    /// Value added tax.
    pub vat: Option<Money>,
    /// Social insurance contributions.
    pub insurance_amount: Option<Money>,
}

impl FiguresPatch {
    /// The figures after the change.
    #[must_use]
    pub fn apply(&self, to: Figures) -> Figures {
        Figures {
            income_tax: self.income_tax.unwrap_or(to.income_tax),
            vat: self.vat.unwrap_or(to.vat),
            insurance_amount: self.insurance_amount.unwrap_or(to.insurance_amount),
        }
    }
}

/// A booked month of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinancialRecord {
    /// Never reused, so that an ETag of a deleted record cannot match its successor.
    pub id: i64,
    /// The client; together with `period` unique.
    pub client_id: ClientId,
    /// The month.
    pub period: Period,
    /// The amounts.
    pub figures: Figures,
    /// Starts at 1 and grows by 1 with every change.
    pub version: i64,
}
