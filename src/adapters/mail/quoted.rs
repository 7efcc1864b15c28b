//! What a provider said, fit to be kept and logged: one bounded line, without addresses.

/// Enough for any server's reference or reason; it goes into a database column and a log line.
const CHARS_MAX: usize = 200;

/// Providers like to repeat the recipient's address, which belongs into no log: every word with an @ is left out.
pub(super) fn quoted(text: &str) -> String {
    let words = text.split_whitespace().map(|word| if word.contains('@') { "<address>" } else { word });
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(CHARS_MAX).collect()
}
