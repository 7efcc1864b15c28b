//! Idempotency keys of the API's callers, and the fingerprint that distinguishes a repeat from a reuse.

use super::{hex::hex, ids::MessageId};
use sha2::{Digest, Sha256};

/// 1 to 255 printable ASCII characters. A bare and a quoted string mean the same key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads the Idempotency-Key header's value.
    ///
    /// # Errors
    /// What was expected, for a person.
    pub fn parse(header: &str) -> Result<Self, String> {
        let expected = || {
            "must be 1 to 255 printable ASCII characters, bare or in double quotes, and must not end in a space"
                .to_owned()
        };
        let text = header.trim();
        let key = match text.strip_prefix('"') {
            Some(rest) => unquote(rest).ok_or_else(expected)?,
            None if text.contains('"') => return Err(expected()),
            None => text.to_owned(),
        };
        let fine = (1..=255).contains(&key.len()) && key.bytes().all(|b| (0x20..0x7f).contains(&b));
        // T-SQL ignores trailing spaces in comparisons: two different keys here would be one there.
        if fine && !key.ends_with(' ') { Ok(Self(key)) } else { Err(expected()) }
    }

    /// The key of a write whose caller gave none. By it a store can find out whether a write with a lost answer was
    /// done. No caller can use it: `§` is not ASCII.
    #[must_use]
    pub fn of_ours(message_id: &MessageId) -> Self {
        Self(format!("§ {}", message_id.as_str()))
    }

    /// The key without quotes, as stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The key under which the answer to an operator's write is stored: no booking's, and none of the length that a column
/// takes is too long.
#[must_use]
pub fn operators_key(key: &str) -> String {
    format!("§ ops {}", hex(&Sha256::digest(key.as_bytes())))
}

/// The inside of a structured-field string (RFC 8941): `\"` and `\\` are the only escapes.
fn unquote(rest: &str) -> Option<String> {
    let inner = rest.strip_suffix('"')?;
    let mut key = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return None,
            '\\' => key.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            other => key.push(other),
        }
    }
    Some(key)
}

/// SHA-256 over method, path, If-Match and body, which must all be equal in a repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of one request.
    #[must_use]
    pub fn of(method: &str, path: &str, if_match: Option<&str>, body: &[u8]) -> Self {
        let mut hash = Sha256::new();
        // Each part is hashed with its length, so that no two requests yield the same bytes.
        for part in [method.as_bytes(), path.as_bytes(), if_match.unwrap_or("").as_bytes(), body] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hex(&hash.finalize()))
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_means_the_same_bare_and_quoted() {
        let key = |s: &str| IdempotencyKey::parse(s).map(|k| k.as_str().to_owned());
        assert_eq!(key("abc-1"), key("\"abc-1\""));
        assert_eq!(key(r#""a\"b\\""#).unwrap(), r#"a"b\"#);
        for bad in ["", "\"\"", "\"a", "a\"b", "\"a\"b\"", r#""a\n""#, "\"a \"", "ż", &"x".repeat(256)] {
            assert!(key(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_operators_key_is_no_callers_and_fits_its_column() {
        let long = operators_key(&"k".repeat(1_000));
        assert_ne!(operators_key("a"), operators_key("b"));
        assert!(long.chars().count() <= 255 && IdempotencyKey::parse(&long).is_err(), "{long}");
    }

    #[test]
    fn requests_that_differ_have_different_fingerprints() {
        let base = Fingerprint::of("POST", "/a", None, b"{}");
        assert_eq!(base, Fingerprint::of("POST", "/a", None, b"{}"));
        assert!(base.as_str().len() == 64 && base.as_str().bytes().all(|b| b.is_ascii_hexdigit()), "as stored");
        for other in [
            Fingerprint::of("PUT", "/a", None, b"{}"),
            Fingerprint::of("POST", "/b", None, b"{}"),
            Fingerprint::of("POST", "/a", None, b"[]"),
            Fingerprint::of("POST", "/a{", None, b"}"),
            Fingerprint::of("POST", "/a", Some("\"1\""), b"{}"),
        ] {
            assert_ne!(base, other);
        }
    }
}
