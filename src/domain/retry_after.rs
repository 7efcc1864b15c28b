//! How long an answer requires us to wait before the next attempt, in any of the headers and notations in use.

use chrono::{DateTime, Utc};

/// The longest wait that is accepted from others: a typo there must not stop us for years.
pub const WAIT_MAX_MS: i64 = 86_400_000;

/// The wait in milliseconds, from 0 to `WAIT_MAX_MS`. `header` returns an answer's header by its lower-case name. None:
/// the answer states no wait, or none that can be read. A date counts from the answer's own `Date`, so that our clock
/// need not agree with theirs.
pub fn wait_ms<'a>(header: impl Fn(&str) -> Option<&'a str>, now: DateTime<Utc>) -> Option<i64> {
    let of = |name, unit_ms| header(name).and_then(|text| number(text, unit_ms));
    let until = || {
        let from = header("date").and_then(date).unwrap_or(now);
        Some((header("retry-after").and_then(date)? - from).num_milliseconds())
    };
    // The more precise header wins.
    let named_ms = of("retry-after-ms", 1.0)
        .or_else(|| of("x-ms-retry-after-ms", 1.0))
        .or_else(|| of("retry-after", 1_000.0))
        .or_else(until)?;
    Some(named_ms.clamp(0, WAIT_MAX_MS))
}

/// Digits, with or without decimals: some servers write 12.0.
fn number(text: &str, unit_ms: f64) -> Option<i64> {
    let text = text.trim();
    if !text.starts_with(|c: char| c.is_ascii_digit()) || text.chars().any(|c| !c.is_ascii_digit() && c != '.') {
        return None;
    }
    let ms = (text.parse::<f64>().ok()? * unit_ms).round();
    #[expect(clippy::cast_possible_truncation, reason = "below it every whole number is exact")]
    (ms < MEANT_MAX_MS).then_some(ms as i64)
}

/// Anything above cannot be meant as a pause: it is some 30,000 years.
const MEANT_MAX_MS: f64 = 1e15;

fn date(text: &str) -> Option<DateTime<Utc>> {
    httpdate::parse_http_date(text.trim()).ok().map(DateTime::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn now() -> DateTime<Utc> {
        "2026-11-29T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn every_notation_is_read_as_others_read_it() {
        let cases: Value = serde_json::from_str(include_str!("../../tests/cases/retry-after.json")).unwrap();
        let cases = cases["cases"].as_array().unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            let read = wait_ms(|name| case["headers"][name].as_str(), now());
            assert_eq!(read, case["wait_ms"].as_i64(), "{case}");
        }
    }

    fn after(text: &str) -> Option<i64> {
        wait_ms(|name| (name == "retry-after").then_some(text), now())
    }

    #[test]
    fn no_wait_is_longer_than_a_day() {
        for long in ["86401", "999999999", "Fri, 29 Nov 2126 12:00:00 GMT"] {
            assert_eq!(after(long), Some(WAIT_MAX_MS), "{long}");
        }
        for none in ["", ".", "1.2.3", "1e9", "inf", "0x10", "1,5", "Sun, 29 Nov"] {
            assert_eq!(after(none), None, "{none}");
        }
    }

    #[test]
    fn a_date_counts_from_the_date_of_the_answer() {
        let header = |name: &str| match name {
            "retry-after" => Some("Sun, 29 Nov 2026 15:00:20 GMT"),
            "date" => Some("Sun, 29 Nov 2026 15:00:00 GMT"),
            _ => None,
        };
        assert_eq!(wait_ms(header, now()), Some(20_000), "our clock is three hours behind");
    }
}
