//! When a timer function runs: a schedule as NCrontab reads it, the parser of the Functions host.
//!
//! What Azure refuses (`L`, `?`, `1#2`, weekday `7`, a time span) is refused by `local`, by `doctor` and at startup.
//! Five fields, `5/15` and `22-2` are read as NCrontab reads them.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc};
use std::ops::RangeInclusive;

/// A schedule of six fields, or of five that start with the minutes and mean second 0. A run's day must match both day
/// fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    seconds: Field,
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    weekdays: Field,
}

/// The selected values of one field, as bits, and the possible ones.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    bits: u64,
    within: RangeInclusive<u32>,
}

const MONTHS: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: &[&str] = &["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/// The calendar repeats after 400 years: a day without a match by then never matches.
const DAYS_MAX: usize = 146_097;

impl Schedule {
    /// Reads a schedule.
    ///
    /// # Errors
    /// The part that the host would refuse, without quoting it; a function with such a schedule never starts there.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(' ').filter(|part| !part.is_empty()).collect();
        let (seconds, rest) = match parts[..] {
            [seconds, ref rest @ ..] if rest.len() == 5 => (seconds, rest),
            ref rest if rest.len() == 5 => ("0", rest),
            [one] if one.contains(':') => {
                return Err(
                    "is invalid: expected six fields, seconds first; time spans run on dedicated plans only".into()
                );
            }
            _ => return Err("is invalid: expected six fields, seconds first, such as */10 * * * * *".into()),
        };
        let field = |what: &str, text: &str, within: RangeInclusive<u32>, names: &[&str]| {
            Field::parse(text, within, names).map_err(|why| format!("is invalid in the {what}: {why}"))
        };
        Ok(Self {
            seconds: field("seconds", seconds, 0..=59, &[])?,
            minutes: field("minutes", rest[0], 0..=59, &[])?,
            hours: field("hours", rest[1], 0..=23, &[])?,
            days: field("days", rest[2], 1..=31, &[])?,
            months: field("months", rest[3], 1..=12, MONTHS)?,
            weekdays: field("days of the week", rest[4], 0..=6, WEEKDAYS)?,
        })
    }

    /// The first run after `from`. None: it never runs (30 February).
    #[must_use]
    pub fn next_after(&self, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let start = from.with_nanosecond(0)?.checked_add_signed(TimeDelta::seconds(1))?;
        let today = start.date_naive();
        if self.is_on(today)
            && let Some(time) = self.time_from(start.time())
        {
            return Some(today.and_time(time).and_utc());
        }
        let day = today.iter_days().skip(1).take(DAYS_MAX).find(|day| self.is_on(*day))?;
        Some(day.and_time(self.time_from(NaiveTime::MIN)?).and_utc())
    }

    /// The longest until the next run after one at `from`. The host may run it in another time zone, so it is at least the
    /// time between the two runs that follow. None: it never runs again.
    #[must_use]
    pub fn next_within(&self, from: DateTime<Utc>) -> Option<TimeDelta> {
        let next = self.next_after(from)?;
        let between = self.next_after(next).map(|after| after - next);
        Some((next - from).max(between.unwrap_or_default()))
    }

    /// Whether it runs more than once a minute. The host keeps no record of the runs of such a schedule.
    #[must_use]
    pub fn is_faster_than_a_minute(&self) -> bool {
        let others = [&self.minutes, &self.hours, &self.days, &self.months, &self.weekdays];
        others.iter().all(|field| field.is_full()) && self.seconds.bits.count_ones() > 1
    }

    fn is_on(&self, day: NaiveDate) -> bool {
        self.months.has(day.month())
            && self.days.has(day.day())
            && self.weekdays.has(day.weekday().num_days_from_sunday())
    }

    fn time_from(&self, least: NaiveTime) -> Option<NaiveTime> {
        for hour in self.hours.from(least.hour()) {
            let first = hour == least.hour();
            for minute in self.minutes.from(if first { least.minute() } else { 0 }) {
                let first = first && minute == least.minute();
                if let Some(second) = self.seconds.from(if first { least.second() } else { 0 }).next() {
                    return NaiveTime::from_hms_opt(hour, minute, second);
                }
            }
        }
        None
    }
}

