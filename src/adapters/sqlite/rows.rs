//! Reading columns that anyone may have written: text that is not UTF-8, times that no calendar has, absurd counts.
//!
//! STRICT tables promise the storage class and nothing more, so one such row must not fail a statement that reads
//! a hundred others. What is read is a fair likeness; what is stored stays as it is.

use chrono::{DateTime, Utc};
use rusqlite::{
    Error, Row, RowIndex,
    types::{Type, ValueRef},
};
use std::error::Error as StdError;

/// Years 1 and 9999: outside them RFC 3339 has no spelling.
const TIME_MS_MIN: i64 = -62_135_596_800_000;
const TIME_MS_MAX: i64 = 253_402_300_799_999;

/// Bytes of a text or blob; of anything else (NULL included) none.
pub(super) fn bytes(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Vec<u8>> {
    Ok(raw(row.get_ref(column)?).unwrap_or_default().to_vec())
}

/// Text, with U+FFFD for what is not UTF-8.
pub(super) fn text(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<String> {
    Ok(text_opt(row, column)?.unwrap_or_default())
}

pub(super) fn text_opt(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<String>> {
    Ok(raw(row.get_ref(column)?).map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
}

/// A time in the years 1 to 9999, the nearest where it is not.
pub(super) fn time(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<DateTime<Utc>> {
    row.get(column).map(time_of)
}

pub(super) fn time_opt(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<DateTime<Utc>>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(time_of))
}

/// A count that can be added to: 0 to what fits in 31 bits.
pub(super) fn count(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<u32> {
    Ok(u32::try_from(row.get::<_, i64>(column)?.clamp(0, i64::from(i32::MAX))).unwrap_or_default())
}

/// How many rows; SQLite counts in i64.
pub(super) fn total(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

/// A value in a column that is ours alone breaks our own rules: a defect, or someone wrote there.
pub(super) fn broken(why: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    Error::FromSqlConversionFailure(0, Type::Text, why.into())
}

fn raw(value: ValueRef<'_>) -> Option<&[u8]> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => None,
    }
}

/// The nearest time that has a spelling.
pub(super) fn time_of(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms.clamp(TIME_MS_MIN, TIME_MS_MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    #[test]
    fn what_no_calendar_and_no_alphabet_has_is_read_as_the_nearest() {
        let connection = Connection::open_in_memory().unwrap();
        let sql = "SELECT CAST(x'61ff' AS TEXT), 9223372036854775807, -9223372036854775808, NULL";
        connection
            .query_row(sql, [], |row| {
                assert_eq!(text(row, 0)?, "a\u{fffd}");
                assert_eq!(bytes(row, 0)?, b"a\xff");
                assert_eq!(time(row, 1)?.to_rfc3339(), "9999-12-31T23:59:59.999+00:00");
                assert_eq!(time(row, 2)?.to_rfc3339(), "0001-01-01T00:00:00+00:00");
                assert_eq!(i64::from(count(row, 1)?), i64::from(i32::MAX));
                assert_eq!(count(row, 2)?, 0);
                assert_eq!((text_opt(row, 3)?, time_opt(row, 3)?), (None, None));
                Ok(())
            })
            .unwrap();
    }
}
