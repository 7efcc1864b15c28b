//! Columns as our types; text and times that any program may have written never fail a read.

use chrono::{DateTime, Utc};
use rusqlite::{Error, Row, types::Type};
use std::error::Error as StdError;

/// Text; what is not UTF-8 is shown with replacement characters.
pub(super) fn text(row: &Row<'_>, column: &str) -> rusqlite::Result<String> {
    Ok(optional_text(row, column)?.unwrap_or_default())
}

pub(super) fn optional_text(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<String>> {
    let bytes = row.get_ref(column)?.as_bytes_or_null()?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
}

/// A time no calendar holds becomes the nearest one it does.
pub(super) fn time(ms: i64) -> DateTime<Utc> {
    let edge = if ms < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
    DateTime::from_timestamp_millis(ms).unwrap_or(edge)
}

/// A count of rows; SQLite counts in i64.
pub(super) fn count(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

/// A value in a column that is ours alone breaks our own rules: a defect, or someone wrote there.
pub(super) fn broken(why: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    Error::FromSqlConversionFailure(0, Type::Text, why.into())
}
