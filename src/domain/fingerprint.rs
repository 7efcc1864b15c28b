//! Failures that are alike: the same class and destination, and the same text but for ids, numbers and addresses.

use super::hex::hex;
use regex::Regex;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// A failure as its group stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The group's name: 16 hexadecimal digits.
    pub fingerprint: String,
    /// A destination or mail provider.
    pub name: String,
    /// How it failed.
    pub class: String,
    /// The error without what differs between alike failures.
    pub error: String,
}

impl Failure {
    /// The group of an error at a destination or mail provider.
    #[must_use]
    pub fn of(name: &str, class: &str, error: &str) -> Self {
        let error = alike(error);
        let mut hash = Sha256::new();
        for part in [name, class, &error] {
            hash.update(part.as_bytes());
            // No text of an error can shift the borders: it has no zero byte after `alike`.
            hash.update([0]);
        }
        Self { fingerprint: hex(&hash.finalize()[..8]), name: name.to_owned(), class: class.to_owned(), error }
    }
}

/// Enough to distinguish one kind of failure from another.
const CHARS_MAX: usize = 300;

/// An apostrophe before an address may be a quote around it; within it, it is a letter of the name (o'neill@).
static ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?:[^\s<>"'()\[\],;:@][^\s<>"()\[\],;:@]*|'+)@[^\s<>"'()\[\],;@]+"#).ok());
static ID: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[a-z_-]*\d[0-9a-z_-]{7,}\b")
        .ok()
});
static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\d+").ok());

/// An error without e-mail addresses, as lists show it.
#[must_use]
pub fn without_addresses(error: &str) -> String {
    replaced(&ADDRESS, error, "<address>")
}

fn alike(error: &str) -> String {
    let bounded: String = error.chars().take(4 * CHARS_MAX).map(|c| if c == '\0' { ' ' } else { c }).collect();
    let text = replaced(&NUMBER, &replaced(&ID, &without_addresses(&bounded), "<id>"), "<n>");
    text.chars().take(CHARS_MAX).collect()
}

fn replaced(pattern: &LazyLock<Option<Regex>>, text: &str, by: &str) -> String {
    pattern.as_ref().map_or_else(|| text.to_owned(), |pattern| pattern.replace_all(text, by).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alike_failures_have_one_fingerprint() {
        let of = |error: &str| Failure::of("queue:a", "blocked", error).fingerprint;
        for (one, other) in [
            ("connection refused (127.0.0.1:5672)", "connection refused (10.1.2.3:5671)"),
            ("550 5.1.1 <anna@x.pl>: unknown", "550 5.1.1 <jan.kowalski@y.example>: unknown"),
            (
                "TrackingId:9b1d6a0e-5f0c-4b6e-9a51-b5f1f0d7a001_G1, wait 12 s",
                "TrackingId:0b1d6a0e-5f0c-4b6e-9a51-b5f1f0d7a0ff_G1, wait 9 s",
            ),
        ] {
            assert_eq!(of(one), of(other), "{} | {}", alike(one), alike(other));
        }
        assert_ne!(of("connection refused"), of("access denied"));
        assert_ne!(of("x"), Failure::of("queue:b", "blocked", "x").fingerprint);
        assert_ne!(of("x"), Failure::of("queue:a", "refused", "x").fingerprint);
        assert_ne!(of("x"), Failure::of("queue:ab", "locked", "x").fingerprint, "a name and a class are two texts");
    }

    #[test]
    fn a_long_id_does_not_hide_the_words_after_it() {
        assert_eq!(alike(&format!("{} was refused", "7".repeat(1_000))), "<id> was refused");
    }

    #[test]
    fn no_address_is_left_and_words_stay() {
        assert_eq!(without_addresses("<Zażółć@ex.pl> refused a.b+c@d.e"), "<<address>> refused <address>");
        assert_eq!(without_addresses("<anna.o'neill@ex.pl>, 'jan@ex.pl'"), "<<address>>, '<address>'");
        assert_eq!(alike("the entity client-emails is disabled"), "the entity client-emails is disabled");
    }
}
