//! Makes text from outside safe to print: it moves no cursor, forges no line and hides nothing.

use std::fmt::Write;

/// The text in one line, for a log line or a table's cell.
#[must_use]
pub fn line(text: &str) -> String {
    text.chars().map(|c| if breaks_line(c) { ' ' } else { visible(c) }).collect()
}

/// As `line`, but keeps line feeds: for our own text that quotes others.
#[must_use]
pub fn lines(text: &str) -> String {
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Escapes such characters in JSON from serde, which leaves them as they are. Escaped, they mean the same to a program
/// and nothing to a terminal.
#[must_use]
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || !is_hidden(c) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

fn visible(c: char) -> char {
    if is_hidden(c) { char::REPLACEMENT_CHARACTER } else { c }
}

fn breaks_line(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Control characters (C0, DEL, C1), direction marks, and characters without width.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each kind: C0, DEL, C1 (CSI, NEL), bidi overrides and isolates, line separators, no width, tags.
    const HOSTILE: &str = "\u{0}\u{7}\u{8}\u{1b}\u{7f}\u{85}\u{9b}\u{61c}\u{200b}\u{200e}\u{2028}\u{2029}\u{202a}\u{202e}\
                           \u{2060}\u{2066}\u{2069}\u{feff}\u{e0041}";

    #[test]
    fn nothing_that_moves_turns_or_hides_is_printed() {
        for c in HOSTILE.chars() {
            let shown = line(&format!("a{c}b"));
            assert!(["a\u{fffd}b", "a b"].contains(&shown.as_str()), "{:?}", c.escape_unicode());
            assert_eq!(lines(&format!("x\na{c}b")), format!("x\n{shown}"));
        }
        assert_eq!(line("id\r\n12:00:00 all is well"), "id  12:00:00 all is well");
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        for text in ["Zażółć gęślą jaźń", "شركة", "日本", "👍", "a-b_c/d %1b"] {
            assert_eq!((line(text), json(text)), (text.to_owned(), text.to_owned()));
        }
    }

    #[test]
    fn escaped_json_means_the_same() {
        let written = json(&serde_json::to_string_pretty(&[HOSTILE]).unwrap());
        assert!(written.chars().all(|c| c == '\n' || !is_hidden(c)), "{written:?}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&written).unwrap(), [HOSTILE]);
    }
}
