//! Identifiers: message ids, client ids, lease tokens.

use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// The one id of a message: of its outbox row, its Service Bus `MessageId`, and its inbox key.
///
/// 1 to 128 characters (the limit of Service Bus), no control characters, no space at the end. Ours are UUIDv7 in lower
/// case; a row inserted by another program may carry any text within these bounds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct MessageId(String);

/// Characters as .NET, JavaScript and SQL Server count them: UTF-16 units.
#[must_use]
pub fn utf16_chars(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The longest id that Service Bus takes, in UTF-16 units.
pub const MESSAGE_ID_CHARS_MAX: usize = 128;

impl MessageId {
    /// Checks an id that any program may have written.
    ///
    /// # Errors
    /// What is wrong with the text, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let chars = utf16_chars(text);
        if chars == 0 || chars > MESSAGE_ID_CHARS_MAX {
            return Err(format!("a message id must have 1 to {MESSAGE_ID_CHARS_MAX} characters, this one has {chars}"));
        }
        if text.chars().any(char::is_control) {
            return Err("a message id must not contain control characters".to_owned());
        }
        // T-SQL ignores trailing spaces in comparisons: two different ids here would be one there, and the second would
        // never be mailed.
        if text.ends_with(' ') {
            return Err("a message id must not end in a space, which SQL Server ignores in comparisons".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// A new id; version 7, so that ids sort by time.
    #[must_use]
    pub fn fresh() -> Self {
        Self(Uuid::now_v7().to_string())
    }

    /// The id as stored and sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The forms in which an id that a person typed may be stored: as typed, as a GUID of either case, or as a row's
/// number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spellings {
    /// As typed, trimmed.
    pub exact: String,
    /// As a GUID in lower case; otherwise as typed.
    pub lower: String,
    /// As a GUID in upper case; otherwise as typed.
    pub upper: String,
    /// As the `Seq` of an outbox row, if it is a number.
    pub seq: Option<i64>,
}

impl Spellings {
    /// The forms of a typed text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let exact = text.trim().to_owned();
        let guid = Uuid::parse_str(&exact).ok().map(|guid| guid.hyphenated().to_string());
        let lower = guid.clone().unwrap_or_else(|| exact.clone());
        let upper = guid.map_or_else(|| exact.clone(), |guid| guid.to_uppercase());
        Self { seq: exact.parse().ok(), exact, lower, upper }
    }

    /// Whether a stored id is one of the forms.
    #[must_use]
    pub fn fits(&self, stored: &str) -> bool {
        [&self.exact, &self.lower, &self.upper].iter().any(|spelling| *spelling == stored)
    }
}

/// A client's id: a positive integer that the server assigns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(pub i64);

impl ClientId {
    /// Reads a path segment: digits only, no sign, no leading zero. None: it can never be an id.
    #[must_use]
    pub fn parse(segment: &str) -> Option<Self> {
        let plain = !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit()) && !segment.starts_with('0');
        plain.then(|| segment.parse().ok().map(Self)).flatten()
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Proof of a lease: every claim creates a new token, and settling checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeaseToken(pub Uuid);

impl LeaseToken {
    /// A new random token.
    #[must_use]
    pub fn fresh() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for LeaseToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_in_a_path_is_a_plain_positive_integer() {
        assert_eq!(ClientId::parse("17"), Some(ClientId(17)));
        for bad in ["", "0", "01", "-1", "+1", "1.0", "abc", "9223372036854775808", "١"] {
            assert_eq!(ClientId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_message_id_fits_service_bus() {
        assert!(MessageId::parse(&"ż".repeat(128)).is_ok());
        assert!(MessageId::parse(&"x".repeat(129)).is_err());
        assert!(MessageId::parse(&"🦀".repeat(65)).is_err());
        assert!(MessageId::parse("").is_err());
        assert!(MessageId::parse("a\nb").is_err());
        assert!(MessageId::parse("a b").is_ok() && MessageId::parse("a ").is_err());
    }
}
