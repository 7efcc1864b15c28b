//! A value that a letter shows, before it is written in the client's language.

use crate::domain::{client::ClientName, money::Money, record::Figures};
use chrono::NaiveDate;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetterValue {
    Name(ClientName),
    Amount(Money),
    /// As the event has it: another program may have made it of a month that is none.
    Month {
        year: u16,
        month: u8,
    },
    Date(NaiveDate),
    /// What is not known; `none` to a template.
    Nothing,
    Fields(Vec<(&'static str, LetterValue)>),
}

impl LetterValue {
    /// Each amount as it is (`now`), and as it was before where that is known (`was`).
    pub(super) fn figures(now: Figures, was: Option<Figures>) -> Self {
        let amount = |of: fn(Figures) -> Money| {
            let was = was.map_or(Self::Nothing, |was| Self::Amount(of(was)));
            Self::Fields(vec![("now", Self::Amount(of(now))), ("was", was)])
        };
        Self::Fields(vec![
            ("income_tax", amount(|figures| figures.income_tax)),
            ("vat", amount(|figures| figures.vat)),
            ("insurance", amount(|figures| figures.insurance_amount)),
        ])
    }
}
