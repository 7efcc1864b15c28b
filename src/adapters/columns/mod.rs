//! Reads a row of either database by its columns' names. The modules below read whole rows, once for both databases.

pub(super) mod books;
pub(super) mod mail;
pub(super) mod operator;
pub(super) mod outbox;
pub(super) mod report;
pub(super) mod overview;

use chrono::{DateTime, Utc};

/// A row. A missing column or a value of another type is an error, never a panic.
pub(super) trait Columns {
    type Error;

    /// The error for a value that our schema rules out: a defect, or another program wrote it.
    fn broken(why: impl ToString) -> Self::Error;

    fn number_opt(&self, column: &str) -> Result<Option<i64>, Self::Error>;

    /// Text that any program may have written: invalid characters are replaced.
    fn text_opt(&self, column: &str) -> Result<Option<String>, Self::Error>;

    /// Text that only we write: invalid text is an error.
    fn own_text_opt(&self, column: &str) -> Result<Option<String>, Self::Error>;

    /// A message's content, as bytes: another program's insert may not be UTF-8.
    fn content(&self, column: &str) -> Result<Vec<u8>, Self::Error>;

    fn bytes_opt(&self, column: &str) -> Result<Option<Vec<u8>>, Self::Error>;

    fn time_opt(&self, column: &str) -> Result<Option<DateTime<Utc>>, Self::Error>;

    /// An amount, in grosze.
    fn grosze(&self, column: &str) -> Result<i64, Self::Error>;

    fn missing(column: &str) -> Self::Error {
        Self::broken(format!("{column} is missing"))
    }

    fn number(&self, column: &str) -> Result<i64, Self::Error> {
        self.number_opt(column)?.ok_or_else(|| Self::missing(column))
    }

    fn flag(&self, column: &str) -> Result<bool, Self::Error> {
        Ok(self.number(column)? != 0)
    }

    /// A count, clamped to 0 to `i32::MAX`, so that it can be increased.
    fn count(&self, column: &str) -> Result<u32, Self::Error> {
        Ok(u32::try_from(self.number(column)?.clamp(0, i64::from(i32::MAX))).unwrap_or_default())
    }

    fn total(&self, column: &str) -> Result<u64, Self::Error> {
        Ok(u64::try_from(self.number(column)?).unwrap_or(0))
    }

    fn text(&self, column: &str) -> Result<String, Self::Error> {
        self.text_opt(column)?.ok_or_else(|| Self::missing(column))
    }

    fn own_text(&self, column: &str) -> Result<String, Self::Error> {
        self.own_text_opt(column)?.ok_or_else(|| Self::missing(column))
    }

    fn time(&self, column: &str) -> Result<DateTime<Utc>, Self::Error> {
        self.time_opt(column)?.ok_or_else(|| Self::missing(column))
    }
}
