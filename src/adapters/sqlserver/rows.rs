//! Reading columns by name, with any width of number that the server returns; a wrong type is an error, never a panic.

use super::{errors::odd, session::Results};
use crate::adapters::columns::Columns;
use chrono::{DateTime, NaiveDateTime, Utc};
use tiberius::{ColumnData, Row, error::Error, numeric::Numeric};

/// A batch returns several result sets, some of them empty: rows are recognised by a column that only they have.
pub(super) fn having<'a>(results: &'a Results, column: &'a str) -> impl Iterator<Item = &'a Row> {
    results.iter().flatten().filter(move |row| index(row, column).is_ok())
}

/// The count in the first row with this column; a missing row is an error.
pub(super) fn only_count(results: &Results, column: &str) -> Result<u32, Error> {
    having(results, column).next().ok_or_else(|| Row::missing(column))?.count(column)
}

impl Columns for Row {
    type Error = Error;

    fn broken(why: impl ToString) -> Error {
        odd(why)
    }

    /// Of any width that the server returns.
    fn number_opt(&self, column: &str) -> Result<Option<i64>, Error> {
        Ok(match self.get_column_data(index(self, column)?)? {
            ColumnData::I64(value) => *value,
            ColumnData::I32(value) => value.map(i64::from),
            ColumnData::I16(value) => value.map(i64::from),
            ColumnData::U8(value) => value.map(i64::from),
            ColumnData::Bit(value) => value.map(i64::from),
            _ => return Err(odd(format!("{column} is not a number"))),
        })
    }

    fn text_opt(&self, column: &str) -> Result<Option<String>, Error> {
        Ok(self.try_get::<&str, _>(index(self, column)?)?.map(str::to_owned))
    }

    fn own_text_opt(&self, column: &str) -> Result<Option<String>, Error> {
        self.text_opt(column)
    }

    fn content(&self, column: &str) -> Result<Vec<u8>, Error> {
        self.text(column).map(String::into_bytes)
    }

    fn bytes_opt(&self, column: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.try_get::<&[u8], _>(index(self, column)?)?.map(<[u8]>::to_vec))
    }

    /// Time columns are datetime2 in UTC.
    fn time_opt(&self, column: &str) -> Result<Option<DateTime<Utc>>, Error> {
        Ok(self.try_get::<NaiveDateTime, _>(index(self, column)?)?.map(|time| time.and_utc()))
    }

    /// From a decimal(18,2).
    fn grosze(&self, column: &str) -> Result<i64, Error> {
        let amount = self.try_get::<Numeric, _>(index(self, column)?)?.ok_or_else(|| Self::missing(column))?;
        let wrong = || odd(format!("{column} is not an amount with two decimals"));
        // The column has two decimals, and so has the driver's value.
        if amount.scale() != 2 {
            return Err(wrong());
        }
        i64::try_from(amount.value()).map_err(|_| wrong())
    }
}

/// Names are compared case-insensitively: Babelfish returns OUTPUT's columns in lower case.
fn index(row: &Row, column: &str) -> Result<usize, Error> {
    row.columns().iter().position(|one| one.name().eq_ignore_ascii_case(column)).ok_or_else(|| Row::missing(column))
}
