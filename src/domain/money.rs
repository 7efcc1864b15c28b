//! Money in grosze: exact, at least zero, at most what decimal(18,2) holds.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::value::RawValue;
use std::fmt;

/// An amount of 0.00 to 9999999999999999.99, kept as whole grosze. Never a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Money(i64);

/// The largest amount decimal(18,2) holds, in grosze.
pub const GROSZE_MAX: i64 = 999_999_999_999_999_999;

impl Money {
    #[must_use]
    pub fn from_grosze(grosze: i64) -> Option<Self> {
        (0..=GROSZE_MAX).contains(&grosze).then_some(Self(grosze))
    }

    #[must_use]
    pub fn grosze(self) -> i64 {
        self.0
    }

    /// Reads the text of a JSON number, so that no digit passes through a float.
    /// `1e2` is 100.00; more than two decimals as written (`1.000` too) are refused.
    ///
    /// # Errors
    /// Says what was expected, for a person.
    pub fn from_json_number(token: &str) -> Result<Self, String> {
        if !token.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return Err("must be a JSON number, such as 1234.56".to_owned());
        }
        if token.starts_with('-') {
            return Err("must not be negative".to_owned());
        }
        let (mantissa, exponent) = match token.split_once(['e', 'E']) {
            Some((m, e)) => (m, e.parse::<i32>().map_err(|_| too_large())?),
            None => (token, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let scale = i64::try_from(fraction.len()).map_err(|_| too_large())? - i64::from(exponent);
        if scale > 2 {
            return Err("must have at most two decimals".to_owned());
        }
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_start_matches('0');
        if significant.is_empty() {
            return Ok(Self(0));
        }
        // 18 digits are the most decimal(18,2) holds, so neither the parse nor the power can overflow below.
        let zeros = usize::try_from(2 - scale).map_err(|_| too_large())?;
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
        for (token, printed) in [
            ("0", "0.00"),
            ("1e2", "100.00"),
            ("1.5E1", "15.00"),
            ("12.3", "12.30"),
            ("1e-2", "0.01"),
            ("0e99", "0.00"),
            ("9999999999999999.99", "9999999999999999.99"),
        ] {
            let money = Money::from_json_number(token).unwrap();
            assert_eq!(money.to_string(), printed, "{token}");
            assert_eq!(serde_json::to_string(&money).unwrap(), printed);
            assert_eq!(serde_json::from_str::<Money>(printed).unwrap(), money);
        }
    }

    #[test]
    fn what_is_not_an_amount_is_refused() {
        for token in
            ["1.005", "1.000", "-1", "-0", "\"1\"", "null", "{}", "1e16", "10000000000000000", "1e400", "1e99999999999"]
        {
            assert!(Money::from_json_number(token).is_err(), "{token}");
        }
    }
}
