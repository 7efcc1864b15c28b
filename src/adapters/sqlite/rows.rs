//! Reading columns that any program may have written: text that is not UTF-8, impossible times, absurd counts.
//!
//! STRICT tables guarantee only the storage class, and one such row must not fail a statement that reads a hundred
//! others. A bad value is read as the nearest valid one; the stored value stays as it is.

use crate::adapters::columns::Columns;
use chrono::{DateTime, Utc};
use rusqlite::{
    Error, Row, Statement,
    types::{Type, ValueRef},
};
use std::{cell::Cell, error::Error as StdError};

/// The start of year 1 and the end of year 9999: RFC 3339 cannot express times outside them.
const TIME_MS_MIN: i64 = -62_135_596_800_000;
const TIME_MS_MAX: i64 = 253_402_300_799_999;

impl Columns for Row<'_> {
    type Error = Error;

    fn broken(why: impl ToString) -> Error {
        broken(why.to_string())
    }

    fn number_opt(&self, column: &str) -> rusqlite::Result<Option<i64>> {
        InOrder::of(self).number_opt(column)
    }

    fn text_opt(&self, column: &str) -> rusqlite::Result<Option<String>> {
        InOrder::of(self).text_opt(column)
    }

    fn own_text_opt(&self, column: &str) -> rusqlite::Result<Option<String>> {
        InOrder::of(self).own_text_opt(column)
    }

    fn content(&self, column: &str) -> rusqlite::Result<Vec<u8>> {
        InOrder::of(self).content(column)
    }

    fn bytes_opt(&self, column: &str) -> rusqlite::Result<Option<Vec<u8>>> {
        InOrder::of(self).bytes_opt(column)
    }

    fn time_opt(&self, column: &str) -> rusqlite::Result<Option<DateTime<Utc>>> {
        InOrder::of(self).time_opt(column)
    }

    fn grosze(&self, column: &str) -> rusqlite::Result<i64> {
        InOrder::of(self).grosze(column)
    }
}

/// A row whose columns are read in the order of its statement, where finding each by its name would take as long as the
/// rest of the reading. In another order it is read all the same.
pub(super) struct InOrder<'a, 'r> {
    row: &'a Row<'r>,
    next: Cell<usize>,
}

impl<'a, 'r> InOrder<'a, 'r> {
    pub(super) fn of(row: &'a Row<'r>) -> Self {
        Self { row, next: Cell::new(0) }
    }

    fn at(&self, column: &str) -> rusqlite::Result<usize> {
        let statement: &Statement<'_> = self.row.as_ref();
        let next = self.next.get();
        let is_next = statement.column_name(next).is_ok_and(|name| name == column);
        let at = if is_next { next } else { statement.column_index(column)? };
        self.next.set(at + 1);
        Ok(at)
    }
}

impl Columns for InOrder<'_, '_> {
    type Error = Error;

    fn broken(why: impl ToString) -> Error {
        broken(why.to_string())
    }

    fn number_opt(&self, column: &str) -> rusqlite::Result<Option<i64>> {
        self.row.get(self.at(column)?)
    }

    /// With U+FFFD for bytes that are not UTF-8.
    fn text_opt(&self, column: &str) -> rusqlite::Result<Option<String>> {
        let text = raw(self.row.get_ref(self.at(column)?)?);
        Ok(text.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
    }

    fn own_text_opt(&self, column: &str) -> rusqlite::Result<Option<String>> {
        self.row.get(self.at(column)?)
    }

    fn content(&self, column: &str) -> rusqlite::Result<Vec<u8>> {
        Ok(raw(self.row.get_ref(self.at(column)?)?).unwrap_or_default().to_vec())
    }

    fn bytes_opt(&self, column: &str) -> rusqlite::Result<Option<Vec<u8>>> {
        self.row.get(self.at(column)?)
    }

    /// The nearest time in the years 1 to 9999.
    fn time_opt(&self, column: &str) -> rusqlite::Result<Option<DateTime<Utc>>> {
        Ok(self.number_opt(column)?.map(time_of))
    }

    fn grosze(&self, column: &str) -> rusqlite::Result<i64> {
        self.row.get(self.at(column)?)
    }
}

/// A value that our schema rules out: a defect, or another program wrote it.
pub(super) fn broken(why: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    Error::FromSqlConversionFailure(0, Type::Text, why.into())
}

fn raw(value: ValueRef<'_>) -> Option<&[u8]> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => None,
    }
}

/// The nearest time in the years 1 to 9999.
pub(super) fn time_of(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms.clamp(TIME_MS_MIN, TIME_MS_MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    #[test]
    fn invalid_text_and_times_are_read_as_the_nearest_valid_value() {
        let connection = Connection::open_in_memory().unwrap();
        let sql = "SELECT CAST(x'61ff' AS TEXT) AS Odd, 9223372036854775807 AS Late, -9223372036854775808 AS Early, NULL AS No";
        connection
            .query_row(sql, [], |row| {
                assert_eq!(row.text("Odd")?, "a\u{fffd}");
                assert!(row.own_text("Odd").is_err(), "text that only we write is never approximated");
                assert_eq!(row.content("Odd")?, b"a\xff");
                assert_eq!(row.time("Late")?.to_rfc3339(), "9999-12-31T23:59:59.999+00:00");
                assert_eq!(row.time("Early")?.to_rfc3339(), "0001-01-01T00:00:00+00:00");
                assert_eq!(i64::from(row.count("Late")?), i64::from(i32::MAX));
                assert_eq!(row.count("Early")?, 0);
                assert_eq!((row.text_opt("No")?, row.time_opt("No")?), (None, None));
                assert!(row.text("No").is_err() && row.text_opt("Other").is_err());
                Ok(())
            })
            .unwrap();
    }
}
