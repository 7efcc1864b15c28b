//! One finding of a check: its subject, the state found, the remedy, and whether it is needed.

use serde::Serialize;

/// One line of a report such as `doctor`'s.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The subject, such as a setting or a destination.
    pub about: String,
    /// How serious it is.
    pub level: Level,
    /// The state found, as a sentence; never a secret.
    pub what: String,
    /// What to do. None where nothing needs to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub todo: Option<String>,
}

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Fine,
    /// Worth knowing; nothing is lost by it.
    Note,
    /// It could not be checked.
    Unknown,
    /// Something does not work, or will not when it is needed.
    Problem,
}

impl Level {
    /// The level in output.
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
    /// A finding that needs nothing.
    #[must_use]
    pub fn fine(about: &str, what: &str) -> Self {
        Self { about: about.to_owned(), level: Level::Fine, what: what.to_owned(), todo: None }
    }

    /// A finding worth knowing.
    #[must_use]
    pub fn note(about: &str, what: &str, todo: &str) -> Self {
        Self { level: Level::Note, ..Self::problem(about, what, todo) }
    }

    /// A check that could not be made.
    #[must_use]
    pub fn unknown(about: &str, what: &str, todo: &str) -> Self {
        Self { level: Level::Unknown, ..Self::problem(about, what, todo) }
    }

    /// A fault, and its remedy.
    #[must_use]
    pub fn problem(about: &str, what: &str, todo: &str) -> Self {
        Self { todo: Some(todo.to_owned()), level: Level::Problem, ..Self::fine(about, what) }
    }
}
