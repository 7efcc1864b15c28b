//! A month of a year, 2000-01 to 2100-12.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A month of a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Period {
    year: u16,
    month: u8,
}

/// The supported years.
pub const YEARS: std::ops::RangeInclusive<u16> = 2000..=2100;
/// The months of a year.
pub const MONTHS: std::ops::RangeInclusive<u8> = 1..=12;

impl Period {
    /// The month, if both numbers are within bounds.
    #[must_use]
    pub fn new(year: u16, month: u8) -> Option<Self> {
        (YEARS.contains(&year) && MONTHS.contains(&month)).then_some(Self { year, month })
    }

    /// Reads two path segments. The month may have a leading zero (`03`), as people write dates.
    #[must_use]
    pub fn parse(year: &str, month: &str) -> Option<Self> {
        let digits = |s: &str, max: usize| !s.is_empty() && s.len() <= max && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return None;
        }
        Self::new(year.parse().ok()?, month.parse().ok()?)
    }

    /// The year, within `YEARS`.
    #[must_use]
    pub fn year(self) -> u16 {
        self.year
    }

    /// The month, within `MONTHS`.
    #[must_use]
    pub fn month(self) -> u8 {
        self.month
    }
}

impl fmt::Display for Period {
    /// `2026-03`, as in ordering keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.year, self.month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_a_real_month_of_a_supported_year() {
        assert_eq!(Period::parse("2026", "3").unwrap().to_string(), "2026-03");
        assert_eq!(Period::parse("2026", "03"), Period::new(2026, 3));
        for (y, m) in [
            ("1999", "1"),
            ("2101", "1"),
            ("2026", "0"),
            ("2026", "13"),
            ("2026", "+3"),
            ("", "1"),
            ("2026", ""),
            ("02026", "3"),
            ("2026", "003"),
        ] {
            assert_eq!(Period::parse(y, m), None, "{y}/{m}");
        }
    }
}