impl Field {
    fn parse(text: &str, within: RangeInclusive<u32>, names: &[&str]) -> Result<Self, String> {
        let mut field = Self { bits: 0, within };
        for part in text.split(',') {
            field.add(part, names)?;
        }
        Ok(field)
    }

    /// `*`, a value, or a range, each optionally with a step: `5/15` continues to the end, `22-2` is `2-22`.
    fn add(&mut self, part: &str, names: &[&str]) -> Result<(), String> {
        let (least, most) = (*self.within.start(), *self.within.end());
        let (span, step) = match part.split_once('/') {
            Some((span, step)) => (span, Some(number(step)?)),
            None => (part, None),
        };
        let (from, to) = if span == "*" {
            (least, most)
        } else if let Some((from, to)) = span.split_once('-') {
            let (from, to) = (self.value(from, names)?, self.value(to, names)?);
            (from.min(to), from.max(to))
        } else {
            let value = self.value(span, names)?;
            (value, if step.is_some() { most } else { value })
        };
        // NCrontab reads a step of 0 or less as 1.
        let step = usize::try_from(step.unwrap_or(1)).unwrap_or(1).max(1);
        self.bits |= (from..=to).step_by(step).fold(0, |bits, value| bits | 1 << value);
        Ok(())
    }

    fn value(&self, text: &str, names: &[&str]) -> Result<u32, String> {
        let (least, most) = (*self.within.start(), *self.within.end());
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            let value = u32::try_from(number(text)?).ok().filter(|value| self.within.contains(value));
            return value.ok_or_else(|| format!("expected {least} to {most}"));
        }
        // The start of a name is enough: NCrontab accepts `mo` and `j`.
        let begins = text.to_ascii_lowercase();
        let found = names.iter().zip(least..).find(|(name, _)| !text.is_empty() && name.starts_with(&begins));
        let expected = if names.is_empty() { "" } else { " or a name" };
        found.map(|(_, value)| value).ok_or_else(|| format!("expected {least} to {most}{expected}"))
    }

    fn has(&self, value: u32) -> bool {
        self.bits >> value & 1 == 1
    }

    fn from(&self, least: u32) -> impl Iterator<Item = u32> {
        (least..=*self.within.end()).filter(|value| self.has(*value))
    }

    fn is_full(&self) -> bool {
        self.within.clone().all(|value| self.has(value))
    }
}

