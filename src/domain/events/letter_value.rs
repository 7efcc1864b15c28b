//! A value that a letter shows, before it is formatted in the client's language.

use crate::domain::{client::ClientName, money::Money, record::Figures};
use chrono::NaiveDate;

/// A value for a letter's template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetterValue {
    /// A client's name.
    Name(ClientName),
    /// An amount in zloty.
    Amount(Money),
    /// A month as the event states it. It is not checked: another program may have written it.
    Month {
        /// Any number.
        year: u16,
        /// Any number.
        month: u8,
    },
    /// A day.
    Date(NaiveDate),
    /// An unknown value; `none` in a template.
    Nothing,
    /// Named values, in a template reached as `outer.inner`.
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
