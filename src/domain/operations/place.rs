//! Where a page of a list ends, as opaque text.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use std::fmt::Display;

/// The place of a row in its list: its time as the database has it, and its key. It ends with a mark, so that a part of it
/// is none.
#[must_use]
pub fn place(on: impl Display, key: impl Display) -> String {
    BASE64.encode(format!("{on}|{key}|"))
}

/// The time and the key. None: the text is no place.
#[must_use]
pub fn read_place(text: &str) -> Option<(String, String)> {
    let text = String::from_utf8(BASE64.decode(text).ok()?).ok()?;
    let (on, key) = text.strip_suffix('|')?.split_once('|')?;
    (!on.is_empty()).then(|| (on.to_owned(), key.to_owned()))
}

/// # Errors
/// The text is no place: what it has to be.
pub fn checked_place(text: &str) -> Result<String, String> {
    read_place(text)
        .map(|_| text.to_owned())
        .ok_or_else(|| "must be the `next` of the page before it, whole".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_opaque_text_and_other_text_or_a_part_is_no_place() {
        let text = place(-5, "a|\u{1b}[2J&b|");
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
        assert_eq!(read_place(&text), Some(("-5".to_owned(), "a|\u{1b}[2J&b|".to_owned())));
        for other in ["", "=", "17", "\u{1b}", "////", &BASE64.encode("none|"), &BASE64.encode(b"\xff||")] {
            assert_eq!(read_place(other), None, "{other}");
        }
        let text = place(1_790_000_000_123_i64, 12_345);
        for end in 1..text.len() {
            assert_eq!(read_place(&text[..end]), None, "{end}");
        }
    }
}
