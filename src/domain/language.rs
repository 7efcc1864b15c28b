//! The languages letters are written in.

use serde::{Deserialize, Deserializer, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    Pl,
    En,
}

impl Language {
    pub const ALL: [Self; 2] = [Self::Pl, Self::En];

    /// As ISO 639 and HTML's `lang` have it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Pl => "pl",
            Self::En => "en",
        }
    }

    /// # Errors
    /// Says what was expected, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|one| one.code() == text).ok_or_else(|| "must be pl or en".to_owned())
    }
}

/// For what others wrote: a language we do not have is none, and no reason to leave a client without the mail.
///
/// # Errors
/// Of the format alone.
pub fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Language>, D::Error> {
    let given = serde_json::Value::deserialize(deserializer)?;
    Ok(given.as_str().and_then(|text| Language::parse(text).ok()))
}
