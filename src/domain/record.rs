//! A client's tax figures for one month.

use super::{ids::ClientId, money::Money, period::Period};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    pub income_tax: Money,
    pub vat: Money,
    pub insurance_amount: Money,
}

/// What a PATCH says: at least one amount; the others stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FiguresPatch {
    pub income_tax: Option<Money>,
    pub vat: Option<Money>,
    pub insurance_amount: Option<Money>,
}

impl FiguresPatch {
    #[must_use]
    pub fn apply(&self, to: Figures) -> Figures {
        Figures {
            income_tax: self.income_tax.unwrap_or(to.income_tax),
            vat: self.vat.unwrap_or(to.vat),
            insurance_amount: self.insurance_amount.unwrap_or(to.insurance_amount),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinancialRecord {
    /// Never reused, so that an ETag of a deleted record cannot match its successor.
    pub id: i64,
    pub client_id: ClientId,
    pub period: Period,
    pub figures: Figures,
    /// Starts at 1, plus 1 for every change.
    pub version: i64,
}
