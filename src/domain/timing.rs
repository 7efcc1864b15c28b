//! How long a message lives in the queue, and from when on it is delivered, as its writer requests in `Headers`.
//!
//! The names are reserved: they control the bus and are not sent as properties of the message.

use super::message::Headers;
use chrono::{DateTime, Utc};

/// Whole milliseconds from the message's arrival in the queue; a shorter limit of the queue itself takes precedence.
pub const TIME_TO_LIVE: &str = "timeToLiveMs";
/// RFC 3339 with a zone; the message waits in the queue until then. A time in the past has no effect.
pub const NOT_BEFORE: &str = "scheduledEnqueueTimeUtc";

/// What the reserved headers request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// Time to live in milliseconds; AMQP's field for it ends at 49 days. None: as the queue has it.
    pub live_ms: Option<u32>,
    /// When the queue may deliver the message. None: at once.
    pub not_before: Option<DateTime<Utc>>,
}

impl Timing {
    /// Removes the reserved names from the headers and reads them. Names match in any case, because HTTP headers ignore
    /// it.
    ///
    /// # Errors
    /// The invalid header, and what was expected.
    pub fn take(headers: &mut Headers) -> Result<Self, String> {
        let live_ms = match take(headers, TIME_TO_LIVE)? {
            None => None,
            Some(text) => Some(text.parse().ok().filter(|ms| *ms > 0).ok_or_else(|| {
                format!(
                    "its header {TIME_TO_LIVE} is invalid: expected a whole number of milliseconds, 1 to {} (49 days)",
                    u32::MAX
                )
            })?),
        };
        let not_before = match take(headers, NOT_BEFORE)? {
            None => None,
            Some(text) => Some(time(&text).ok_or_else(|| {
                format!("its header {NOT_BEFORE} is invalid: expected a time of the years 1970 to 9999 such as 2026-12-01T08:00:00Z")
            })?),
        };
        Ok(Self { live_ms, not_before })
    }
}

fn take(headers: &mut Headers, name: &str) -> Result<Option<String>, String> {
    let named: Vec<String> = headers.0.keys().filter(|known| known.eq_ignore_ascii_case(name)).cloned().collect();
    match named.as_slice() {
        [] => Ok(None),
        [one] => Ok(headers.0.remove(one)),
        _ => Err(format!("its header {name} is present twice, in different cases")),
    }
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    let at = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    (at >= DateTime::UNIX_EPOCH).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> (Result<Timing, String>, Headers) {
        let mut headers = Headers(pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect());
        (Timing::take(&mut headers), headers)
    }

    #[test]
    fn reserved_headers_are_removed_and_the_others_stay() {
        let (timing, left) = of(&[("TIMETOLIVEMS", "1500"), (NOT_BEFORE, "2026-12-01T09:00:00.5+01:00"), ("a", "b")]);
        let timing = timing.unwrap();
        assert_eq!((timing.live_ms, left), (Some(1_500), of(&[("a", "b")]).1));
        assert_eq!(timing.not_before.unwrap().to_rfc3339(), "2026-12-01T08:00:00.500+00:00");
        assert_eq!(of(&[]).0, Ok(Timing::default()));
    }

    #[test]
    fn an_invalid_reserved_header_is_reported_by_its_name() {
        for (name, text) in [
            (TIME_TO_LIVE, "0"),
            (TIME_TO_LIVE, "-1"),
            (TIME_TO_LIVE, "4294967296"),
            (TIME_TO_LIVE, "1.5"),
            (TIME_TO_LIVE, "PT1M"),
            (NOT_BEFORE, "tomorrow"),
            (NOT_BEFORE, "2026-12-01T08:00:00"),
            (NOT_BEFORE, "1969-12-31T23:59:59Z"),
        ] {
            assert!(of(&[(name, text)]).0.unwrap_err().contains(name), "{name} {text}");
        }
        assert!(of(&[("timetolivems", "1"), (TIME_TO_LIVE, "1")]).0.unwrap_err().contains("twice"));
    }
}
