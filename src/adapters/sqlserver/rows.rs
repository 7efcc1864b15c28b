//! Reading columns by name, whatever width the server chose for a number; a wrong type is an error, never a panic.

use super::{errors::odd, session::Results};
use chrono::{DateTime, NaiveDateTime, Utc};
use tiberius::{ColumnData, Row, error::Error, numeric::Numeric};

/// A batch answers several result sets, some of them empty: rows are known by a column of theirs.
pub(super) fn having<'a>(results: &'a Results, column: &'a str) -> impl Iterator<Item = &'a Row> {
    results.iter().flatten().filter(move |row| index(row, column).is_ok())
}

/// The first such row's number, where there must be one.
pub(super) fn only_count(results: &Results, column: &str) -> Result<u32, Error> {
    count(having(results, column).next().ok_or_else(|| missing(column))?, column)
}

pub(super) fn number_opt(row: &Row, column: &str) -> Result<Option<i64>, Error> {
    Ok(match row.get_column_data(index(row, column)?)? {
        ColumnData::I64(value) => *value,
        ColumnData::I32(value) => value.map(i64::from),
        ColumnData::I16(value) => value.map(i64::from),
        ColumnData::U8(value) => value.map(i64::from),
        ColumnData::Bit(value) => value.map(i64::from),
        _ => return Err(odd(format!("{column} is no number"))),
    })
}

pub(super) fn number(row: &Row, column: &str) -> Result<i64, Error> {
    number_opt(row, column)?.ok_or_else(|| missing(column))
}

pub(super) fn flag(row: &Row, column: &str) -> Result<bool, Error> {
    Ok(number(row, column)? != 0)
}

/// A count that can be added to: 0 to what fits in 31 bits.
pub(super) fn count(row: &Row, column: &str) -> Result<u32, Error> {
    Ok(u32::try_from(number(row, column)?.clamp(0, i64::from(i32::MAX))).unwrap_or_default())
}

pub(super) fn total(row: &Row, column: &str) -> Result<u64, Error> {
    Ok(u64::try_from(number(row, column)?).unwrap_or(0))
}

pub(super) fn text_opt(row: &Row, column: &str) -> Result<Option<String>, Error> {
    Ok(row.try_get::<&str, _>(index(row, column)?)?.map(str::to_owned))
}

pub(super) fn text(row: &Row, column: &str) -> Result<String, Error> {
    text_opt(row, column)?.ok_or_else(|| missing(column))
}

pub(super) fn bytes_opt(row: &Row, column: &str) -> Result<Option<Vec<u8>>, Error> {
    Ok(row.try_get::<&[u8], _>(index(row, column)?)?.map(<[u8]>::to_vec))
}

/// Columns of time are datetime2 in UTC.
pub(super) fn time_opt(row: &Row, column: &str) -> Result<Option<DateTime<Utc>>, Error> {
    Ok(row.try_get::<NaiveDateTime, _>(index(row, column)?)?.map(|time| time.and_utc()))
}

pub(super) fn time(row: &Row, column: &str) -> Result<DateTime<Utc>, Error> {
    time_opt(row, column)?.ok_or_else(|| missing(column))
}

/// An amount of decimal(18,2), in grosze.
pub(super) fn grosze(row: &Row, column: &str) -> Result<i64, Error> {
    let amount = row.try_get::<Numeric, _>(index(row, column)?)?.ok_or_else(|| missing(column))?;
    let wrong = || odd(format!("{column} is no amount of two decimals"));
    // The column has two decimals, and so has what the driver reads of it.
    if amount.scale() != 2 {
        return Err(wrong());
    }
    i64::try_from(amount.value()).map_err(|_| wrong())
}

/// Names are compared without their case: Babelfish answers OUTPUT's columns in lower case.
fn index(row: &Row, column: &str) -> Result<usize, Error> {
    row.columns().iter().position(|one| one.name().eq_ignore_ascii_case(column)).ok_or_else(|| missing(column))
}

fn missing(column: &str) -> Error {
    odd(format!("{column} is missing"))
}
