//! A timer's schedule: the next run is a later whole second, and no run lies before it.

use chrono::{DateTime, TimeDelta, Timelike};
use client_organizer::domain::schedule::Schedule;

pub(super) fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let schedule = match Schedule::parse(&text) {
        Ok(schedule) => schedule,
        Err(why) => return assert!(why.starts_with("is invalid"), "{why}"),
    };
    // Fields are separated by spaces, however many.
    let spaced = format!("  {}  ", text.replace(' ', "   "));
    assert_eq!(Schedule::parse(&spaced).as_ref(), Ok(&schedule));
    let sum = input.iter().fold(0_i64, |sum, byte| (sum * 31 + i64::from(*byte)) % 4_000_000_000);
    // Some time between 1970 and 2096.
    let from = DateTime::from_timestamp(sum, 999_000_000).unwrap();
    let Some(next) = schedule.next_after(from) else {
        return assert_eq!(schedule.next_within(from), None);
    };
    let second = TimeDelta::seconds(1);
    assert!(next > from && next.nanosecond() == 0);
    assert_eq!(schedule.next_after(next - second), Some(next));
    for part in 1..8 {
        let between = from + (next - from) * part / 8;
        assert_eq!(schedule.next_after(between), Some(next), "{from} … {between} … {next}");
    }
    if let Some(after) = schedule.next_after(next) {
        assert!(after > next);
        assert!(schedule.next_within(from).is_some_and(|longest| longest >= next - from && longest >= after - next));
    }
    if schedule.is_faster_than_a_minute() {
        assert!(next - from <= TimeDelta::minutes(1) + second);
    }
}
