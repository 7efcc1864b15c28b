//! The values of arguments, checked as they are read.

use crate::domain::{delivery::MailState, ids::utf16_chars, outbox::RowState, route::NOT_ROUTED};
use crate::flows::remedy::{REASON_CHARS_MAX, TEXT_CHARS_MAX};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::str::FromStr;

/// A point in time, given as such or as how long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A time.
    At(DateTime<Utc>),
    /// Milliseconds before the command.
    Ago(i64),
}

impl Moment {
    /// The time that is meant by a command given at `now`.
    #[must_use]
    pub fn at(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::At(time) => time,
            Self::Ago(ms) => now - TimeDelta::milliseconds(ms),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(time.to_utc()));
        }
        if let Ok(day) = NaiveDate::from_str(text) {
            return Ok(Self::At(day.and_time(NaiveTime::MIN).and_utc()));
        }
        duration_ms(text).map(Self::Ago).map_err(|_| {
            "expected a time (2026-11-30T08:00:00Z), a day (2026-11-30) or how long ago (90m, 12h, 2d)".to_owned()
        })
    }
}

/// Reads a number with its unit: `45s`, `30m`, `2h`, `1d`; at most 1,000 days.
pub(super) fn duration_ms(text: &str) -> Result<i64, String> {
    const DAY: i64 = 86_400_000;
    let invalid = || "expected a number with s, m, h or d, at most 1000d: 30m".to_owned();
    let unit = text.chars().last().ok_or_else(invalid)?;
    let unit_ms = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => DAY,
        _ => return Err(invalid()),
    };
    let number = text.strip_suffix(unit).and_then(|number| number.parse::<u32>().ok()).ok_or_else(invalid)?;
    let ms = i64::from(number) * unit_ms;
    if ms == 0 || ms > 1_000 * DAY { Err(invalid()) } else { Ok(ms) }
}

pub(super) fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || utf16_chars(text) > REASON_CHARS_MAX {
        return Err(format!("expected a reason of 1 to {REASON_CHARS_MAX} characters"));
    }
    Ok(text.to_owned())
}

pub(super) fn name_of_person(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || utf16_chars(text) > TEXT_CHARS_MAX {
        return Err(format!("expected who acts, 1 to {TEXT_CHARS_MAX} characters"));
    }
    Ok(text.to_owned())
}

/// Accepts a destination as `ops` prints it.
#[expect(clippy::unnecessary_wraps, reason = "clap requires a Result")]
pub(super) fn destination(text: &str) -> Result<String, String> {
    Ok(if text == NOT_ROUTED { String::new() } else { text.to_owned() })
}

pub(super) fn row_state() -> impl TypedValueParser<Value = RowState> {
    one_of(RowState::ALL, RowState::name)
}

pub(super) fn mail_state() -> impl TypedValueParser<Value = MailState> {
    one_of(MailState::ALL, MailState::name)
}

/// Completions and errors list the names.
fn one_of<T, const N: usize>(all: [T; N], name: fn(T) -> &'static str) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    PossibleValuesParser::new(all.map(name))
        .try_map(move |text| all.into_iter().find(|one| name(*one) == text).ok_or("not one of the names"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit() {
        let ms = |text| duration_ms(text).ok();
        assert_eq!(
            ["45s", "30m", "2h", "1000d"].map(ms),
            [Some(45_000), Some(1_800_000), Some(7_200_000), Some(86_400_000_000)]
        );
        for text in ["", "30", "m", "0m", "-5m", "+5m", "1001d", "9999999999d", "30 m", "5w", "5µ", "٥m"] {
            assert_eq!(ms(text), (text == "+5m").then_some(300_000), "{text}");
        }
    }

    #[test]
    fn a_moment_is_a_time_a_day_or_how_long_ago() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let at = |text: &str| Moment::from_str(text).ok().map(|moment| moment.at(now).to_rfc3339());
        assert_eq!(at("2026-11-30T08:00:00+01:00").unwrap(), "2026-11-30T07:00:00+00:00");
        assert_eq!(at("2026-11-30").unwrap(), "2026-11-30T00:00:00+00:00");
        assert_eq!(Moment::from_str("2h").unwrap().at(now), now - TimeDelta::hours(2));
        assert_eq!(["yesterday", "", "2026-13-01", "2h ago"].map(at), [None, None, None, None]);
    }

    #[test]
    fn a_name_and_a_reason_are_counted_as_the_store_counts() {
        assert!(name_of_person(&"𝒜".repeat(100)).is_ok() && name_of_person(&"𝒜".repeat(101)).is_err());
        assert!(reason(&"𝒜".repeat(500)).is_ok() && reason(&"𝒜".repeat(501)).is_err());
    }
}
