//! A provider's answer for storing and logging: one bounded line, without addresses.

/// Enough for any server's reference or reason; it goes into a database column and a log line.
const CHARS_MAX: usize = 200;

/// Replaces every word with an @: providers often repeat the recipient's address, which must not be logged.
pub(super) fn quoted(text: &str) -> String {
    let words = text.split_whitespace().map(|word| if word.contains('@') { "<address>" } else { word });
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(CHARS_MAX).collect()
}