fn number(text: &str) -> Result<i32, String> {
    text.parse().map_err(|_| "expected a number".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// What NCrontab answered is in tests/cases/schedules.json; it looked five years ahead.
    #[test]
    fn schedules_are_read_as_the_host_reads_them() {
        let cases: serde_json::Value = serde_json::from_str(include_str!("../../tests/cases/schedules.json")).unwrap();
        let from = at(cases["from"].as_str().unwrap());
        let horizon = from + TimeDelta::days(5 * 365);
        for case in cases["schedules"].as_array().unwrap() {
            let text = case["schedule"].as_str().unwrap();
            let parsed = Schedule::parse(text);
            if case["refused"] == true {
                assert!(parsed.is_err(), "`{text}` never starts in Azure");
                continue;
            }
            let schedule = parsed.unwrap_or_else(|why| panic!("`{text}`: {why}"));
            let mut last = from;
            for next in case["next"].as_array().unwrap() {
                last = schedule.next_after(last).unwrap_or_else(|| panic!("`{text}` ends after {last}"));
                assert_eq!(last, at(next.as_str().unwrap()), "`{text}`");
            }
            if case["next"].as_array().unwrap().len() < 4 {
                assert!(schedule.next_after(last).is_none_or(|next| next > horizon), "`{text}`");
            }
        }
    }

    #[test]
    fn what_ncrontab_accepts_beyond_that() {
        let next = |text: &str, from: &str| Schedule::parse(text).unwrap().next_after(at(from));
        // The first name that begins so, in any casing; 1 January 2034 is a Sunday; 30 February never comes.
        for (text, expected) in [
            ("0 0 0 * j S", Some("2027-01-03T00:00:00Z")),
            ("0 0 0 * feBRuary mO", Some("2027-02-01T00:00:00Z")),
            ("0 0 0 1 1 0", Some("2034-01-01T00:00:00Z")),
            ("0 0 0 29 2 MON", Some("2044-02-29T00:00:00Z")),
            ("0 0 0 30 2 *", None),
            ("0-10/5,58/-1 59 23 * * *", Some("2026-11-29T23:59:00Z")),
            ("59 59 23 31 12 *", Some("2026-12-31T23:59:59Z")),
        ] {
            assert_eq!(next(text, "2026-11-29T17:20:30.9Z"), expected.map(at), "{text}");
        }
        assert_eq!(next("* * * * * *", "2026-12-31T23:59:59.5Z"), Some(at("2027-01-01T00:00:00Z")));
    }

    #[test]
    fn what_ncrontab_refuses_beyond_that() {
        for wrong in [
            "",
            "every minute",
            "0 0 0 * * * 2026",
            "-1 * * * * *",
            "1, * * * * *",
            ",1 * * * * *",
            "1-2-3 * * * * *",
            "/5 * * * * *",
            "*/ * * * * *",
            "*-5 * * * * *",
            "1/2/3 * * * * *",
            "* * 24 * * *",
            "* * * 0 * *",
            "* * * * 13 *",
            "* * * * janus *",
            "* * * * - *",
            "99999999999 * * * * *",
            "0\t0 * * * *",
        ] {
            assert!(Schedule::parse(wrong).is_err(), "{wrong}");
        }
        let span = |text: &str| Schedule::parse(text).unwrap_err().contains("time spans");
        assert!(span("00:00:10") && !span("hourly"), "only a time span is called one");
        let why = Schedule::parse("0 0 0 * * 7").unwrap_err();
        assert_eq!(why, "is invalid in the days of the week: expected 0 to 6");
        for (text, expected) in [("0 0 0 * * x", "expected 0 to 6 or a name"), ("x 0 0 * * *", "expected 0 to 59")] {
            let why = Schedule::parse(text).unwrap_err();
            assert!(why.ends_with(expected), "{why}");
        }
    }

    #[test]
    fn the_next_run_is_within_a_day_whatever_the_time_zone_of_a_daily_one() {
        let within = |text: &str, from: &str| Schedule::parse(text).unwrap().next_within(at(from)).unwrap();
        assert_eq!(within("0 30 2 * * *", "2026-11-29T00:30:01Z"), TimeDelta::days(1));
        assert_eq!(within("*/10 * * * * *", "2026-11-29T00:30:01Z"), TimeDelta::seconds(10));
        assert_eq!(within("0 0 3 * * 1-5", "2026-11-27T03:00:00Z"), TimeDelta::days(3), "over the weekend");
        assert_eq!(Schedule::parse("0 0 0 30 2 *").unwrap().next_within(at("2026-11-29T00:00:00Z")), None);
    }

    #[test]
    fn only_seconds_make_a_schedule_faster_than_a_minute() {
        let fast = |text| Schedule::parse(text).unwrap().is_faster_than_a_minute();
        assert!(fast("*/10 * * * * *") && fast("0,30 * * * * *"));
        assert!(!fast("0 * * * * *") && !fast("* * * * *") && !fast("*/10 0 9 * * *") && !fast("* */20 * * * *"));
    }
}
