//! Money in grosze: exact, never negative, at most what decimal(18,2) can store.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::value::RawValue;
use std::fmt;

/// An amount of 0.00 to 9999999999999999.99, kept as whole grosze. Never a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Money(i64);

/// The largest amount that decimal(18,2) can store, in grosze.
pub const GROSZE_MAX: i64 = 999_999_999_999_999_999;

impl Money {
    /// The amount of this many grosze. None: outside 0 to `GROSZE_MAX`.
    #[must_use]
    pub fn from_grosze(grosze: i64) -> Option<Self> {
        (0..=GROSZE_MAX).contains(&grosze).then_some(Self(grosze))
    }

    /// The amount in grosze.
    #[must_use]
    pub fn grosze(self) -> i64 {
        self.0
    }

    /// Reads the text of a JSON number without a float in between. The value counts, not the notation: `1e2`, `12.5000`
    /// and `-0` are amounts, as decimal types of other languages print them.
    ///
    /// # Errors
    /// What was expected, for a person.
    pub fn from_json_number(token: &str) -> Result<Self, String> {
        let (negative, number) = token.strip_prefix('-').map_or((false, token), |rest| (true, rest));
        if !number.starts_with(|c: char| c.is_ascii_digit()) {
            return Err("must be a JSON number, such as 1234.56".to_owned());
        }
        let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_end_matches('0');
        let zeros_cut = digits.len() - significant.len();
        let significant = significant.trim_start_matches('0');
        if significant.is_empty() {
            return Ok(Self(0));
        }
        if negative {
            return Err("must not be negative".to_owned());
        }
        // Far beyond any amount, and far from overflowing below.
        let beyond = if exponent.starts_with('-') { i64::from(i32::MIN) } else { i64::from(i32::MAX) };
        let exponent = exponent.parse::<i32>().map_or(beyond, i64::from);
        let count = |digits: usize| i64::try_from(digits).map_err(|_| too_large());
        let decimals = count(fraction.len())? - count(zeros_cut)? - exponent;
        if decimals > 2 {
            return Err("must have at most two decimals".to_owned());
        }
        // decimal(18,2) stores at most 18 digits, so neither the parse nor the power can overflow below.
        let zeros = usize::try_from(2 - decimals).map_err(|_| too_large())?;
        if significant.len().saturating_add(zeros) > 18 {
            return Err(too_large());
        }
        format!("{significant}{}", "0".repeat(zeros)).parse().map(Self).map_err(|_| too_large())
    }
}

fn too_large() -> String {
    "must be at most 9999999999999999.99".to_owned()
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

impl Serialize for Money {
    /// A JSON number with two decimals. `RawValue` keeps the digits as printed.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_json_number(raw.get()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_to_the_last_grosz() {
        for (token, printed) in
            [("0", "0.00"), ("12.3", "12.30"), ("0e99", "0.00"), ("9999999999999999.99", "9999999999999999.99")]
        {
            let money = Money::from_json_number(token).unwrap();
            assert_eq!(money.to_string(), printed, "{token}");
            assert_eq!(serde_json::to_string(&money).unwrap(), printed);
            assert_eq!(serde_json::from_str::<Money>(printed).unwrap(), money);
        }
    }

    /// As .NET's `decimal`, Java's `BigDecimal` and SQL's `decimal(18,4)` print them.
    #[test]
    fn an_amount_is_judged_by_its_value_however_it_is_written() {
        let zeros = "0".repeat(60_000);
        for (token, printed) in [
            ("12.5000", "12.50"),
            ("1.000", "1.00"),
            ("100.10000000000000", "100.10"),
            ("9999999999999999.9900000", "9999999999999999.99"),
            ("-0", "0.00"),
            ("-0.00", "0.00"),
            ("-0e-7", "0.00"),
            ("0e999999999999999999999999", "0.00"),
            ("1e2", "100.00"),
            ("1E+2", "100.00"),
            ("1.5E1", "15.00"),
            ("1e-2", "0.01"),
            ("120e-2", "1.20"),
            ("1000e-3", "1.00"),
            ("0.001e1", "0.01"),
            ("1e0000000000000000000000002", "100.00"),
            (&format!("1.{zeros}"), "1.00"),
            (&format!("1{zeros}e-60000"), "1.00"),
            (&format!("0.{zeros}1e60001"), "1.00"),
        ] {
            assert_eq!(
                Money::from_json_number(token).map(|money| money.to_string()).as_deref(),
                Ok(printed),
                "{token}"
            );
        }
    }

    #[test]
    fn what_is_not_an_amount_is_refused() {
        let (nines, zeros) = ("9".repeat(60_000), "0".repeat(60_000));
        for (token, why) in [
            ("1.005", "two decimals"),
            ("0.001", "two decimals"),
            ("1e-3", "two decimals"),
            ("100.100000000000001", "two decimals"),
            ("1e-999999999", "two decimals"),
            ("1e-99999999999999999999", "two decimals"),
            (&format!("0.{zeros}1"), "two decimals"),
            ("-1", "negative"),
            ("-0.01", "negative"),
            ("-1e-999999999", "negative"),
            ("1e16", "at most 9"),
            ("10000000000000000", "at most 9"),
            ("9999999999999999.990001", "two decimals"),
            ("1e400", "at most 9"),
            ("1e99999999999", "at most 9"),
            (&nines, "at most 9"),
            (&format!("1{zeros}"), "at most 9"),
            ("\"1\"", "JSON number"),
            ("\"-0\"", "JSON number"),
            ("-", "JSON number"),
            ("null", "JSON number"),
            ("{}", "JSON number"),
        ] {
            let refused = Money::from_json_number(token).unwrap_err();
            assert!(refused.contains(why), "{}: {refused}", token.chars().take(40).collect::<String>());
        }
    }
}
