//! Printing for `ops` and `doctor`: control characters in stored text are escaped, tables fit the terminal.

pub(super) use crate::domain::age::age;
use crate::domain::{printable, route::NOT_ROUTED};
use chrono::{DateTime, SecondsFormat, Utc};
use comfy_table::{ContentArrangement, Table, presets};
use std::io::{Result, Write};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub(super) fn print_line(out: &mut dyn Write, line: &str) -> Result<()> {
    writeln!(out, "{}", cut(&printable::line(line), CELL_MAX))
}

/// The widest cell, and the longest line: more than any id or error of our own. A text of 200 KB would hide all others.
const CELL_MAX: usize = 2_000;
/// As much of a payload as a person reads.
const LONG_MAX: usize = 8_000;

/// Prints a text of any length, cut; `--json` has all of it.
pub(super) fn print_long(out: &mut dyn Write, text: &str) -> Result<()> {
    let shown: String = text.chars().take(LONG_MAX).collect();
    writeln!(out, "{}", printable::lines(&shown))?;
    match text.chars().count().checked_sub(LONG_MAX) {
        None | Some(0) => Ok(()),
        Some(left) => print_line(out, &format!("… {left} more characters: --json prints them")),
    }
}

/// Prints a table: first the columns that identify a row and its state, last the long ones. On a terminal each line is
/// cut at its width and never folded, since an id in two pieces can be neither copied nor searched for.
pub(super) fn table(out: &mut dyn Write, header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.to_vec());
    for row in rows {
        table.add_row(row.iter().map(|cell| cut(&printable::line(cell), CELL_MAX)));
    }
    for line in table.lines() {
        writeln!(out, "{}", terminal_cut(&line).trim_end())?;
    }
    Ok(())
}

/// None where stdout is not a terminal or its width is unknown: then nothing is cut to it.
fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|width| *width > 0)
}

/// The line as far as it fits the terminal.
pub(super) fn terminal_cut(line: &str) -> String {
    terminal_width().map_or_else(|| line.to_owned(), |width| cut(line, width))
}

/// None where stdout is not a terminal.
pub(super) fn terminal_height() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(usize::from(size.ws_row)).filter(|height| *height > 0)
}

/// A destination as it is printed, and as `--destination` accepts it.
pub(super) fn named(destination: &str) -> String {
    if destination.is_empty() { NOT_ROUTED.to_owned() } else { destination.to_owned() }
}

fn cut(line: &str, width: usize) -> String {
    let line = line.trim_end();
    if line.width() <= width {
        return line.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let fits = |c: &char| {
        let left = room.checked_sub(c.width().unwrap_or(0));
        room = left.unwrap_or(room);
        left.is_some()
    };
    let mut kept: String = line.chars().take_while(fits).collect();
    kept.push('…');
    kept
}

/// Formats a time for people: RFC 3339, UTC, whole seconds.
#[must_use]
pub fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// As `time`, with milliseconds: for what may happen within one second.
pub(super) fn exact_time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

pub(super) fn optional(value: Option<String>) -> String {
    value.unwrap_or_else(|| "-".to_owned())
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_line_is_cut_by_its_display_width_not_by_its_bytes() {
        assert_eq!(cut("zażółć  ", 6), "zażółć");
        assert_eq!(cut("zażółć gęślą", 8), "zażółć …");
        assert_eq!(cut("日本語日本語", 6), "日本…", "each is two wide");
        assert_eq!(cut("ab", 1), "…");
    }
}
