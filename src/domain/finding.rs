//! One thing a check found: about what, what is, what to do, and whether it must be done.

use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub about: String,
    pub level: Level,
    /// A sentence; never a secret.
    pub what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub todo: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Fine,
    /// Worth knowing; nothing is lost by it.
    Note,
    /// It could not be looked at.
    Unknown,
    /// Something does not work, or will not when it is needed.
    Problem,
}

impl Level {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Note => "note",
            Self::Unknown => "unknown",
            Self::Problem => "problem",
        }
    }
}

impl Finding {
    #[must_use]
    pub fn fine(about: &str, what: &str) -> Self {
        Self { about: about.to_owned(), level: Level::Fine, what: what.to_owned(), todo: None }
    }

    #[must_use]
    pub fn note(about: &str, what: &str, todo: &str) -> Self {
        Self { level: Level::Note, ..Self::problem(about, what, todo) }
    }

    #[must_use]
    pub fn unknown(about: &str, what: &str, todo: &str) -> Self {
        Self { level: Level::Unknown, ..Self::problem(about, what, todo) }
    }

    #[must_use]
    pub fn problem(about: &str, what: &str, todo: &str) -> Self {
        Self { todo: Some(todo.to_owned()), level: Level::Problem, ..Self::fine(about, what) }
    }
}
