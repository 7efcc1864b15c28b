//! The languages of letters.

use serde::{Deserialize, Deserializer, Serialize};

/// A language of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Polish.
    Pl,
    /// English.
    En,
}

impl Language {
    /// Every language; the first comes first where all are shown.
    pub const ALL: [Self; 2] = [Self::Pl, Self::En];

    /// The code of ISO 639, as in HTML's `lang`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Pl => "pl",
            Self::En => "en",
        }
    }

    /// Reads a code of ISO 639, in lower case.
    ///
    /// # Errors
    /// What was expected, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|one| one.code() == text).ok_or_else(|| "must be pl or en".to_owned())
    }
}

/// Deserializes what others wrote: an unknown language reads as None, so that the client still gets the mail.
///
/// # Errors
/// Only those of the format itself.
pub fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Language>, D::Error> {
    let given = serde_json::Value::deserialize(deserializer)?;
    Ok(given.as_str().and_then(|text| Language::parse(text).ok()))
}
